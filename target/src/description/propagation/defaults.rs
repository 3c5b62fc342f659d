//! What propagation is where nothing else is said: the contract's schedule and limits, the embedded platform's names.

use super::{
    Change, DeadLetters, DeclaredKinds, Downstream, Propagation, PropagationKind, PropagationMarks,
    PropagationMetrics, Queue, Registry, Runner, RunnerEnv, Source, Subject, Trail,
};
use std::time::Duration;

/// The only kind.
const TIER_ELEVATION: &str = "tier_elevation";

impl Default for Propagation {
    fn default() -> Self {
        Self {
            database: "platform".into(),
            without: Vec::new(),
            queue: Queue::default(),
            declared: DeclaredKinds::Enum("propagation_kind".into()),
            kinds: vec![PropagationKind {
                kind: TIER_ELEVATION.into(),
                payload: r#"{"from":"free"}"#.into(),
                unreadable: r#""free""#.into(),
                superseded: true,
            }],
            subject: Subject::default(),
            changes: changes(),
            source: Source::default(),
            runner: Runner::default(),
            downstream: Downstream::default(),
            trail: Trail::default(),
            audit: None,
            dead_letters: DeadLetters::default(),
            registry: Registry::default(),
            metrics: PropagationMetrics::default(),
            marks: PropagationMarks::default(),
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            table: "pending_propagations".into(),
            id: "id".into(),
            kind: "kind".into(),
            team_id: "team_id".into(),
            target_tier: "target_tier".into(),
            payload: "payload".into(),
            attempts: "attempts".into(),
            next_attempt_at: "next_attempt_at".into(),
            last_attempt_at: "last_attempt_at".into(),
            last_error: "last_error".into(),
            applied_at: "applied_at".into(),
            failed_at: "failed_at".into(),
            created_at: "created_at".into(),
            ring: "pending_propagations_ring".into(),
            lease: "lease".into(),
            lost_leases: "lost_leases".into(),
            error_limit: 1000,
            further: Vec::new(),
        }
    }
}

impl Default for Subject {
    fn default() -> Self {
        Self {
            make_team: "INSERT INTO teams (name, tier) VALUES ($1, $2) RETURNING id".into(),
            make_resource:
                "INSERT INTO resources (team_id, name, state) VALUES ($1, $2, 'ready') RETURNING id".into(),
            tier_of: "SELECT tier FROM teams WHERE id = $1".into(),
            clear: vec![
                "DELETE FROM resources WHERE team_id = ANY ($1)".into(),
                "DELETE FROM teams WHERE id = ANY ($1)".into(),
            ],
            tiers: ["free", "pro", "scale"].map(String::from).to_vec(),
        }
    }
}

fn changes() -> Vec<Change> {
    let change = |what: &str, audited: &str, from: &str, to: &str| Change {
        what: what.into(),
        kind: TIER_ELEVATION.into(),
        audited: audited.into(),
        from: from.into(),
        to: to.into(),
    };
    vec![
        change("an upgrade", "subscription.upgraded", "free", "pro"),
        change("a downgrade", "subscription.downgraded", "scale", "pro"),
    ]
}

impl Default for Runner {
    fn default() -> Self {
        let lease = Duration::from_secs(5 * 60);
        let minutes = [1, 5, 15, 30, 60, 120, 240, 480, 960, 1440];
        Self {
            service: "worker".into(),
            database_wire: "platform_db".into(),
            downstream_wire: "provisioner".into(),
            schedule: minutes.map(|minutes| Duration::from_secs(minutes * 60)).to_vec(),
            max_attempts: 10,
            lease,
            default_lease: lease,
            dispatch_limit: Duration::from_secs(30),
            poll: Duration::from_secs(1),
            concurrency: 16,
            batch: 500,
            env: RunnerEnv::default(),
        }
    }
}

impl Default for RunnerEnv {
    fn default() -> Self {
        let env = |name: &str| format!("SABOT_PROPAGATION_{name}");
        Self {
            schedule: env("SCHEDULE"),
            max_attempts: env("MAX_ATTEMPTS"),
            lease: env("LEASE"),
            dispatch_limit: env("DISPATCH_LIMIT"),
            poll: env("POLL"),
            stale_after: env("STALE_AFTER"),
            concurrency: env("CONCURRENCY"),
            batch: env("BATCH"),
            grace: env("GRACE"),
            observe: env("OBSERVE"),
            keep_applied: env("KEEP_APPLIED"),
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self {
            service: "api".into(),
            database_wire: "platform_db".into(),
            credential: "api_token".into(),
            path: "/teams/{team}/tier".into(),
            tier: "tier".into(),
        }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            command: ["sabot-worker", "kinds", "--format", "json"].map(String::from).to_vec(),
            kinds: "propagations".into(),
            kind: "kind".into(),
        }
    }
}

