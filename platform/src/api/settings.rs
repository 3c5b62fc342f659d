//! The api's settings.

use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Parser, Subcommand};
use sabot_readiness::Criticality;

use crate::db::DatabaseSettings;
use crate::service::VERSION;
use crate::settings::{
    AcceptedArgs, ArtifactStoreArgs, BrevoArgs, Common, CommonArgs, Declared, PlatformDatabaseArgs, Problems,
    ProvisionerArgs, Secret, Upstream, WebhookArgs, WebhookSettings,
};
use crate::upstreams::{ARTIFACT_STORE, BREVO, PLATFORM_DB};

/// How the provisioner is declared.
pub(super) const PROVISIONER: Declared =
    Declared { name: "provisioner", criticality: Criticality::Critical, cache_period: None };

const DECLARED: &[Declared] = &[PLATFORM_DB, PROVISIONER, BREVO, ARTIFACT_STORE];

/// The api: teams, their tier, their resources, the audit trail.
///
/// Every flag is also read from the environment variable beside it; the flag wins. Exit codes: 0 ended by a signal,
/// or migrated; 1 could not start or migrate; 3 settings that cannot work.
#[derive(Debug, Clone, Parser)]
#[command(name = "sabot-api", version = VERSION)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    pub(super) database: PlatformDatabaseArgs,
    /// Bring the schema up to date at the start, in the background, again and again until it is done
    #[arg(long, env = "SABOT_MIGRATE", value_parser = BoolishValueParser::new())]
    migrate: bool,
    #[command(flatten)]
    provisioner: ProvisionerArgs,
    #[command(flatten)]
    brevo: BrevoArgs,
    #[command(flatten)]
    webhook: WebhookArgs,
    #[command(flatten)]
    accepted: AcceptedArgs,
    #[command(flatten)]
    artifact_store: ArtifactStoreArgs,
}

/// What to do instead of serving.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Command {
    /// Bring the schema of --database-url up to date, and end
    Migrate,
}

/// The api's settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) common: Common,
    pub(super) database: DatabaseSettings,
    pub(super) migrate: bool,
    pub(super) provisioner: Upstream,
    pub(super) brevo: Option<Upstream>,
    pub(super) webhook: Option<WebhookSettings>,
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
        let common = self.common.settle(DECLARED, &mut problems);
        let database = self.database.settle("sabot-api", &mut problems);
        let provisioner = self.provisioner.settle(&mut problems);
        let brevo = self.brevo.settle(&mut problems);
        let webhook = self.webhook.settle(&mut problems);
        let accepted_too_long = self.accepted.settle(&mut problems);
        let artifact_store = self.artifact_store.settle(&mut problems);
        let migrate = self.migrate;
        let whole = || {
            let (common, database, provisioner) = (common?, database?, provisioner?);
            let accepted_too_long = accepted_too_long?;
            Some(Settings {
                common,
                database,
                migrate,
                provisioner,
                brevo,
                webhook,
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
        let mut secrets = vec![&self.common.token, &self.database.url, &self.provisioner.credential];
        secrets.extend(upstreams.map(|upstream| &upstream.credential));
        secrets.extend(self.webhook.iter().flat_map(|webhook| &webhook.given));
        secrets
    }
}
