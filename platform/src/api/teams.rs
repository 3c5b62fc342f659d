//! Teams and their tier. A change of the tier commits together with its audit entry and its propagation.

use axum::extract::State;
use axum::http::StatusCode;
use sabot_propagation::enqueue;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::audit::{self, Page};
use super::routes::Api;
use crate::db::Client;
use crate::http::{ApiError, Json, Path, Query};
use crate::kind::Kind;
use crate::propagation::tier_elevation;
use crate::tier::Tier;

#[derive(Debug, Serialize)]
pub(super) struct Team {
    id: i64,
    name: String,
    tier: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl Team {
    fn of(row: &Row) -> Self {
        Self { id: row.get(0), name: row.get(1), tier: row.get(2), email: row.get(3), created_at: row.get(4) }
    }

    /// The payload of an entry that the team is told of: with its address, as it was then.
    fn told(&self, mut payload: Value) -> Value {
        if let Some(email) = &self.email {
            payload["email"] = email.as_str().into();
        }
        payload
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Teams {
    teams: Vec<Team>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTeam {
    name: String,
    #[serde(default = "first_tier")]
    tier: Tier,
    /// Where it is told of what happens to it.
    #[serde(default)]
    email: Option<String>,
}

const fn first_tier() -> Tier {
    Tier::Free
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTier {
    tier: Tier,
}

/// A name that people can read in a list.
pub(super) fn valid_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(ApiError::invalid("name: give 1 to 100 characters, none of them a control character"));
    }
    Ok(name.to_owned())
}

/// An address that has a chance, within the length that SMTP allows (RFC 5321, 4.5.3.1).
fn valid_email(email: &str) -> Result<String, ApiError> {
    let email = email.trim();
    let parts = email.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if !parts || email.len() > 254 || email.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(ApiError::invalid("email: give one address, such as team@example.com"));
    }
    Ok(email.to_owned())
}

/// `POST /teams`.
pub(super) async fn create(
    State(api): State<Api>,
    Json(new): Json<NewTeam>,
) -> Result<(StatusCode, axum::Json<Team>), ApiError> {
    let name = valid_name(&new.name)?;
    let email = new.email.as_deref().map(valid_email).transpose()?;
    let team = api.database.run(move |client| Box::pin(insert(client, name, new.tier, email))).await?;
    Ok((StatusCode::CREATED, axum::Json(team)))
}

async fn insert(
    client: &mut Client,
    name: String,
    tier: Tier,
    email: Option<String>,
) -> Result<Team, ApiError> {
    let transaction = client.transaction().await?;
    let statement = transaction
        .prepare_cached(
            "INSERT INTO teams (name, tier, contact_email) VALUES ($1, $2, $3)
             RETURNING id, name, tier, contact_email, created_at",
        )
        .await?;
    let inserted = transaction.query_one(&statement, &[&name, &tier.as_str(), &email]).await;
    let row = inserted.map_err(|error| match error.code() {
        Some(code) if *code == SqlState::UNIQUE_VIOLATION => {
            ApiError::conflict("name_taken", "another team has this name")
        }
        _ => error.into(),
    })?;
    let team = Team::of(&row);
    let summary = format!("team {name} created");
    let payload = team.told(json!({ "name": name, "tier": tier }));
    audit::write(&transaction, Kind::TeamCreated, team.id, &summary, payload).await?;
    transaction.commit().await?;
    Ok(team)
}

/// `GET /teams`.
pub(super) async fn list(
    State(api): State<Api>,
    Query(page): Query<Page>,
) -> Result<axum::Json<Teams>, ApiError> {
    let read = api.database.run(move |client| {
        Box::pin(async move {
            let statement = client
                .prepare_cached(
                    "SELECT id, name, tier, contact_email, created_at FROM teams WHERE id > $1 ORDER BY id LIMIT $2",
                )
                .await?;
            client.query(&statement, &[&page.after, &page.limit()]).await.map_err(ApiError::from)
        })
    });
    Ok(axum::Json(Teams { teams: read.await?.iter().map(Team::of).collect() }))
}

/// `GET /teams/{team}`.
pub(super) async fn show(
    State(api): State<Api>,
    Path(team): Path<i64>,
) -> Result<axum::Json<Team>, ApiError> {
    let read = api.database.run(move |client| {
        Box::pin(async move {
            let statement = client
                .prepare_cached("SELECT id, name, tier, contact_email, created_at FROM teams WHERE id = $1")
                .await?;
            client.query_opt(&statement, &[&team]).await.map_err(ApiError::from)
        })
    });
    let row = read.await?.ok_or_else(|| ApiError::not_found("team"))?;
    Ok(axum::Json(Team::of(&row)))
}

/// `POST /teams/{team}/tier`.
pub(super) async fn change_tier(
    State(api): State<Api>,
    Path(team): Path<i64>,
    Json(new): Json<NewTier>,
) -> Result<axum::Json<Team>, ApiError> {
    let changed = api.database.run(move |client| Box::pin(set_tier(client, team, new.tier))).await?;
    Ok(axum::Json(changed))
}

async fn set_tier(client: &mut Client, team: i64, tier: Tier) -> Result<Team, ApiError> {
    let transaction = client.transaction().await?;
    let statement = transaction
        .prepare_cached(
            "SELECT id, name, tier, contact_email, created_at FROM teams WHERE id = $1 FOR UPDATE",
        )
        .await?;
    let row =
        transaction.query_opt(&statement, &[&team]).await?.ok_or_else(|| ApiError::not_found("team"))?;
    let before = Team::of(&row);
    if before.tier == tier.as_str() {
        return Ok(before);
    }
    let statement = transaction.prepare_cached("UPDATE teams SET tier = $2 WHERE id = $1").await?;
    transaction.execute(&statement, &[&team, &tier.as_str()]).await?;
    // A tier that this build no longer knows ranks below every other.
    let rises = before.tier.parse::<Tier>().map_or(true, |known| known < tier);
    let kind = if rises { Kind::SubscriptionUpgraded } else { Kind::SubscriptionDowngraded };
    let summary = format!("tier changed from {} to {}", before.tier, tier.as_str());
    let payload = before.told(json!({ "from": before.tier, "to": tier }));
    audit::write(&transaction, kind, team, &summary, payload).await?;
    // The team's row is locked, so ids rise in the order of the changes: the newest is known by its id.
    enqueue(&transaction, &tier_elevation(team, &before.tier, tier)?).await?;
    transaction.commit().await?;
    Ok(Team { tier: tier.as_str().to_owned(), ..before })
}
