//! The provisioner's settings.

use std::path::PathBuf;

use clap::Parser;
use sabot_readiness::Criticality;

use crate::db::DatabaseSettings;
use crate::service::VERSION;
use crate::settings::{Common, CommonArgs, DatabaseArgs, Declared, Problems, Secret};

/// How the customers' database server is declared.
pub(super) const CUSTOMER_DB: Declared =
    Declared { name: "customer_db", criticality: Criticality::Critical, cache_period: None };

const DECLARED: &[Declared] = &[CUSTOMER_DB];

/// The provisioner: a database and a role per resource, on the customers' PostgreSQL.
///
/// Every flag is also read from the environment variable beside it; the flag wins. Exit codes: 0 ended by a signal,
/// 1 could not start, 3 settings that cannot work.
#[derive(Debug, Clone, Parser)]
#[command(name = "sabot-provisioner", version = VERSION)]
pub struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    /// The customers' server, as a user that may create databases and roles; best given by environment or file
    #[arg(long, env = "SABOT_CUSTOMER_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    customer_database_url: Option<String>,
    /// A file with that connection string
    #[arg(long, env = "SABOT_CUSTOMER_DATABASE_URL_FILE", value_name = "FILE")]
    customer_database_url_file: Option<PathBuf>,
    /// The most connections to the server at once; readiness has one of its own besides
    #[arg(long, env = "SABOT_POOL_SIZE", value_name = "N", default_value = "5")]
    pool_size: String,
}

/// The provisioner's settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) common: Common,
    pub(super) database: DatabaseSettings,
}

impl Cli {
    /// Checks the flags, each and against each other.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn settle(&self) -> Result<Settings, Problems> {
        let mut problems = Problems::default();
        let common = self.common.settle(DECLARED, &mut problems);
        let database = DatabaseArgs {
            flag: "customer-database-url",
            url: self.customer_database_url.as_deref(),
            file: self.customer_database_url_file.as_ref(),
            pool_size: &self.pool_size,
        };
        let database = database.settle("sabot-provisioner", &mut problems);
        let whole = || Some(Settings { common: common?, database: database? });
        problems.settle(whole())
    }
}

impl Settings {
    /// Every credential among them.
    #[must_use]
    pub fn secrets(&self) -> Vec<&Secret> {
        vec![&self.common.token, &self.database.url]
    }
}
