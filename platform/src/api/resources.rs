//! Resources: a database and a role of a team's own, made and removed by the provisioner.
//!
//! Making one takes two systems, so it goes in three steps, any of which may be the last before a crash: the row is
//! committed as `pending`, the provisioner is asked, the row becomes `ready` together with its audit entry. The same
//! request again goes on from wherever it stopped; the provisioner does not mind being asked twice. Meanwhile the
//! row is locked, so that of two requests at once one is answered 409, and no password is given out that another
//! request has replaced. That lock holds a connection while the provisioner works, which its time limit bounds.
//!
//! A change of the team's tier meanwhile re-grades what is `ready`, and so passes this resource by. So the tier is read
//! once more before the row becomes `ready`, under a lock that lets no change commit in between: whatever commits
//! earlier is seen here, and whatever commits later sees a resource that is `ready`.

use axum::extract::State;
use axum::http::StatusCode;
use deadpool_postgres::Transaction;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::audit;
use super::provisioning::{Provisioned, Provisioner};
use super::routes::Api;
use super::teams::valid_name;
use crate::db::Client;
use crate::http::{ApiError, Json, Path};
use crate::kind::Kind;
use crate::settings::Secret;
use crate::tier::Tier;

#[derive(Debug, Serialize)]
pub(super) struct Resource {
    id: i64,
    team_id: i64,
    name: String,
    state: String,
    /// Only in the answer that made it: nobody stores the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<Access>,
}

#[derive(Debug, Serialize)]
struct Access {
    #[serde(flatten)]
    provisioned: Provisioned,
    password: String,
}

