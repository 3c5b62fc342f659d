//! Readiness on HTTP.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::envelope::Envelope;
use crate::readiness::Readiness;

impl Readiness {
    /// `GET /readyz` and `GET /livez`, to be merged into an axum router or used as a tower service by itself.
    ///
    /// `/livez` answers 200 as long as the process answers at all, whatever its dependencies do.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new().route("/readyz", get(readyz)).route("/livez", get(livez)).with_state(self.clone())
    }
}

async fn readyz(State(readiness): State<Readiness>) -> Envelope {
    readiness.check().await
}

/// The answer of `/livez`, for a service that mounts it by hand.
pub async fn livez() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], "ok\n").into_response()
}

impl IntoResponse for Envelope {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.http_status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        // An answer out of somebody's cache would be neither fresh nor ours.
        (status, [(header::CACHE_CONTROL, "no-store")], axum::Json(self)).into_response()
    }
}
