//! Enqueuing, in the transaction of the change that is to be propagated.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use crate::kind::New;

const ONE: &str = "INSERT INTO pending_propagations (kind, team_id, target_tier, payload, next_attempt_at)
     VALUES ($1::text::propagation_kind, $2, $3, $4::text::jsonb, now() + $5::bigint * interval '1 microsecond')
     RETURNING id";

// In the order given, so that ids rise in it: a newer propagation of the same thing is known by its id.
const MANY: &str = "INSERT INTO pending_propagations (kind, team_id, target_tier, payload, next_attempt_at)
     SELECT kind::propagation_kind, team_id, target_tier, payload::jsonb, now() + delay * interval '1 microsecond'
     FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[])
         WITH ORDINALITY AS new (kind, team_id, target_tier, payload, delay, position)
     ORDER BY position
     RETURNING id";

/// Enqueues one propagation and returns its id. It exists if and only if the transaction commits; an idle runner is
/// woken by the commit.
///
/// # Errors
/// When the database refuses: no such kind in the enum, the schema is missing, the connection is gone. The transaction
/// is then no longer usable.
pub async fn enqueue(transaction: &Transaction<'_>, new: &New) -> Result<i64, EnqueueError> {
    let failed = |error| EnqueueError::of(error, new.kind);
    let statement = transaction.prepare_cached(ONE).await.map_err(failed)?;
    let row = transaction
        .query_one(&statement, &[&new.kind, &new.team_id, &new.target_tier, &new.payload, &delay(new)])
        .await
        .map_err(failed)?;
    Ok(row.get(0))
}

/// Enqueues propagations with one statement and returns their ids, in order and rising.
///
/// # Errors
/// As [`enqueue`]; then none of them is enqueued.
pub async fn enqueue_many(transaction: &Transaction<'_>, new: &[New]) -> Result<Vec<i64>, EnqueueError> {
    let failed = |error| EnqueueError::of(error, &kinds(new));
    let statement = transaction.prepare_cached(MANY).await.map_err(failed)?;
    let kinds: Vec<_> = new.iter().map(|new| new.kind).collect();
    let teams: Vec<_> = new.iter().map(|new| new.team_id).collect();
    let tiers: Vec<_> = new.iter().map(|new| new.target_tier.as_deref()).collect();
    let payloads: Vec<_> = new.iter().map(|new| new.payload.as_str()).collect();
    let delays: Vec<_> = new.iter().map(delay).collect();
    let rows = transaction.query(&statement, &[&kinds, &teams, &tiers, &payloads, &delays]).await;
    Ok(rows.map_err(failed)?.iter().map(|row: &Row| row.get(0)).collect())
}

fn delay(new: &New) -> i64 {
    i64::try_from(new.delay.as_micros()).unwrap_or(i64::MAX)
}

/// The kinds among these, each once.
fn kinds(new: &[New]) -> String {
    let mut kinds: Vec<_> = new.iter().map(|new| new.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.join(", ")
}

/// Why nothing was enqueued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// The enum does not have the kind.
    #[error("the enum propagation_kind lacks {kind}: add the value in a migration before it is enqueued")]
    Kind {
        /// Which, or which of these.
        kind: String,
        /// What the database said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Anything else.
    #[error("the database did not take the propagation")]
    Database(#[source] tokio_postgres::Error),
}

impl EnqueueError {
    fn of(error: tokio_postgres::Error, kind: &str) -> Self {
        match error.code() {
            Some(code) if *code == SqlState::INVALID_TEXT_REPRESENTATION => {
                Self::Kind { kind: kind.to_owned(), source: error }
            }
            _ => Self::Database(error),
        }
    }
}
