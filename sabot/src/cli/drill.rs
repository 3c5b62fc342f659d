//! The arguments of `sabot drill`.

use super::{Show, duration};
use clap::{ArgGroup, Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Which drill.
#[derive(Debug, Args)]
pub(crate) struct DrillArgs {
    #[command(subcommand)]
    pub(crate) engine: DrillEngine,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DrillEngine {
    /// Restore an artifact of PostgreSQL into a throwaway server: a dump in any form, of one database or of all, or a
    /// base backup.
    ///
    /// Exit codes: 0 it is good; 1 it is not; 2 nothing is wrong, but what should be in it could not be told; 3 bad
    /// usage; 130 and 143 interrupted, after clean-up.
    Postgres(Box<DrillPostgresArgs>),
    /// Restore an archive of mongodump into a throwaway server. What a real MongoDB made takes a `mongod` on the PATH.
    ///
    /// Exit codes: 0 it is good; 1 it is not; 2 nothing is wrong, but what should be in it could not be told; 3 bad
    /// usage; 130 and 143 interrupted, after clean-up.
    Mongo(Box<DrillMongoArgs>),
}

/// What every drill is told.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("source").required(true).args(["job", "pattern", "file"])))]
pub(crate) struct DrillSource {
    /// Where artifacts are kept: a folder, file:///folder or s3://bucket/prefix.
    #[arg(long, value_name = "STORE", env = "SABOT_BACKUP_STORE")]
    pub(crate) store: Option<String>,
    /// The backup job whose artifact is drilled.
    #[arg(long, value_name = "NAME")]
    pub(crate) job: Option<String>,
    /// Which artifact of the job: `newest`, `random`, or a name.
    #[arg(long, value_name = "newest, random or NAME", default_value = "newest", requires = "job")]
    pub(crate) artifact: String,
    /// The newest artifact in the store that matches: one that somebody else made, without a manifest.
    #[arg(long, value_name = "GLOB")]
    pub(crate) pattern: Option<String>,
    /// A file or folder that somebody else made, without a manifest.
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
    /// How old the data may be.
    #[arg(long, value_name = "DURATION", default_value = "30h", value_parser = duration)]
    pub(crate) rpo: Duration,
    /// Keep the restored server up for so long, until standard input ends; its address is printed.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) hold: Option<Duration>,
    /// What to show: `text` for people, `json` is a line for each event, the report as the last.
    #[arg(long, value_enum, default_value_t = Show::Text)]
    pub(crate) format: Show,
}

#[derive(Debug, Args)]
pub(crate) struct DrillPostgresArgs {
    #[command(flatten)]
    pub(crate) source: DrillSource,
    /// A query that must return a row whose first column is neither false nor null; may be given again.
    #[arg(long, value_name = "SQL")]
    pub(crate) smoke: Vec<String>,
    /// The database that these queries are asked of, where several are restored.
    #[arg(long, value_name = "DATABASE")]
    pub(crate) smoke_on: Option<String>,
    /// How long the recovery may take, from now to the last smoke query answered.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub(crate) rto: Duration,
    /// Restore into this server, not into one of our own: it must be empty, hold the token, and not be the source.
    #[arg(
        long,
        value_name = "URL",
        env = "SABOT_SANDBOX_URL",
        hide_env_values = true,
        requires = "sandbox_token"
    )]
    pub(crate) sandbox_url: Option<String>,
    /// What its table `sabot_disposable` holds in column `token`.
    #[arg(long, value_name = "TOKEN", env = "SABOT_SANDBOX_TOKEN", hide_env_values = true)]
    pub(crate) sandbox_token: Option<String>,
    /// The server that the artifact was taken from, to be told from the sandbox.
    #[arg(long, value_name = "URL", env = "SABOT_SOURCE_URL", hide_env_values = true)]
    pub(crate) source_url: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DrillMongoArgs {
    #[command(flatten)]
    pub(crate) source: DrillSource,
    /// A collection that must have at least MIN documents (1); may be given again.
    #[arg(long, value_name = "DATABASE.COLLECTION[=MIN]")]
    pub(crate) smoke: Vec<String>,
    /// How long the recovery may take, from now to the last smoke query answered.
    #[arg(long, value_name = "DURATION", default_value = "3m", value_parser = duration)]
    pub(crate) rto: Duration,
}
