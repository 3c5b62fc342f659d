//! What one request may cost: who may send it, how long it may take, how large it may be.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};

use super::{ApiError, Bearer, Requests, require_bearer};
use crate::settings::Common;

/// The largest body that any route takes, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// The limits of a service's routes.
#[derive(Debug, Clone)]
pub struct Limits {
    bearer: Bearer,
    time: Duration,
}

impl Limits {
    /// The limits that the settings give.
    #[must_use]
    pub fn of(common: &Common) -> Self {
        Self { bearer: Bearer::new(common.token.clone()), time: common.request_time_limit }
    }
}

/// Puts routes behind the token, the limits and the measurements, and gives what is no route our shape of an error.
pub fn guarded(routes: Router, limits: Limits, requests: Requests) -> Router {
    routes
        .fallback(|| async { ApiError::not_found("path") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path has other methods")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(limits.time, limit_time))
        .layer(from_fn_with_state(limits.bearer, require_bearer))
        .layer(from_fn_with_state(requests, Requests::measure))
}

/// Puts routes that have a guard and limits of their own behind the measurements alone.
pub fn measured(routes: Router, requests: Requests) -> Router {
    routes.layer(from_fn_with_state(requests, Requests::measure))
}

async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            ApiError::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "the request took too long").into_response()
        }
    }
}
