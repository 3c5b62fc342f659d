//! The answer of `/readyz`, key for key.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::status::Status;

/// What `GET /readyz` answers. No further keys, ever: people parse it strictly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The worst that any dependency makes of the service.
    pub overall: Status,
    /// The service's name.
    pub service: String,
    /// The commit that the service was built from, as its operator gave it.
    pub commit_id: String,
    /// One row for each dependency, in the order in which they were declared.
    pub checks: Vec<Row>,
}

impl Envelope {
    /// The HTTP status that goes with it: 503 when `overall` is `failed`, else 200.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self.overall {
            Status::Failed => 503,
            Status::Ok | Status::Degraded => 200,
        }
    }
}

/// One dependency as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The dependency's name.
    pub name: String,
    /// What the last probe made of it.
    pub status: Status,
    /// How long that probe took, in whole milliseconds.
    pub latency_ms: u64,
    /// Why it is not `ok`; redacted first, cut to 80 characters second. Always `null` when `ok`.
    pub last_error: Option<String>,
    /// When that probe ended: UTC, to the millisecond.
    #[serde(with = "time::serde::rfc3339")]
    pub last_check_at: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_envelope_is_the_contract_s_to_the_letter() {
        let envelope = Envelope {
            overall: Status::Degraded,
            service: "api".into(),
            commit_id: "f41ed2b".into(),
            checks: vec![Row {
                name: "brevo".into(),
                status: Status::Degraded,
                latency_ms: 12,
                last_error: Some("auth_401".into()),
                last_check_at: datetime!(2026-05-20 12:00:00 UTC),
            }],
        };
        assert_eq!(
            serde_json::to_string(&envelope).unwrap(),
            r#"{"overall":"degraded","service":"api","commit_id":"f41ed2b","checks":[{"name":"brevo","status":"degraded","latency_ms":12,"last_error":"auth_401","last_check_at":"2026-05-20T12:00:00Z"}]}"#
        );
    }

    #[test]
    fn only_failed_is_503() {
        let of = |overall| {
            Envelope { overall, service: String::new(), commit_id: String::new(), checks: vec![] }
                .http_status()
        };
        assert_eq!(Status::ALL.map(of), [200, 200, 503]);
    }
}
