//! The one shape of an error: `{"error":{"code":"…","message":"…"}}`.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sabot_propagation::EnqueueError;
use serde_json::json;

use crate::db::DatabaseError;
use crate::logs::with_causes;

/// An answer that is not the one hoped for. `code` is for programs and stable, `message` for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
}

impl ApiError {
    /// An error with this status and code.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// 404 for a thing of this sort.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    /// 422 for a field that breaks a rule.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message)
    }

    /// 409 with a code of its own.
    pub fn conflict(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<DatabaseError> for ApiError {
    /// Says what the caller can do; what the server said stays in the log.
    fn from(error: DatabaseError) -> Self {
        let detail = with_causes(&error);
        match error {
            DatabaseError::Statement(_) | DatabaseError::Pool(_) => {
                tracing::error!(error = detail, "a statement failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "something went wrong; it is in the log",
                )
            }
            DatabaseError::Schema(_) => {
                tracing::error!(error = detail, "the schema does not fit");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "schema_outdated",
                    "the database awaits its migration",
                )
            }
            DatabaseError::Busy | DatabaseError::Silent | DatabaseError::Unreachable(_) => {
                tracing::warn!(error = detail, "no database");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", "try again in a moment")
            }
        }
    }
}

impl From<EnqueueError> for ApiError {
    fn from(error: EnqueueError) -> Self {
        match error {
            EnqueueError::Database(error) => error.into(),
            // The enum lacks the kind: a schema of an older build.
            missing => {
                tracing::error!(error = with_causes(&missing), "the schema does not fit");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "schema_outdated",
                    "the database awaits its migration",
                )
            }
        }
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        tracing::error!(%error, "something cannot be written as JSON");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong; it is in the log")
    }
}

impl From<tokio_postgres::Error> for ApiError {
    fn from(error: tokio_postgres::Error) -> Self {
        DatabaseError::from(error).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        (self.status, axum::Json(body)).into_response()
    }
}
