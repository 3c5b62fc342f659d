//! The answers of the webhook, free of any framework.

use std::fmt;

use serde_json::{Value, json};

/// After how many seconds a provider may come again with what could not be stored.
const RETRY_AFTER_SECONDS: u32 = 60;

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status: 200, 400, 401, 408, 413 or 429, never a 5xx, at which Brevo would discard the event.
    pub status: u16,
    /// Lower-case names with their values.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

impl Answer {
    pub(crate) fn ok(body: &Value) -> Self {
        Self { status: 200, headers: vec![json_header()], body: body.to_string() }
    }

    /// The rest of the body may be unread, so the connection is of no further use.
    pub(crate) fn closing(mut self) -> Self {
        self.headers.push(("connection", "close".to_owned()));
        self
    }
}

fn json_header() -> (&'static str, String) {
    ("content-type", "application/json".to_owned())
}

/// Why a request is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unauthorised,
    TooLarge,
    TooMany,
    NotJson,
    Malformed(&'static str),
    TooSlow,
    Unavailable,
}

impl Refusal {
    /// For a metric's label and the error's code.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Unauthorised => "unauthorized",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::NotJson => "not_json",
            Self::Malformed(_) => "malformed",
            Self::TooSlow => "too_slow",
            Self::Unavailable => "unavailable",
        }
    }

    const fn status(self) -> u16 {
        match self {
            Self::Unauthorised => 401,
            Self::TooLarge | Self::TooMany => 413,
            Self::NotJson | Self::Malformed(_) => 400,
            Self::TooSlow => 408,
            Self::Unavailable => 429,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unauthorised => "the path does not end in the webhook's secret",
            Self::TooLarge => "the body is over 16 KiB for one event, or over 1 MiB for an array",
            Self::TooMany => "the array has more than 500 events",
            Self::NotJson => "the body is not sent as application/json",
            Self::Malformed(what) => what,
            Self::TooSlow => "the body did not come in time",
            Self::Unavailable => "the event cannot be stored for now; send it again",
        })
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let body = json!({ "error": { "code": refusal.code(), "message": refusal.to_string() } });
        let mut headers = vec![json_header()];
        if refusal == Refusal::Unavailable {
            headers.push(("retry-after", RETRY_AFTER_SECONDS.to_string()));
        }
        Self { status: refusal.status(), headers, body: body.to_string() }
    }
}
