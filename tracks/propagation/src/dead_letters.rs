//! Dead letters: seen, replayed, discarded.

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, GenericClient, Row};

use crate::audit::Audit;

/// The most that a list holds.
pub const MAX_PAGE: i64 = 500;

/// A propagation that failed its last attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its id.
    pub id: i64,
    /// Its kind.
    pub kind: String,
    /// The team that it is about.
    pub team_id: Option<i64>,
    /// The tier that the team was to have.
    pub target_tier: Option<String>,
    /// What it carries.
    pub payload: Value,
    /// How often it failed.
    pub attempts: i32,
    /// The last error, redacted when it was stored.
    pub last_error: Option<String>,
    /// When it was enqueued.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was last attempted.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_attempt_at: Option<OffsetDateTime>,
    /// When it died.
    #[serde(with = "time::serde::rfc3339")]
    pub failed_at: OffsetDateTime,
}

impl DeadLetter {
    fn of(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.try_get(0)?,
            kind: row.try_get(1)?,
            team_id: row.try_get(2)?,
            target_tier: row.try_get(3)?,
            payload: row.try_get(4)?,
            attempts: row.try_get(5)?,
            last_error: row.try_get(6)?,
            created_at: row.try_get(7)?,
            last_attempt_at: row.try_get(8)?,
            failed_at: row.try_get(9)?,
        })
    }
}

const COLUMNS: &str = "id, kind::text, team_id, target_tier, payload, attempts, last_error, created_at,
    last_attempt_at, failed_at";

/// Dead letters with ids above `after`, by id, at most `limit` of them (1 to [`MAX_PAGE`]).
///
/// # Errors
/// When the database does not answer as it should.
pub async fn list<C: GenericClient>(client: &C, after: i64, limit: i64) -> Result<Vec<DeadLetter>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM pending_propagations WHERE failed_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2"
    );
    let limit = limit.clamp(1, MAX_PAGE);
    let rows = client.query_typed(&sql, &[(&after, Type::INT8), (&limit, Type::INT8)]).await?;
    rows.iter().map(DeadLetter::of).collect()
}

/// One dead letter; `None` if there is none of this id.
///
/// # Errors
/// When the database does not answer as it should.
pub async fn show<C: GenericClient>(client: &C, id: i64) -> Result<Option<DeadLetter>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM pending_propagations WHERE failed_at IS NOT NULL AND id = $1");
    let row = client.query_typed_opt(&sql, &[(&id, Type::INT8)]).await?;
    row.as_ref().map(DeadLetter::of).transpose()
}

/// Makes dead letters due at once, with all their attempts before them, and returns the ids of those that were dead.
/// Each leaves an audit row `propagation.replayed` in the name of `actor`.
///
/// # Errors
/// When the database does not answer as it should; then nothing has changed.
pub async fn replay<C: GenericClient>(
    client: &C,
    ids: &[i64],
    actor: &str,
    audit: &Audit,
) -> Result<Vec<i64>, Error> {
    let trail = audit.after(
        "SELECT 'propagation.replayed' AS kind, team_id, $2::text AS actor,
            'propagation ' || id || ' (' || kind || ') replayed' AS summary,
            jsonb_build_object('propagation_id', id, 'propagation_kind', kind, 'failures', failures,
                'error', error) AS payload
        FROM changed",
    );
    let sql = format!(
        "WITH dead AS MATERIALIZED (
            SELECT id, attempts, last_error FROM pending_propagations
            WHERE id = ANY ($1) AND failed_at IS NOT NULL ORDER BY id FOR UPDATE
        ), changed AS (
            UPDATE pending_propagations AS p
            SET failed_at = NULL, attempts = 0, lost_leases = 0, lease = NULL, next_attempt_at = now()
            FROM dead WHERE p.id = dead.id
            RETURNING p.id, p.kind::text AS kind, p.team_id, dead.attempts AS failures, dead.last_error AS error
        ){trail}
        SELECT id, propagation_ring() FROM changed ORDER BY id"
    );
    changed(client, &sql, ids, actor).await
}

/// Deletes dead letters and returns the ids of those that were dead. Each leaves an audit row `propagation.discarded`
/// in the name of `actor`, which holds it whole.
///
/// # Errors
/// When the database does not answer as it should; then nothing has changed.
pub async fn discard<C: GenericClient>(
    client: &C,
    ids: &[i64],
    actor: &str,
    audit: &Audit,
) -> Result<Vec<i64>, Error> {
    let trail = audit.after(
        "SELECT 'propagation.discarded' AS kind, team_id, $2::text AS actor,
            'propagation ' || id || ' (' || kind || ') discarded' AS summary,
            jsonb_build_object('propagation_id', id, 'propagation_kind', kind, 'propagation', whole) AS payload
        FROM changed",
    );
    let sql = format!(
        "WITH changed AS (
            DELETE FROM pending_propagations AS p WHERE id = ANY ($1) AND failed_at IS NOT NULL
            RETURNING p.id, p.kind::text AS kind, p.team_id, to_jsonb(p) AS whole
        ){trail}
        SELECT id FROM changed ORDER BY id"
    );
    changed(client, &sql, ids, actor).await
}

async fn changed<C: GenericClient>(
    client: &C,
    sql: &str,
    ids: &[i64],
    actor: &str,
) -> Result<Vec<i64>, Error> {
    let rows = client.query_typed(sql, &[(&ids, Type::INT8_ARRAY), (&actor, Type::TEXT)]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
