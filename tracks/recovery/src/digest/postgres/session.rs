//! One connection that reads one snapshot, under settings that make every value's text the same everywhere.

use super::{DigestError, How};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// What the text of a value depends on, and what would hide rows.
const FIXED: &str = "SET search_path = pg_catalog, pg_temp;
SET DateStyle = 'ISO, YMD'; SET TimeZone = 'UTC'; SET IntervalStyle = 'postgres';
SET extra_float_digits = 1; SET bytea_output = 'hex'; SET xmlbinary = 'base64'; SET xmloption = 'content';
SET lc_monetary = 'C'; SET lc_numeric = 'C'; SET lc_time = 'C';
SET row_security = off; SET quote_all_identifiers = off;
SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET standard_conforming_strings = on;
SET synchronize_seqscans = on; SET jit = off";

/// The server ends a statement soon after its asker is gone, where it can tell (PostgreSQL 14 and newer).
const CHECK: &str = "SELECT set_config(name, '1000', false) FROM pg_catalog.pg_settings
WHERE name = 'client_connection_check_interval'";

/// A connection within a transaction of its own. Dropping it ends both.
pub(super) struct Session {
    client: Client,
}

impl Session {
    /// Connects, and begins to read this snapshot, or the present.
    pub(super) async fn open(
        config: &Config,
        how: &How,
        snapshot: Option<&str>,
    ) -> Result<Self, DigestError> {
        let (client, connection) = config.connect(NoTls).await.map_err(DigestError::Connect)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                // Whoever waits for an answer gets it too.
                tracing::debug!(%error, "a connection for digests ended");
            }
        });
        let session = Self { client };
        let limit = how.limit.as_millis();
        // A worker costs the planner more than it does here, where every row is read and next to none is returned.
        let workers = format!(
            "SET statement_timeout = {limit}; SET max_parallel_workers_per_gather = {}; SET parallel_setup_cost = 0;
             SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = '1MB'",
            how.workers
        );
        session.run(&format!("{FIXED}; {CHECK}; {workers}")).await?;
        // A message of its own: statements that share one share a transaction, whose level is settled by the first.
        session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        if let Some(snapshot) = snapshot {
            session.run(&format!("SET TRANSACTION SNAPSHOT {}", literal(snapshot))).await?;
        }
        Ok(session)
    }

    /// Lets other sessions read what this one reads.
    pub(super) async fn export(&self) -> Result<String, DigestError> {
        self.value("the snapshot", "SELECT pg_catalog.pg_export_snapshot()").await
    }

    /// The name of the database.
    pub(super) async fn database(&self) -> Result<String, DigestError> {
        self.value("the database", "SELECT pg_catalog.current_database()").await
    }

    async fn value(&self, subject: &str, sql: &str) -> Result<String, DigestError> {
        let row = self.row(subject, sql).await?;
        let value = row.into_iter().next().flatten();
        value.ok_or_else(|| DigestError::Unreadable { subject: subject.to_owned() })
    }

    /// The only row of an answer, each value as its text.
    pub(super) async fn row(&self, subject: &str, sql: &str) -> Result<Vec<Option<String>>, DigestError> {
        let row = self.rows(subject, sql).await?.into_iter().next();
        row.ok_or_else(|| DigestError::Unreadable { subject: subject.to_owned() })
    }

    /// Every row of an answer, each value as its text: one trip, and no type need be known.
    pub(super) async fn rows(
        &self,
        subject: &str,
        sql: &str,
    ) -> Result<Vec<Vec<Option<String>>>, DigestError> {
        let answered = self.client.simple_query(sql).await;
        let messages =
            answered.map_err(|source| DigestError::Statement { subject: subject.to_owned(), source })?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    async fn run(&self, sql: &str) -> Result<(), DigestError> {
        let done = self.client.batch_execute(sql).await;
        done.map_err(|source| DigestError::Statement { subject: "the snapshot".to_owned(), source })
    }
}

/// A text as an SQL literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
