//! The worker's settings.

use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use sabot_readiness::Criticality;

use crate::db::DatabaseSettings;
use crate::service::VERSION;
use crate::settings::{
    AcceptedArgs, ArtifactStoreArgs, BackupArgs, BackupSettings, BrevoArgs, Common, CommonArgs, Declared,
    EmailSettings, ForwarderArgs, PlatformDatabaseArgs, Problems, PropagationArgs, PropagationSettings,
    ProvisionerArgs, Secret, Upstream,
};
use crate::upstreams::{ARTIFACT_STORE, BREVO, PLATFORM_DB};

/// How the runner's heartbeat is declared.
pub(super) const PROPAGATION_RUNNER: Declared =
    Declared { name: "propagation_runner", criticality: Criticality::Critical, cache_period: None };

const DECLARED: &[Declared] = &[PLATFORM_DB, PROPAGATION_RUNNER, BREVO, ARTIFACT_STORE];

/// The worker: the loops behind the platform.
///
/// Every flag is also read from the environment variable beside it; the flag wins. Exit codes: 0 ended by a signal,
/// 1 could not start, 3 settings that cannot work.
#[derive(Debug, Clone, Parser)]
#[command(name = "sabot-worker", version = VERSION)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    pub(super) database: PlatformDatabaseArgs,
    #[command(flatten)]
    propagation: PropagationArgs,
    #[command(flatten)]
    provisioner: ProvisionerArgs,
    #[command(flatten)]
    brevo: BrevoArgs,
    #[command(flatten)]
    forwarder: ForwarderArgs,
    #[command(flatten)]
    accepted: AcceptedArgs,
    #[command(flatten)]
    artifact_store: ArtifactStoreArgs,
    #[command(flatten)]
    backup: BackupArgs,
}

/// What to do instead of serving.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Command {
    /// Print the registry: the declared delivery events, the kinds with what becomes of them, the propagations
    Kinds {
        /// How
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Print as JSON who consumes each kind, or why nobody does
    Contract,
    /// List, show, replay or discard the propagations that failed their last attempt
    DeadLetters {
        /// What to do with them.
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
}

/// What to do with dead letters. Exit codes: 0 done, 1 no such dead letter or no database, 3 settings that cannot work.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum DeadLettersCommand {
    /// List them by id
    List {
        /// Only those with ids above this one
        #[arg(long, value_name = "ID", default_value = "0")]
        after: i64,
        /// How many at most (1 to 500)
        #[arg(long, value_name = "N", default_value = "100")]
        limit: i64,
        /// How
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Show one with its payload and its last error
    Show {
        /// Its id
        id: i64,
        /// How
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Make one due at once, with all its attempts before it
    Replay {
        /// Its id
        id: i64,
    },
    /// Delete one; its audit entry holds it
    Discard {
        /// Its id
        id: i64,
    },
}

/// How something is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line for each, for people.
    Text,
    /// One object, for programs.
    Json,
}

/// The worker's settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) common: Common,
    pub(super) database: DatabaseSettings,
    pub(super) propagation: PropagationSettings,
    pub(super) provisioner: Upstream,
    pub(super) brevo: Option<Upstream>,
    pub(super) email: EmailSettings,
    pub(super) accepted_too_long: Duration,
    pub(super) artifact_store: Option<Upstream>,
    pub(super) backup: Option<BackupSettings>,
}

impl Cli {
    /// Checks the flags, each and against each other.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn settle(&self) -> Result<Settings, Problems> {
        let mut problems = Problems::default();
        let common = self.common.settle(DECLARED, &mut problems);
        let grace = common.as_ref().map(|common| common.shutdown_grace);
        let propagation = self.propagation.settle(grace, &mut problems);
        let provisioner = self.provisioner.settle(&mut problems);
        let database = self.database.settle("sabot-worker", &mut problems);
        let brevo = self.brevo.settle(&mut problems);
        let email = self.forwarder.settle(&mut problems);
        let accepted_too_long = self.accepted.settle(&mut problems);
        let artifact_store = self.artifact_store.settle(&mut problems);
        let backup = self.backup.settle(&mut problems);
        let whole = || {
            let (common, database, email) = (common?, database?, email?);
            let (propagation, provisioner, accepted_too_long) =
                (propagation?, provisioner?, accepted_too_long?);
            Some(Settings {
                common,
                database,
                propagation,
                provisioner,
                brevo,
                email,
                accepted_too_long,
                artifact_store,
                backup,
            })
        };
        problems.settle(whole())
    }
}

impl Settings {
    /// Every credential among them.
    #[must_use]
    pub fn secrets(&self) -> Vec<&Secret> {
        let upstreams = [&self.brevo, &self.artifact_store].into_iter().flatten();
        let mut secrets = vec![&self.common.token, &self.database.url, &self.provisioner.credential];
        secrets.extend(upstreams.map(|upstream| &upstream.credential));
        secrets
    }
}
