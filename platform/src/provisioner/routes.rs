//! The provisioner's routes.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::put;
use serde::{Deserialize, Serialize};

use super::customer::{self, Regraded, ResourceError};
use super::name::ResourceName;
use crate::db::{Database, DatabaseError};
use crate::http::{ApiError, Json, Path};
use crate::settings::Secret;
use crate::tier::Tier;

pub(super) fn routes(database: Database) -> Router {
    let resource = put(ensure).patch(regrade).delete(remove).get(show);
    Router::new().route("/resources/{name}", resource).with_state(database)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    tier: Tier,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Regrade {
    tier: Tier,
    /// The number of the change that asks for it: a resource never goes back to an older one.
    #[serde(default)]
    change: Option<i64>,
}

#[derive(Serialize)]
struct Resource {
    database: String,
    role: String,
    connection_limit: i32,
}

impl Resource {
    fn of(name: &ResourceName, connection_limit: i32) -> Self {
        Self { database: name.as_str().to_owned(), role: name.as_str().to_owned(), connection_limit }
    }
}

/// What a change came to: `applied`, or `skipped` with its reason.
#[derive(Serialize)]
struct Outcome {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// `PUT /resources/{name}`: there afterwards, with this tier and this password, whatever was there before.
async fn ensure(
    State(database): State<Database>,
    Path(name): Path<ResourceName>,
    Json(wanted): Json<Wanted>,
) -> Result<axum::Json<Resource>, ApiError> {
    const MIN_PASSWORD: usize = 16;
    if wanted.password.len() < MIN_PASSWORD {
        return Err(ApiError::invalid(format!("password: give at least {MIN_PASSWORD} bytes")));
    }
    let limit = wanted.tier.connection_limit();
    let (resource, password) = (Resource::of(&name, limit), Secret::new(wanted.password));
    let made: Result<(), ResourceError> = database
        .run(move |client| Box::pin(async move { customer::ensure(client, &name, limit, &password).await }))
        .await;
    made?;
    Ok(axum::Json(resource))
}

impl From<ResourceError> for ApiError {
    fn from(error: ResourceError) -> Self {
        match error {
            ResourceError::Foreign => {
                Self::conflict("foreign", "a database of this name is owned by somebody else")
            }
            ResourceError::Database(error) => error.into(),
        }
    }
}

/// `PATCH /resources/{name}`.
async fn regrade(
    State(database): State<Database>,
    Path(name): Path<ResourceName>,
    Json(wanted): Json<Regrade>,
) -> Result<axum::Json<Outcome>, ApiError> {
    let limit = wanted.tier.connection_limit();
    let done: Result<Regraded, DatabaseError> = database
        .run(move |client| {
            Box::pin(async move { customer::regrade(client, &name, limit, wanted.change).await })
        })
        .await;
    match done? {
        Regraded::Applied => Ok(axum::Json(Outcome { outcome: "applied", reason: None })),
        Regraded::AlreadyCorrect => {
            Ok(axum::Json(Outcome { outcome: "skipped", reason: Some("already_correct") }))
        }
        Regraded::Superseded => Ok(axum::Json(Outcome { outcome: "skipped", reason: Some("superseded") })),
        Regraded::Missing => Err(ApiError::not_found("resource")),
    }
}

/// `DELETE /resources/{name}`: gone afterwards, whatever was there before.
async fn remove(
    State(database): State<Database>,
    Path(name): Path<ResourceName>,
) -> Result<StatusCode, ApiError> {
    let done: Result<(), ResourceError> =
        database.run(move |client| Box::pin(async move { customer::remove(client, &name).await })).await;
    done?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /resources/{name}`.
async fn show(
    State(database): State<Database>,
    Path(name): Path<ResourceName>,
) -> Result<axum::Json<Resource>, ApiError> {
    let wanted = name.clone();
    let found: Result<Option<i32>, DatabaseError> = database
        .run(move |client| Box::pin(async move { customer::role_limit(client, wanted.as_str()).await }))
        .await;
    match found? {
        Some(limit) => Ok(axum::Json(Resource::of(&name, limit))),
        None => Err(ApiError::not_found("resource")),
    }
}
