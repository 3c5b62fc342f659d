//! The worker's settings.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use sabot_readiness::Criticality;

use crate::db::DatabaseSettings;
use crate::service::VERSION;
use crate::settings::{
    AcceptedArgs, ArtifactStoreArgs, BrevoArgs, Common, CommonArgs, DatabaseArgs, Declared, EmailSettings,
    ForwarderArgs, Problems, Secret, Upstream, parse_duration,
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
    /// The platform's database; best given by environment or file, for it holds a password
    #[arg(long, env = "SABOT_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// A file with that connection string
    #[arg(long, env = "SABOT_DATABASE_URL_FILE", value_name = "FILE")]
    database_url_file: Option<PathBuf>,
    /// The most connections to the database at once; readiness has one of its own besides
    #[arg(long, env = "SABOT_POOL_SIZE", value_name = "N", default_value = "10")]
    pool_size: String,
    /// How often the propagation runner looks for work
    #[arg(long, env = "SABOT_PROPAGATION_POLL", value_name = "DURATION", default_value = "1s")]
    propagation_poll: String,
    /// After how long without a tick the runner counts as failed; at least twice the polling period
    #[arg(long, env = "SABOT_PROPAGATION_STALE_AFTER", value_name = "DURATION", default_value = "15s")]
    propagation_stale_after: String,
    #[command(flatten)]
    brevo: BrevoArgs,
    #[command(flatten)]
    forwarder: ForwarderArgs,
    #[command(flatten)]
    accepted: AcceptedArgs,
    #[command(flatten)]
    artifact_store: ArtifactStoreArgs,
}

/// What to do instead of serving.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Command {
    /// Print the registry: the declared delivery events, and the kinds with what becomes of them
    Kinds {
        /// How
        #[arg(long, default_value = "text")]
        format: Format,
    },
}

/// How the registry is printed.
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
    pub(super) poll: Duration,
    pub(super) runner_stale_after: Duration,
    pub(super) brevo: Option<Upstream>,
    pub(super) email: EmailSettings,
    pub(super) accepted_too_long: Duration,
    pub(super) artifact_store: Option<Upstream>,
}

impl Cli {
    /// Checks the flags, each and against each other.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn settle(&self) -> Result<Settings, Problems> {
        let mut problems = Problems::default();
        let form = "give a duration such as 100ms or 15s";
        let poll = problems.take("propagation-poll", parse_duration(&self.propagation_poll), form);
        let stale = parse_duration(&self.propagation_stale_after);
        let stale = problems.take("propagation-stale-after", stale, form);
        if let (Some(poll), Some(stale)) = (poll, stale)
            && stale < poll * 2
        {
            let what = format!("{stale:?} is less than twice the polling period of {poll:?}");
            problems.add("propagation-stale-after", what, "raise it, or lower --propagation-poll");
        }
        let common = self.common.settle(DECLARED, &mut problems);
        let database = DatabaseArgs {
            flag: "database-url",
            url: self.database_url.as_deref(),
            file: self.database_url_file.as_ref(),
            pool_size: &self.pool_size,
        };
        let database = database.settle("sabot-worker", &mut problems);
        let brevo = self.brevo.settle(&mut problems);
        let email = self.forwarder.settle(&mut problems);
        let accepted_too_long = self.accepted.settle(&mut problems);
        let artifact_store = self.artifact_store.settle(&mut problems);
        let whole = || {
            let (common, database, poll, runner_stale_after) = (common?, database?, poll?, stale?);
            let (email, accepted_too_long) = (email?, accepted_too_long?);
            Some(Settings {
                common,
                database,
                poll,
                runner_stale_after,
                brevo,
                email,
                accepted_too_long,
                artifact_store,
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
        let mut secrets = vec![&self.common.token, &self.database.url];
        secrets.extend(upstreams.map(|upstream| &upstream.credential));
        secrets
    }
}
