//! The arguments of `sabot backup`.

use super::{Show, duration};
use clap::{Args, Subcommand};
use std::num::NonZeroUsize;
use std::time::Duration;

/// Of what.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    pub(crate) engine: BackupEngine,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupEngine {
    /// Take a backup of a PostgreSQL database, or with `--physical` of its whole server.
    ///
    /// Exit codes: 0 it is taken; 1 it is not, and nothing is left of it; 3 bad usage; 130 and 143 interrupted, after
    /// clean-up.
    Postgres(BackupPostgresArgs),
    /// Take a backup of a server that speaks MongoDB's protocol, or of the one database that the address names.
    ///
    /// Exit codes: 0 it is taken; 1 it is not, and nothing is left of it; 3 bad usage; 130 and 143 interrupted, after
    /// clean-up.
    Mongo(BackupMongoArgs),
}

/// What every backup is told.
#[derive(Debug, Args)]
pub(crate) struct BackupInto {
    /// Where artifacts are kept: a folder, file:///folder or s3://bucket/prefix (with the usual AWS_* variables).
    #[arg(long, value_name = "STORE", env = "SABOT_BACKUP_STORE")]
    pub(crate) store: String,
    /// The backup job that the artifact belongs to.
    #[arg(long, value_name = "NAME")]
    pub(crate) job: String,
    /// Keep the newest N whole artifacts of the job, and remove the older ones.
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<NonZeroUsize>,
    /// How long it may take.
    #[arg(long, value_name = "DURATION", default_value = "12h", value_parser = duration)]
    pub(crate) limit: Duration,
    /// What to show: `text` for people, `json` is the manifest.
    #[arg(long, value_enum, default_value_t = Show::Text)]
    pub(crate) format: Show,
}

#[derive(Debug, Args)]
pub(crate) struct BackupPostgresArgs {
    /// The source; best given by the environment, for it holds a password (which PGPASSWORD may hold as well).
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) into: BackupInto,
    /// Copy the files of the whole server (`pg_basebackup`), not the rows of one database.
    #[arg(long)]
    pub(crate) physical: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackupMongoArgs {
    /// The source, such as mongodb://host:27017; best given by the environment where it holds a password.
    #[arg(long, value_name = "URL", env = "MONGODB_URL", hide_env_values = true)]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) into: BackupInto,
}
