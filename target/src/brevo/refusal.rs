//! Brevo's error answers: `{"code": …, "message": …}`. The messages here are of our own wording: a client goes by the code.

use sabot_wire::http::Response;
use serde_json::json;

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn missing(what: &str) -> Self {
        Self::new(400, "missing_parameter", format!("{what} is missing"))
    }

    pub(super) fn invalid(what: &str) -> Self {
        Self::new(400, "invalid_parameter", format!("{what} is not valid"))
    }

    pub(super) fn response(&self) -> Response {
        Response::json(json!({"code": self.code, "message": self.message}).to_string())
            .with_status(self.status)
    }
}
