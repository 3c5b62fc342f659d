//! The queues under measurement: their schemas, filled by their own batch calls, and what "finished" is in each.

use tokio_postgres::Client;

use super::place::Database;
use super::{apalis, graphile, ours};
use crate::Outcome;

/// Rows that one call enqueues when a queue is filled.
pub(crate) const PORTION: usize = 1000;

/// A schema, and who fills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Ours, with the platform's `audit_log`.
    Ours,
    /// The same with the index by team, which kinds need of which only a team's newest propagation counts.
    Superseding,
    /// Ours without the trigger that wakes runners: the table of the bare `INSERT`.
    Bare,
    /// `graphile_worker`.
    Graphile,
    /// `apalis-postgres`.
    Apalis,
}

impl Queue {
    /// Makes the schema and puts rows into it.
    pub(crate) async fn fill(self, database: &Database, due: usize, kept: usize) -> Outcome {
        let client = database.connect().await?;
        match self {
            Self::Ours | Self::Superseding | Self::Bare => {
                ours::schema(&client, self).await?;
                ours::keep(&client, kept).await?;
                ours::fill(database, due).await?;
            }
            Self::Graphile => graphile::fill(database, due).await?,
            Self::Apalis => apalis::fill(database, due).await?,
        }
        // What autovacuum would do to the template at some time between two rounds is done now.
        client.batch_execute("VACUUM ANALYZE").await?;
        Ok(())
    }

    /// How many rows are not finished yet.
    pub(crate) async fn unfinished(self, client: &Client) -> Outcome<i64> {
        let sql = match self {
            Self::Ours | Self::Superseding | Self::Bare => {
                "SELECT count(*) FROM pending_propagations WHERE applied_at IS NULL AND failed_at IS NULL"
            }
            Self::Graphile => "SELECT count(*) FROM graphile_worker._private_jobs",
            Self::Apalis => "SELECT count(*) FROM apalis.jobs WHERE status <> 'Done'",
        };
        Ok(client.query_one(sql, &[]).await?.try_get(0)?)
    }

    /// A statement that enqueues one row, for whoever times the commit that follows.
    pub(crate) fn enqueue_one(self) -> &'static str {
        match self {
            Self::Ours | Self::Superseding | Self::Bare => ours::ENQUEUE,
            Self::Graphile => graphile::ENQUEUE,
            Self::Apalis => apalis::ENQUEUE,
        }
    }
}
