//! The connection that holds lock and snapshot as long as the backup runs.

use super::super::BackupError;
use crate::tool::major_of;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, Row};

/// How long one statement of it may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The first look: nothing may end this session while it idles within its transaction.
const BEGIN: &str =
    "SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0; SET lock_timeout = 0";

/// The key of the advisory lock that a backup for this job holds on its source database: the first eight bytes, as a
/// signed big-endian number, of the SHA-256 of `sabot backup JOB`.
#[must_use]
pub fn lock_key(job: &str) -> i64 {
    let hash = Sha256::digest(format!("sabot backup {job}"));
    hash.first_chunk().copied().map_or(0, i64::from_be_bytes)
}

/// A source with its lock held. Dropping it lets go.
pub(super) struct Source {
    client: Client,
    driver: JoinHandle<()>,
    /// How to connect to it once more.
    pub(super) config: Config,
    /// Such as `15.18`.
    pub(super) version: String,
    /// Such as 15.
    pub(super) major: u32,
}

impl Source {
    /// Connects and takes the lock.
    pub(super) async fn open(config: &Config, job: &str) -> Result<Self, BackupError> {
        if config.get_ssl_mode() == SslMode::Require {
            return Err(BackupError::Tls);
        }
        let mut config = config.clone();
        config.application_name("sabot backup");
        let connected =
            timeout(LIMIT, config.connect(NoTls)).await.map_err(|_| BackupError::Late { limit: LIMIT })?;
        let (client, connection) = connected.map_err(BackupError::Connect)?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection to the source of a backup ended");
            }
        });
        let mut source = Self { client, driver, config, version: String::new(), major: 0 };
        source.run("prepare the session", BEGIN).await?;
        let sql = "SELECT split_part(current_setting('server_version'), ' ', 1), current_database()::text";
        let row = source.row("tell its version", sql).await?;
        let (version, database): (String, String) = (row.get(0), row.get(1));
        source.major = major_of(&version).unwrap_or_default();
        source.version = version;
        match source.lock(job).await? {
            true => Ok(source),
            false => Err(BackupError::Running { database, job: job.to_owned() }),
        }
    }

    async fn lock(&self, job: &str) -> Result<bool, BackupError> {
        let sql = "/* backup lock */ SELECT pg_try_advisory_lock($1)";
        let (doing, key) = ("take the backup lock", lock_key(job));
        let rows = limited(doing, self.client.query_typed(sql, &[(&key, Type::INT8)])).await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    /// Begins the snapshot that is to be dumped, and gives its name and its moment. That is the beginning of the
    /// transaction: nothing committed before it is missing.
    pub(super) async fn snapshot(&self) -> Result<(String, OffsetDateTime), BackupError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.run("begin a snapshot", begin).await?;
        let row = self.row("export its snapshot", "SELECT pg_export_snapshot(), now()").await?;
        Ok((row.get(0), row.get(1)))
    }

    /// The server's clock.
    pub(super) async fn clock(&self) -> Result<OffsetDateTime, BackupError> {
        Ok(self.row("tell the time", "SELECT clock_timestamp()").await?.get(0))
    }

    /// The size of one number that a query gives, in bytes.
    pub(super) async fn bytes(&self, sql: &str) -> Result<u64, BackupError> {
        let bytes: i64 = self.row("tell its size", sql).await?.get(0);
        Ok(bytes.unsigned_abs())
    }

    /// The names of tablespaces other than the two that every server has.
    pub(super) async fn tablespaces(&self) -> Result<Option<String>, BackupError> {
        let sql = "SELECT string_agg(spcname::text, ', ' ORDER BY spcname) FROM pg_tablespace WHERE oid NOT IN (1663, 1664)";
        Ok(self.row("list its tablespaces", sql).await?.get(0))
    }

    /// Done when the connection is.
    pub(super) async fn lost(&mut self) {
        let _ended = (&mut self.driver).await;
    }

    async fn row(&self, doing: &'static str, sql: &str) -> Result<Row, BackupError> {
        let mut rows = limited(doing, self.client.query(sql, &[])).await?;
        rows.pop().ok_or(BackupError::Lost)
    }

    async fn run(&self, doing: &'static str, sql: &str) -> Result<(), BackupError> {
        limited(doing, self.client.batch_execute(sql)).await
    }
}

async fn limited<T>(
    doing: &'static str,
    asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, BackupError> {
    let answered = timeout(LIMIT, asked).await.map_err(|_| BackupError::Late { limit: LIMIT })?;
    answered.map_err(|source| BackupError::Source { doing, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_lock_is_the_documented_one() {
        // printf 'sabot backup platform' | sha256sum
        assert_ne!(lock_key("platform"), lock_key("other"));
        let hash = Sha256::digest("sabot backup platform");
        assert_eq!(lock_key("platform").to_be_bytes(), hash[..8]);
    }
}