impl Resource {
    fn of(row: &Row) -> Self {
        Self { id: row.get(0), team_id: row.get(1), name: row.get(2), state: row.get(3), access: None }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Resources {
    resources: Vec<Resource>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewResource {
    name: String,
}

/// `GET /teams/{team}/resources`.
pub(super) async fn list(
    State(api): State<Api>,
    Path(team): Path<i64>,
) -> Result<axum::Json<Resources>, ApiError> {
    let read = api.database.run(move |client| {
        Box::pin(async move {
            let statement = client
                .prepare_cached(
                    "SELECT id, team_id, name, state FROM resources WHERE team_id = $1 ORDER BY id",
                )
                .await?;
            client.query(&statement, &[&team]).await.map_err(ApiError::from)
        })
    });
    Ok(axum::Json(Resources { resources: read.await?.iter().map(Resource::of).collect() }))
}

/// `POST /teams/{team}/resources`: 201 with its password when this request made it, 200 without when it was there.
pub(super) async fn create(
    State(api): State<Api>,
    Path(team): Path<i64>,
    Json(new): Json<NewResource>,
) -> Result<(StatusCode, axum::Json<Resource>), ApiError> {
    let name = valid_name(&new.name)?;
    let resource = api.database.run(move |client| Box::pin(declare(client, team, name))).await?;
    let made = api.database.run(move |client| Box::pin(make(client, api.provisioner, resource))).await?;
    let status = if made.access.is_some() { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(made)))
}

/// The row's id, old or new.
async fn declare(client: &mut Client, team: i64, name: String) -> Result<i64, ApiError> {
    let statement = client
        .prepare_cached(
            "INSERT INTO resources (team_id, name) VALUES ($1, $2) ON CONFLICT (team_id, name) DO NOTHING",
        )
        .await?;
    client.execute(&statement, &[&team, &name]).await.map_err(|error| match error.code() {
        Some(code) if *code == SqlState::FOREIGN_KEY_VIOLATION => ApiError::not_found("team"),
        _ => error.into(),
    })?;
    let statement =
        client.prepare_cached("SELECT id FROM resources WHERE team_id = $1 AND name = $2").await?;
    let row = client.query_opt(&statement, &[&team, &name]).await?;
    row.map(|row| row.get(0)).ok_or_else(in_progress)
}

async fn make(client: &mut Client, provisioner: Provisioner, id: i64) -> Result<Resource, ApiError> {
    let transaction = client.transaction().await?;
    let row = locked(&transaction, id).await?;
    let mut resource = Resource::of(&row);
    match resource.state.as_str() {
        "pending" => {}
        "ready" => return Ok(resource),
        _ => return Err(in_progress()),
    }
    let tier = known_tier(row.get(4))?;
    let password = new_password()?;
    let mut provisioned = provisioner.ensure(id, tier, &password).await?;
    let tier_now = hold_tier(&transaction, resource.team_id).await?;
    if tier_now != tier {
        provisioned = provisioner.ensure(id, tier_now, &password).await?;
    }
    set_state(&transaction, id, "ready").await?;
    let summary = format!("resource {} created", resource.name);
    let payload = json!({ "resource": id, "database": provisioned.database, "tier": tier_now });
    audit::write(&transaction, Kind::ResourceCreated, resource.team_id, &summary, payload).await?;
    transaction.commit().await?;
    resource.state = "ready".to_owned();
    resource.access = Some(Access { provisioned, password: password.expose().to_owned() });
    Ok(resource)
}

/// `DELETE /teams/{team}/resources/{resource}`.
pub(super) async fn delete(
    State(api): State<Api>,
    Path((team, resource)): Path<(i64, i64)>,
) -> Result<StatusCode, ApiError> {
    api.database.run(move |client| Box::pin(condemn(client, team, resource))).await?;
    api.database.run(move |client| Box::pin(remove(client, api.provisioner, resource))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// From here on it is going to go, whatever crashes.
async fn condemn(client: &mut Client, team: i64, resource: i64) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("UPDATE resources SET state = 'deleting' WHERE team_id = $1 AND id = $2")
        .await?;
    match client.execute(&statement, &[&team, &resource]).await? {
        0 => Err(ApiError::not_found("resource")),
        _ => Ok(()),
    }
}

async fn remove(client: &mut Client, provisioner: Provisioner, id: i64) -> Result<(), ApiError> {
    let transaction = client.transaction().await?;
    let resource = Resource::of(&locked(&transaction, id).await?);
    provisioner.remove(id).await?;
    let statement = transaction.prepare_cached("DELETE FROM resources WHERE id = $1").await?;
    transaction.execute(&statement, &[&id]).await?;
    let summary = format!("resource {} deleted", resource.name);
    let payload = json!({ "resource": id });
    audit::write(&transaction, Kind::ResourceDeleted, resource.team_id, &summary, payload).await?;
    Ok(transaction.commit().await?)
}

async fn locked(transaction: &Transaction<'_>, id: i64) -> Result<Row, ApiError> {
    let statement = transaction
        .prepare_cached(
            "SELECT r.id, r.team_id, r.name, r.state, t.tier
             FROM resources r JOIN teams t ON t.id = r.team_id
             WHERE r.id = $1 FOR UPDATE OF r NOWAIT",
        )
        .await?;
    let row = transaction.query_opt(&statement, &[&id]).await.map_err(|error| match error.code() {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => in_progress(),
        _ => error.into(),
    })?;
    row.ok_or_else(|| ApiError::not_found("resource"))
}

/// The team's tier, which nobody changes before this transaction ends.
async fn hold_tier(transaction: &Transaction<'_>, team: i64) -> Result<Tier, ApiError> {
    let statement = transaction.prepare_cached("SELECT tier FROM teams WHERE id = $1 FOR SHARE").await?;
    known_tier(transaction.query_one(&statement, &[&team]).await?.get(0))
}

fn known_tier(tier: &str) -> Result<Tier, ApiError> {
    tier.parse().map_err(|error| {
        tracing::error!(%error, "a team's tier is unknown");
        ApiError::conflict("unknown_tier", "this service does not know the team's tier")
    })
}

async fn set_state(transaction: &Transaction<'_>, id: i64, state: &str) -> Result<(), tokio_postgres::Error> {
    let statement = transaction.prepare_cached("UPDATE resources SET state = $2 WHERE id = $1").await?;
    transaction.execute(&statement, &[&id, &state]).await.map(|_| ())
}

fn in_progress() -> ApiError {
    ApiError::conflict("in_progress", "another request is changing this resource; try again in a moment")
}

/// 192 random bits, in characters that need no quoting anywhere.
fn new_password() -> Result<Secret, ApiError> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong; it is in the log")
    })?;
    Ok(Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}
