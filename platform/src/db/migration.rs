//! Migrations: SQL files in the binary, each run once, in order, in a transaction of its own.
//!
//! What ran is in the table `sabot_migrations`, with a checksum: a file that has been changed after it ran is an
//! error, not a surprise in production. Two that migrate at once do so one after the other.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio_postgres::{Client, Config, NoTls};

/// Serialises migrations; any number of ours would do, as long as it stays the same.
const LOCK: i64 = 0x5ab0_7001;

/// How long to wait for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// One file.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its name, which orders it: `0001_teams`.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

/// The files of one owner: the platform, or a track.
#[derive(Debug, Clone, Copy)]
pub struct MigrationSet {
    /// Whose tables these are.
    pub owner: &'static str,
    /// The files in order.
    pub migrations: &'static [Migration],
}

impl MigrationSet {
    /// How many files there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.migrations.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.migrations.is_empty()
    }
}

/// Runs what has not run yet, and says how many files that were.
///
/// # Errors
/// When the database cannot be reached, a file fails (nothing of it stays), or one was changed after it ran.
pub async fn migrate(config: &Config, sets: &[MigrationSet]) -> Result<usize, MigrationError> {
    let mut config = config.clone();
    config.connect_timeout(CONNECT_LIMIT);
    let (mut client, connection) = config.connect(NoTls).await.map_err(MigrationError::Connect)?;
    // Ends when the client goes, and the lock with it.
    let driver = tokio::spawn(connection);
    let done = migrate_with(&mut client, sets).await;
    drop(client);
    let _closed = driver.await;
    done
}

async fn migrate_with(client: &mut Client, sets: &[MigrationSet]) -> Result<usize, MigrationError> {
    prepare(client).await.map_err(MigrationError::Prepare)?;
    let mut ran = 0;
    for set in sets {
        for migration in set.migrations {
            ran += usize::from(apply(client, set.owner, migration).await?);
        }
    }
    Ok(ran)
}

async fn prepare(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute("SET lock_timeout = '60s'; SET client_min_messages = warning").await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    client
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS sabot_migrations (
                 owner text NOT NULL,
                 name text NOT NULL,
                 checksum text NOT NULL,
                 applied_at timestamptz NOT NULL DEFAULT now(),
                 PRIMARY KEY (owner, name)
             )",
        )
        .await
}

/// Whether it ran just now.
async fn apply(client: &mut Client, owner: &str, migration: &Migration) -> Result<bool, MigrationError> {
    let failed = |source| MigrationError::Failed { owner: owner.to_owned(), name: migration.name, source };
    let checksum: String = Sha256::digest(migration.sql).iter().map(|byte| format!("{byte:02x}")).collect();
    let transaction = client.transaction().await.map_err(failed)?;
    let known = transaction
        .query_opt(
            "SELECT checksum FROM sabot_migrations WHERE owner = $1 AND name = $2",
            &[&owner, &migration.name],
        )
        .await
        .map_err(failed)?;
    if let Some(row) = known {
        return match row.get::<_, String>(0) == checksum {
            true => Ok(false),
            false => Err(MigrationError::Changed { owner: owner.to_owned(), name: migration.name }),
        };
    }
    transaction.batch_execute(migration.sql).await.map_err(failed)?;
    transaction
        .execute(
            "INSERT INTO sabot_migrations (owner, name, checksum) VALUES ($1, $2, $3)",
            &[&owner, &migration.name, &checksum],
        )
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(true)
}

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// No connection.
    #[error("the database cannot be reached; check --database-url")]
    Connect(#[source] tokio_postgres::Error),
    /// The table of what ran could not be made, or another migration held the lock for too long.
    #[error("the migration cannot begin; may this user create tables, and does another migration run?")]
    Prepare(#[source] tokio_postgres::Error),
    /// A file failed, and was rolled back.
    #[error("migration {owner}/{name} failed and was rolled back")]
    Failed {
        /// Whose file.
        owner: String,
        /// Which file.
        name: &'static str,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A file that ran is not the file that is there now.
    #[error(
        "migration {owner}/{name} was changed after it ran: restore it, and put the change into a new file"
    )]
    Changed {
        /// Whose file.
        owner: String,
        /// Which file.
        name: &'static str,
    },
}
