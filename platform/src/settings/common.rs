//! What every service can be told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use tokio_postgres::config::SslMode;
use tracing::level_filters::LevelFilter;

use super::duration::{FORM, parse_duration};
use super::problem::Problems;
use super::readiness::{Declared, ReadinessArgs, ReadinessSettings};
use super::secret::{self, Secret};
use crate::db::DatabaseSettings;

/// The flags of every service.
#[derive(Debug, Clone, Args)]
pub struct CommonArgs {
    /// The address to listen on; port 0 takes a free one, which the log line "listening" tells
    #[arg(long, env = "SABOT_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: String,
    /// The bearer token that callers must present (at least 16 characters)
    #[arg(long, env = "SABOT_SERVICE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub service_token: Option<String>,
    /// A file with that token
    #[arg(long, env = "SABOT_SERVICE_TOKEN_FILE", value_name = "FILE")]
    pub service_token_file: Option<PathBuf>,
    /// The commit that /readyz shows
    #[arg(long, env = "SABOT_COMMIT_ID", value_name = "ID", default_value = "unknown")]
    pub commit_id: String,
    /// What is logged: off, error, warn, info, debug or trace
    #[arg(long, env = "SABOT_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
    /// How long a request may take before it is answered with 504
    #[arg(long, env = "SABOT_REQUEST_TIME_LIMIT", value_name = "DURATION", default_value = "10s")]
    pub request_time_limit: String,
    /// How long what is in flight may take to finish after SIGTERM; not less than a request may take
    #[arg(long, env = "SABOT_SHUTDOWN_GRACE", value_name = "DURATION", default_value = "25s")]
    pub shutdown_grace: String,
    /// The readiness flags.
    #[command(flatten)]
    pub readiness: ReadinessArgs,
}

/// What every service was told, checked.
#[derive(Debug, Clone)]
pub struct Common {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What callers must present.
    pub token: Secret,
    /// What `/readyz` shows as the commit.
    pub commit_id: String,
    /// What is logged.
    pub log_level: LevelFilter,
    /// How long a request may take.
    pub request_time_limit: Duration,
    /// How long what is in flight may take after a signal.
    pub shutdown_grace: Duration,
    /// How each dependency is judged.
    pub readiness: ReadinessSettings,
}

impl CommonArgs {
    /// Checks each flag, and the flags against each other.
    pub fn settle(&self, declared: &'static [Declared], problems: &mut Problems) -> Option<Common> {
        let listen = self.listen.parse().map_err(|_| format!("{:?} is no address", self.listen));
        let listen = problems.take("listen", listen, "give an IP address and a port, such as 127.0.0.1:8080");
        let (value, file) = (self.service_token.as_deref(), self.service_token_file.as_deref());
        let token = secret::token(problems, "service-token", value, file);
        let level =
            LevelFilter::from_str(&self.log_level).map_err(|_| format!("{:?} is no level", self.log_level));
        let log_level = problems.take("log-level", level, "choose of off, error, warn, info, debug, trace");
        let request_time_limit =
            problems.take("request-time-limit", parse_duration(&self.request_time_limit), FORM);
        let shutdown_grace = problems.take("shutdown-grace", parse_duration(&self.shutdown_grace), FORM);
        if let (Some(grace), Some(limit)) = (shutdown_grace, request_time_limit)
            && grace < limit
        {
            let what = format!("{grace:?} is less than the {limit:?} that a request may take");
            problems.add("shutdown-grace", what, "raise it, or lower --request-time-limit");
        }
        let readiness = self.readiness.settle(declared, problems);
        Some(Common {
            listen: listen?,
            token: token?,
            commit_id: self.commit_id.clone(),
            log_level: log_level?,
            request_time_limit: request_time_limit?,
            shutdown_grace: shutdown_grace?,
            readiness: readiness?,
        })
    }
}

/// The flags of the platform's database.
#[derive(Debug, Clone, Args)]
pub struct PlatformDatabaseArgs {
    /// The platform's database; best given by environment or file, for it holds a password
    #[arg(long, env = "SABOT_DATABASE_URL", value_name = "URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// A file with that connection string
    #[arg(long, env = "SABOT_DATABASE_URL_FILE", value_name = "FILE", global = true)]
    pub database_url_file: Option<PathBuf>,
    /// The most connections to it at once, besides readiness' own one and the worker's for its loops
    #[arg(long, env = "SABOT_POOL_SIZE", value_name = "N", default_value = "10")]
    pub pool_size: String,
}

impl PlatformDatabaseArgs {
    /// Checks them.
    pub fn settle(&self, service: &'static str, problems: &mut Problems) -> Option<DatabaseSettings> {
        let args = DatabaseArgs {
            flag: "database-url",
            url: self.database_url.as_deref(),
            file: self.database_url_file.as_ref(),
            pool_size: &self.pool_size,
        };
        args.settle(service, problems)
    }

    /// Checks them alone, for what needs nothing else.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn settle_alone(&self, service: &'static str) -> Result<DatabaseSettings, Problems> {
        let mut problems = Problems::default();
        let database = self.settle(service, &mut problems);
        problems.settle(database)
    }
}

/// The flags of a service's database, whatever that setting is called.
#[derive(Debug, Clone, Copy)]
pub struct DatabaseArgs<'a> {
    /// The flag's name without its dashes.
    pub flag: &'static str,
    /// The connection string, if given by value.
    pub url: Option<&'a str>,
    /// The file that holds it, if given by file.
    pub file: Option<&'a PathBuf>,
    /// How many connections the pool may hold.
    pub pool_size: &'a str,
}

impl DatabaseArgs<'_> {
    /// Checks the connection string; it is never repeated, for it holds a password.
    pub fn settle(&self, service: &'static str, problems: &mut Problems) -> Option<DatabaseSettings> {
        let form = "give postgres://USER:PASSWORD@HOST:PORT/DATABASE";
        let size = self.pool_size.trim().parse().ok().filter(|size| (1..=1_000).contains(size));
        let size = size.ok_or_else(|| format!("{:?} is no number of connections", self.pool_size));
        let pool_size = problems.take("pool-size", size, "give 1 to 1000");
        if self.url.is_none_or(|url| url.trim().is_empty()) && self.file.is_none() {
            problems.add(self.flag, "is not given", form);
            return None;
        }
        let url = secret::given(problems, self.flag, self.url, self.file.map(PathBuf::as_path))?;
        // The parser's error repeats parts of the string only as key names, but nothing guarantees it.
        let parsed = tokio_postgres::Config::from_str(url.expose());
        let mut config = problems.take(
            self.flag,
            parsed.map_err(|_| "is no connection string of PostgreSQL".to_owned()),
            form,
        )?;
        if config.get_hosts().is_empty() {
            problems.add(self.flag, "names no host", form);
        }
        if config.get_dbname().is_none() {
            problems.add(self.flag, "names no database", form);
        }
        if config.get_ssl_mode() == SslMode::Require {
            problems.add(
                self.flag,
                "asks for TLS, which these services do not speak to PostgreSQL",
                "use sslmode=disable",
            );
        }
        config.application_name(service);
        Some(DatabaseSettings { config, url, pool_size: pool_size? })
    }
}