impl Default for Downstream {
    fn default() -> Self {
        Self {
            service: "provisioner".into(),
            method: "PATCH".into(),
            path: "/resources/res_{resource}".into(),
            tier: "tier".into(),
            key_header: "idempotency-key".into(),
            key: "{propagation}/{resource}".into(),
            outcome: "outcome".into(),
            applied: "applied".into(),
            skipped: "skipped".into(),
            reason: "reason".into(),
            harmless: ["already_correct", "unsupported_resource", "superseded"].map(String::from).to_vec(),
        }
    }
}

impl Default for Trail {
    fn default() -> Self {
        let kind = |kind: &str| format!("propagation.{kind}");
        Self {
            applied: kind("applied"),
            retrying: kind("retrying"),
            dead_lettered: kind("dead_lettered"),
            unknown_kind_dead_lettered: kind("unknown_kind_dead_lettered"),
            unexpected_skip: kind("unexpected_skip"),
            replayed: kind("replayed"),
            discarded: kind("discarded"),
            id: "propagation_id".into(),
            skipped: "skipped".into(),
            error: "error".into(),
        }
    }
}

impl Default for DeadLetters {
    fn default() -> Self {
        Self {
            service: "api".into(),
            credential: "api_token".into(),
            path: "/dead-letters".into(),
            replay: "/dead-letters/{id}/replay".into(),
            after: "after".into(),
            list: "dead_letters".into(),
            id: "id".into(),
            error: "last_error".into(),
            level: "ERROR".into(),
        }
    }
}

impl Default for PropagationMetrics {
    fn default() -> Self {
        Self {
            path: "/metrics".into(),
            attempts: "propagation_attempts_total".into(),
            end: "end".into(),
            dead_letters: "propagation_dead_letters_total".into(),
            reason: "reason".into(),
            kind: "kind".into(),
            late: "propagation_late_total".into(),
            depth: "propagation_rows".into(),
            oldest: "propagation_oldest_due_seconds".into(),
            suspects: "propagation_suspects".into(),
        }
    }
}

impl Default for PropagationMarks {
    fn default() -> Self {
        let mark = |what: &str| format!("/* propagation {what} */");
        Self {
            claim: mark("claim"),
            complete: mark("complete"),
            release: mark("release"),
            supersede: mark("supersede"),
            newer: "newer.id > p.id".into(),
            in_flight: "older.lease IS NOT NULL".into(),
            not_dead: "failed_at IS NULL".into(),
            listen: mark("listen"),
            probe: mark("probe"),
            bell: mark("bell"),
            skip_locked: "SKIP LOCKED".into(),
            lock: "FOR UPDATE SKIP LOCKED".into(),
            patience: "next_attempt_at <= now() - $2 * interval '1 microsecond'".into(),
            order: "ORDER BY next_attempt_at".into(),
            fence: ["p.lease = e.lease", "p.next_attempt_at + interval '0' > now()"]
                .map(String::from)
                .to_vec(),
            unfenced: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_is_caused_by_a_change_between_tiers_that_there_are() {
        let propagation = Propagation::default();
        let kinds: BTreeSet<_> = propagation.kinds.iter().map(|kind| &kind.kind).collect();
        let caused: BTreeSet<_> = propagation.changes.iter().map(|change| &change.kind).collect();
        assert_eq!(kinds, caused);
        let tiers = &propagation.subject.tiers;
        for change in &propagation.changes {
            assert!(tiers.contains(&change.from) && tiers.contains(&change.to) && change.from != change.to);
        }
    }

    #[test]
    fn payloads_are_json_and_paths_are_filled_in() {
        let propagation = Propagation::default();
        for text in propagation.kinds.iter().flat_map(|kind| [&kind.payload, &kind.unreadable]) {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
        }
        let downstream = &propagation.downstream;
        assert_eq!(downstream.path_of(7), format!("{}7", downstream.prefix()));
        assert_eq!(downstream.key_of(3, 7), "3/7");
        assert_eq!(downstream.propagation_of("34/7"), Some(34));
        assert_eq!(downstream.propagation_of("x/7"), None);
        assert_eq!(propagation.dead_letters.replay_of(3), "/dead-letters/3/replay");
    }
}
