//! Propagations as checks write and read them.

use sabot_target::propagation::PropagationKind;
use serde_json::Value;
use std::time::Duration;

/// A team of a check's own, and what the downstream has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) team: i64,
    pub(crate) resource: i64,
}

/// A propagation that is to be enqueued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct New {
    pub(crate) kind: String,
    pub(crate) team: Option<i64>,
    pub(crate) tier: String,
    /// JSON.
    pub(crate) payload: String,
    /// How often it has failed already.
    pub(crate) attempts: i32,
    /// For how long it has been due.
    pub(crate) due_for: Duration,
    /// In how long it is due, where it is not yet.
    pub(crate) due_in: Duration,
}

impl New {
    /// As the target writes it, due now.
    pub(crate) fn about(subject: &Subject, kind: &PropagationKind, tier: String) -> Self {
        Self {
            kind: kind.kind.clone(),
            team: Some(subject.team),
            tier,
            payload: kind.payload.clone(),
            attempts: 0,
            due_for: Duration::ZERO,
            due_in: Duration::ZERO,
        }
    }

    /// Of another kind.
    pub(crate) fn kind(self, kind: &str) -> Self {
        Self { kind: kind.to_owned(), ..self }
    }

    /// To this tier.
    pub(crate) fn tier(self, tier: &str) -> Self {
        Self { tier: tier.to_owned(), ..self }
    }

    /// With this payload, JSON.
    pub(crate) fn payload(self, payload: &str) -> Self {
        Self { payload: payload.to_owned(), ..self }
    }

    /// That has failed so often.
    pub(crate) fn attempts(self, attempts: i32) -> Self {
        Self { attempts, ..self }
    }

    /// Due since so long ago.
    pub(crate) fn due_for(self, due_for: Duration) -> Self {
        Self { due_for, ..self }
    }

    /// Due that much later.
    pub(crate) fn due_in(self, due_in: Duration) -> Self {
        Self { due_in, ..self }
    }
}

/// A propagation as it stands. Times are microseconds since 1970, exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: String,
    pub(crate) attempts: i32,
    pub(crate) next_attempt_at: i64,
    pub(crate) last_attempt_at: Option<i64>,
    pub(crate) last_error: Option<String>,
    pub(crate) applied_at: Option<i64>,
    pub(crate) failed_at: Option<i64>,
    /// Whether somebody's lease on it lives.
    pub(crate) held: bool,
    /// None where nobody counts them.
    pub(crate) lost_leases: Option<i32>,
    /// Every column, as text.
    pub(crate) whole: String,
}

impl Row {
    /// Whether it was applied.
    pub(crate) const fn is_applied(&self) -> bool {
        self.applied_at.is_some()
    }

    /// Whether it is dead.
    pub(crate) const fn is_dead(&self) -> bool {
        self.failed_at.is_some()
    }

    /// Whether it is neither applied nor dead, nobody holds it, and it has been attempted.
    pub(crate) const fn is_waiting(&self) -> bool {
        !self.is_applied() && !self.is_dead() && !self.held && self.last_attempt_at.is_some()
    }

    /// Whether it is neither applied nor dead, and hidden from whoever looks for work at `now`.
    pub(crate) const fn is_hidden(&self, now: i64) -> bool {
        !self.is_applied() && !self.is_dead() && self.next_attempt_at > now
    }

    /// How long after the last attempt the next one is; below zero where it is before it.
    pub(crate) fn step(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "days in microseconds are far below 2^53")]
        self.last_attempt_at.map(|last| (self.next_attempt_at - last) as f64 / 1e6)
    }

    /// In few words, for findings.
    pub(crate) fn sketch(&self) -> String {
        let state = match (self.is_applied(), self.is_dead(), self.held) {
            (true, ..) => "applied",
            (_, true, _) => "dead",
            (.., true) => "held by a runner",
            _ if self.last_attempt_at.is_some() => "waiting",
            _ => "not attempted",
        };
        let error = self.last_error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
        let error: String = error.chars().take(160).collect();
        format!("{state}, failures: {}{error}", self.attempts)
    }
}

/// What is told of a row that may be gone.
pub(crate) fn sketch(row: Option<&Row>) -> String {
    row.map_or_else(|| "no row".to_owned(), Row::sketch)
}

/// An audit row about a propagation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) kind: String,
    pub(crate) team: Option<i64>,
    pub(crate) summary: String,
    pub(crate) payload: Value,
    /// Microseconds since 1970.
    pub(crate) created_at: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            kind: "k".into(),
            attempts: 1,
            next_attempt_at: 61_500_000,
            last_attempt_at: Some(1_000_000),
            last_error: Some("HTTP 500".into()),
            applied_at: None,
            failed_at: None,
            held: false,
            lost_leases: Some(0),
            whole: String::new(),
        }
    }

    #[test]
    fn the_step_is_from_the_last_attempt_to_the_next() {
        assert_eq!(row().step(), Some(60.5));
        assert_eq!(Row { next_attempt_at: 0, ..row() }.step(), Some(-1.0));
        assert_eq!(Row { last_attempt_at: None, ..row() }.step(), None);
    }

    #[test]
    fn a_row_is_in_one_state() {
        assert_eq!(row().sketch(), "waiting, failures: 1: HTTP 500");
        assert!(row().is_waiting());
        for other in [
            Row { applied_at: Some(1), ..row() },
            Row { failed_at: Some(1), ..row() },
            Row { held: true, ..row() },
            Row { last_attempt_at: None, ..row() },
        ] {
            assert!(!other.is_waiting(), "{}", other.sketch());
        }
    }
}
