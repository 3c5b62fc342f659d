//! What readiness is where nothing else is said: the contract's envelope, words and limits.

use super::{Levers, Readiness, Shape, Words};
use crate::description::forms::texts;
use std::time::Duration;

/// How long a result counts as fresh.
pub(super) const fn period() -> Duration {
    Duration::from_secs(10)
}

/// The longest that a probe may take.
pub(super) const fn time_limit() -> Duration {
    Duration::from_secs(2)
}

/// One entry of a setting that turns dependencies.
pub(super) fn form() -> String {
    "{dependency}={value}".into()
}

impl Default for Readiness {
    fn default() -> Self {
        let shape = Shape::default();
        Self {
            form: None,
            path: "/readyz".into(),
            live_path: "/livez".into(),
            words: Words::default(),
            unauthorised: "auth_401".into(),
            error_words: texts(&["timeout", "refused", "reset", "unreachable", "http_500"]),
            matrix: Vec::new(),
            p95: Duration::from_millis(500),
            cold: Duration::from_secs(3),
            servable_periods: 3,
            hex_exempt: vec![shape.commit.clone()],
            levers: Levers::default(),
            shape,
        }
    }
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            overall: "overall".into(),
            service: "service".into(),
            commit: "commit_id".into(),
            rows: "checks".into(),
            name: "name".into(),
            status: "status".into(),
            latency: "latency_ms".into(),
            error: "last_error".into(),
            checked_at: "last_check_at".into(),
        }
    }
}

impl Default for Words {
    fn default() -> Self {
        Self { ok: "ok".into(), degraded: "degraded".into(), failed: "failed".into() }
    }
}
