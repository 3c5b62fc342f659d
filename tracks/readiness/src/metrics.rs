//! What Prometheus is told of each dependency: what its last probe saw, never a probe of its own.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::envelope::Row;
use crate::status::Status;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    dependency: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    dependency: String,
    status: &'static str,
}

/// The gauges and the counter of one service's dependencies; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    status: Family<StatusLabels, Gauge>,
    latency: Family<Labels, Gauge<f64, AtomicU64>>,
    last_check: Family<Labels, Gauge<f64, AtomicU64>>,
    probes: Family<Labels, Counter>,
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("readiness_dependency");
        registry.register(
            "status",
            "One for the status that the last probe gave the dependency, zero for the others",
            self.status.clone(),
        );
        registry.register_with_unit(
            "latency",
            "How long the last probe took",
            Unit::Seconds,
            self.latency.clone(),
        );
        registry.register_with_unit(
            "last_check_timestamp",
            "When the last probe ended, since the epoch",
            Unit::Seconds,
            self.last_check.clone(),
        );
        registry.register("probes", "Probes that have ended", self.probes.clone());
    }

    pub(crate) fn record(&self, row: &Row) {
        for status in Status::ALL {
            let labels = StatusLabels { dependency: row.name.clone(), status: status.as_str() };
            self.status.get_or_create(&labels).set(i64::from(status == row.status));
        }
        let labels = Labels { dependency: row.name.clone() };
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; milliseconds fit its 52 bits")]
        let (latency, ended) = (
            row.latency_ms as f64 / 1e3,
            (row.last_check_at.unix_timestamp_nanos() / 1_000_000) as f64 / 1e3,
        );
        self.latency.get_or_create(&labels).set(latency);
        self.last_check.get_or_create(&labels).set(ended);
        self.probes.get_or_create(&labels).inc();
    }
}
