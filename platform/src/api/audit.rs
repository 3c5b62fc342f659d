//! The audit trail: who did what, written in the same transaction as the deed.

use axum::extract::State;
use deadpool_postgres::Transaction;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use super::routes::Api;
use crate::db::Database;
use crate::http::{ApiError, Path, Query};
use crate::kind::Kind;

/// Who acts, as far as the api knows: whoever holds its token.
pub(super) const ACTOR: &str = "api";

/// Adds an entry about a team.
pub(super) async fn write(
    transaction: &Transaction<'_>,
    kind: Kind,
    team: i64,
    summary: &str,
    payload: Value,
) -> Result<(), tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "INSERT INTO audit_log (kind, team_id, actor, summary, payload) VALUES ($1, $2, $3, $4, $5)",
        )
        .await?;
    transaction.execute(&statement, &[&kind.as_str(), &team, &ACTOR, &summary, &payload]).await?;
    Ok(())
}

/// Adds an entry about a call of the webhook without a valid secret, unless the last minute has one of the same
/// source. The source comes masked.
pub(super) async fn write_refusal(database: &Database, source: String) -> Result<(), ApiError> {
    let written = database.run(move |client| {
        Box::pin(async move {
            let statement = client
                .prepare_cached(
                    "INSERT INTO audit_log (kind, actor, summary, payload)
                     SELECT $1, $2, 'a call without a valid secret was refused',
                         jsonb_build_object('source', $3::text)
                     WHERE NOT EXISTS (SELECT FROM audit_log WHERE kind = 'webhook.refused'
                         AND payload ->> 'source' = $3 AND created_at > now() - interval '1 minute')",
                )
                .await?;
            client
                .execute(&statement, &[&Kind::WebhookRefused.as_str(), &ACTOR, &source])
                .await
                .map_err(ApiError::from)
        })
    });
    written.await.map(drop)
}

/// Which part of a list is wanted: entries with ids above `after`, at most `limit` of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    pub(super) after: i64,
    #[serde(default)]
    limit: Option<i64>,
}

impl Page {
    /// How many at most: 100 unless asked otherwise, never more than 500.
    pub(super) fn limit(&self) -> i64 {
        self.limit.unwrap_or(100).clamp(1, 500)
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Entries {
    entries: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    id: i64,
    kind: String,
    team_id: Option<i64>,
    actor: String,
    summary: String,
    payload: Value,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

/// `GET /teams/{team}/audit`.
pub(super) async fn list(
    State(api): State<Api>,
    Path(team): Path<i64>,
    Query(page): Query<Page>,
) -> Result<axum::Json<Entries>, ApiError> {
    let read = api.database.run(move |client| {
        Box::pin(async move {
            let statement = client
                .prepare_cached(
                    "SELECT id, kind, team_id, actor, summary, payload, created_at FROM audit_log
                     WHERE team_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                )
                .await?;
            client.query(&statement, &[&team, &page.after, &page.limit()]).await.map_err(ApiError::from)
        })
    });
    let entry = |row: tokio_postgres::Row| Entry {
        id: row.get(0),
        kind: row.get(1),
        team_id: row.get(2),
        actor: row.get(3),
        summary: row.get(4),
        payload: row.get(5),
        created_at: row.get(6),
    };
    Ok(axum::Json(Entries { entries: read.await?.into_iter().map(entry).collect() }))
}
