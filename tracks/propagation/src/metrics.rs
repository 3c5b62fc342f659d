//! What Prometheus is told.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// What a kind without a handler is called in labels.
const UNKNOWN: &str = "unknown";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    kind: String,
    end: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    kind: String,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    kind: String,
    state: String,
}

/// Counters, gauges and histograms of one runner; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    attempts: Family<EndLabels, Counter>,
    dead_letters: Family<ReasonLabels, Counter>,
    late: Counter,
    released: Counter,
    leases_lost: Counter,
    trimmed: Counter,
    errors: Counter,
    lag: Histogram,
    dispatch: Histogram,
    pub(crate) rows: Rows,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0];
        Self {
            attempts: Family::default(),
            dead_letters: Family::default(),
            late: Counter::default(),
            released: Counter::default(),
            leases_lost: Counter::default(),
            trimmed: Counter::default(),
            errors: Counter::default(),
            lag: Histogram::new(seconds),
            dispatch: Histogram::new(seconds),
            rows: Rows::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("propagation");
        registry.register("attempts", "Attempts that have ended, and how", self.attempts.clone());
        registry.register(
            "dead_letters",
            "Propagations that failed their last attempt",
            self.dead_letters.clone(),
        );
        registry.register("late", "Completions that came after the lease had run out", self.late.clone());
        registry.register(
            "released",
            "Claimed propagations given back before a dispatch",
            self.released.clone(),
        );
        registry.register(
            "leases_lost",
            "Claims of a row whose last lease ran out",
            self.leases_lost.clone(),
        );
        registry.register("trimmed", "Applied propagations deleted by retention", self.trimmed.clone());
        registry.register("database_errors", "Statements that did not succeed", self.errors.clone());
        registry.register_with_unit("lag", "From due to claimed", Unit::Seconds, self.lag.clone());
        registry.register_with_unit(
            "dispatch",
            "How long dispatches take",
            Unit::Seconds,
            self.dispatch.clone(),
        );
        registry.register(
            "rows",
            "Unfinished and dead rows by state, when last looked",
            self.rows.depth.clone(),
        );
        registry.register_with_unit(
            "oldest_due",
            "The greatest age of a due row, when last looked",
            Unit::Seconds,
            self.rows.oldest.clone(),
        );
        registry.register(
            "suspects",
            "Unfinished rows that have lost more leases than there are attempts",
            self.rows.suspects.clone(),
        );
    }

    pub(crate) fn ended(&self, kind: Option<&str>, end: &'static str) {
        self.attempts.get_or_create(&EndLabels { kind: label(kind), end }).inc();
    }

    pub(crate) fn died(&self, kind: Option<&str>, reason: &'static str) {
        self.dead_letters.get_or_create(&ReasonLabels { kind: label(kind), reason }).inc();
    }

    pub(crate) fn late(&self) {
        self.late.inc();
    }

    pub(crate) fn released(&self) {
        self.released.inc();
    }

    pub(crate) fn lease_lost(&self) {
        self.leases_lost.inc();
    }

    pub(crate) fn trimmed(&self, rows: u64) {
        self.trimmed.inc_by(rows);
    }

    pub(crate) fn error(&self) {
        self.errors.inc();
    }

    pub(crate) fn claimed_after(&self, seconds: f64) {
        // A row can be put to infinity by hand, and would spoil the sum for ever.
        if seconds.is_finite() {
            self.lag.observe(seconds.max(0.0));
        }
    }

    pub(crate) fn dispatched_in(&self, duration: Duration) {
        self.dispatch.observe(duration.as_secs_f64());
    }
}

fn label(kind: Option<&str>) -> String {
    kind.unwrap_or(UNKNOWN).to_owned()
}

/// What the table holds, as of the last look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    depth: Family<StateLabels, Gauge>,
    oldest: Gauge<f64, AtomicU64>,
    suspects: Gauge,
}

impl Rows {
    pub(crate) fn set(&self, depth: &HashMap<(String, String), i64>, oldest: f64, suspects: i64) {
        // Kinds and states without a row are gone from the answer: they'd keep their last value for ever.
        self.depth.clear();
        for ((kind, state), rows) in depth {
            self.depth.get_or_create(&StateLabels { kind: kind.clone(), state: state.clone() }).set(*rows);
        }
        self.oldest.set(oldest);
        self.suspects.set(suspects);
    }
}
