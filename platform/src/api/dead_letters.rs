//! Dead letters over HTTP: listed, shown, replayed, discarded.

use axum::extract::State;
use axum::http::StatusCode;
use sabot_propagation::Audit;
use sabot_propagation::dead_letters::{self, DeadLetter};
use serde::Serialize;

use super::audit::{ACTOR, Page};
use super::routes::Api;
use crate::http::{ApiError, Path, Query};

#[derive(Debug, Serialize)]
pub(super) struct DeadLetters {
    dead_letters: Vec<DeadLetter>,
}

#[derive(Debug, Serialize)]
pub(super) struct Replayed {
    id: i64,
    outcome: &'static str,
}

/// `GET /dead-letters`.
pub(super) async fn list(
    State(api): State<Api>,
    Query(page): Query<Page>,
) -> Result<axum::Json<DeadLetters>, ApiError> {
    let read = api.database.run(move |client| {
        Box::pin(async move {
            let list = dead_letters::list(&**client, page.after, page.limit()).await;
            list.map_err(ApiError::from)
        })
    });
    Ok(axum::Json(DeadLetters { dead_letters: read.await? }))
}

/// `GET /dead-letters/{id}`.
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<i64>,
) -> Result<axum::Json<DeadLetter>, ApiError> {
    let read = api.database.run(move |client| {
        Box::pin(async move { dead_letters::show(&**client, id).await.map_err(ApiError::from) })
    });
    read.await?.map(axum::Json).ok_or_else(|| ApiError::not_found("dead letter"))
}

/// `POST /dead-letters/{id}/replay`: due at once, with all its attempts before it.
pub(super) async fn replay(
    State(api): State<Api>,
    Path(id): Path<i64>,
) -> Result<axum::Json<Replayed>, ApiError> {
    let replayed = api.database.run(move |client| {
        Box::pin(async move {
            let replayed = dead_letters::replay(&**client, &[id], ACTOR, &Audit::default()).await;
            replayed.map_err(ApiError::from)
        })
    });
    match replayed.await?.first() {
        Some(&id) => Ok(axum::Json(Replayed { id, outcome: "replayed" })),
        None => Err(ApiError::not_found("dead letter")),
    }
}

/// `DELETE /dead-letters/{id}`: gone, and held whole by its audit entry.
pub(super) async fn discard(State(api): State<Api>, Path(id): Path<i64>) -> Result<StatusCode, ApiError> {
    let discarded = api.database.run(move |client| {
        Box::pin(async move {
            let discarded = dead_letters::discard(&**client, &[id], ACTOR, &Audit::default()).await;
            discarded.map_err(ApiError::from)
        })
    });
    match discarded.await?.is_empty() {
        true => Err(ApiError::not_found("dead letter")),
        false => Ok(StatusCode::NO_CONTENT),
    }
}
