//! What a target's propagation may go without.

use super::{Downstream, Propagation, Queue, RunnerEnv};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part of propagation that a target may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// An audit log with a row for each change of state, and for each change that causes a propagation.
    Trail,
    /// Counters.
    Metrics,
    /// Requests that list dead letters, replay and discard them.
    DeadLetters,
    /// A command that says which kinds are handled.
    Registry,
    /// A notification that wakes a runner at an enqueue; without it there is only polling.
    Bell,
    /// The rule that an older propagation never overwrites a newer one of the same team.
    Superseded,
    /// The patience of an old runner, which leaves kinds that it lacks to newer ones for a lease.
    Patience,
    /// The promise that no credential stands in a stored error.
    Redaction,
}

impl Part {
    /// What it is, for people, as what a target may be said to have none of.
    pub const fn told(self) -> &'static str {
        match self {
            Self::Trail => "audit log",
            Self::Metrics => "metrics",
            Self::DeadLetters => "requests for dead letters",
            Self::Registry => "command that says which kinds are handled",
            Self::Bell => "notification of an enqueue",
            Self::Superseded => "rule that a newer propagation supersedes an older one",
            Self::Patience => "patience with kinds that a runner lacks",
            Self::Redaction => "redaction of stored errors",
        }
    }
}

impl Propagation {
    /// Whether the target has `part`.
    pub fn has(&self, part: Part) -> bool {
        !self.without.contains(&part)
    }
}

impl Queue {
    /// Every column that there is, with the key of the description that names it.
    pub fn columns(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("id", &self.id),
            ("kind", &self.kind),
            ("team_id", &self.team_id),
            ("target_tier", &self.target_tier),
            ("payload", &self.payload),
            ("attempts", &self.attempts),
            ("next_attempt_at", &self.next_attempt_at),
            ("last_attempt_at", &self.last_attempt_at),
            ("last_error", &self.last_error),
            ("applied_at", &self.applied_at),
            ("failed_at", &self.failed_at),
            ("created_at", &self.created_at),
            ("lease", &self.lease),
            ("lost_leases", &self.lost_leases),
        ];
        all.into_iter().map(|(key, name)| (key, name.as_str())).filter(|(_, name)| !name.is_empty()).collect()
    }
}

impl RunnerEnv {
    /// Every setting, by the key of the description that names it; an empty name where there is no such setting.
    pub fn all(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("schedule", &self.schedule),
            ("max_attempts", &self.max_attempts),
            ("lease", &self.lease),
            ("dispatch_limit", &self.dispatch_limit),
            ("poll", &self.poll),
            ("stale_after", &self.stale_after),
            ("concurrency", &self.concurrency),
            ("batch", &self.batch),
            ("grace", &self.grace),
            ("observe", &self.observe),
            ("keep_applied", &self.keep_applied),
        ];
        all.into_iter().map(|(key, name)| (key, name.as_str())).collect()
    }
}

impl Downstream {
    /// Whether an answer says in its body what became of the call; else its status alone does.
    pub const fn says_outcome(&self) -> bool {
        !self.outcome.is_empty()
    }
}
