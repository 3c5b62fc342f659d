//! Connections to the server that is restored into, and queries with a time limit.

use crate::drill::course::with_causes;
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row};

/// Time limit of a connection and of what takes no longer than it.
pub(super) const QUICK: Duration = Duration::from_secs(60);

/// A connection. Errors are in the server's words.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
}

impl Session {
    /// Connects, within [`QUICK`].
    pub(super) async fn open(config: &Config) -> Result<Self, String> {
        let database = config.get_dbname().unwrap_or_default();
        let doing = || format!("cannot connect to database {database:?}");
        let connecting = tokio::time::timeout(QUICK, config.connect(NoTls)).await;
        let (client, connection) = connecting
            .map_err(|_| format!("{}: no answer within {QUICK:?}", doing()))?
            .map_err(|error| format!("{}: {}", doing(), words(&error)))?;
        // It ends with the client; what goes wrong with it, the next query says.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { client })
    }

    /// Runs statements that return nothing.
    pub(super) async fn run(&self, statements: &str, limit: Duration) -> Result<(), String> {
        limited(limit, self.client.batch_execute(statements)).await
    }

    /// Asks for rows.
    pub(super) async fn rows(
        &self,
        query: &str,
        params: &[&(dyn ToSql + Sync)],
        limit: Duration,
    ) -> Result<Vec<Row>, String> {
        limited(limit, self.client.query(query, params)).await
    }

    /// The first column of each row.
    pub(super) async fn names(&self, query: &str) -> Result<Vec<String>, String> {
        let rows = self.rows(query, &[], QUICK).await?;
        rows.iter().map(|row| row.try_get(0).map_err(|error| words(&error))).collect()
    }
}

async fn limited<T>(
    limit: Duration,
    asking: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, String> {
    match tokio::time::timeout(limit, asking).await {
        Ok(answer) => answer.map_err(|error| words(&error)),
        Err(_) => Err(format!("no answer within {limit:?}")),
    }
}

/// What the server said, details included; else what the driver says.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    let Some(said) = error.as_db_error() else { return with_causes(error) };
    let more = [said.detail(), said.hint()].into_iter().flatten().map(|more| format!(" ({more})"));
    format!("{}{}", said.message(), more.collect::<String>())
}
