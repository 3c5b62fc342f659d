//! What Prometheus is told: events, refusals, sends, and what the ledger says of the last day.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::classification::Classification;
use crate::event::DeclaredEvent;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    event: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// The counters of a receiver; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReceiverMetrics {
    events: Family<EventLabels, Counter>,
    refused: Family<ReasonLabels, Counter>,
    unavailable: Counter,
}

impl ReceiverMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("sabot_delivery");
        registry.register("events", "Delivery events received, repeats included", self.events.clone());
        registry.register("refused", "Requests of the webhook that were refused", self.refused.clone());
        let help = "Requests of the webhook that were sent away because their events could not be stored";
        registry.register("unavailable", help, self.unavailable.clone());
    }

    pub(crate) fn event(&self, declared: Option<&DeclaredEvent>, known: bool) {
        // Undeclared names are the provider's to choose: as labels they would have no end.
        let (event, outcome) = match declared {
            Some(declared) => (declared.event, if known { "matched" } else { "unmatched" }),
            None => ("other", "skipped"),
        };
        self.events.get_or_create(&EventLabels { event, outcome }).inc();
    }

    pub(crate) fn invalid(&self, count: usize) {
        if count > 0 {
            let labels = EventLabels { event: "none", outcome: "invalid" };
            self.events.get_or_create(&labels).inc_by(count as u64);
        }
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(crate) fn unavailable(&self) {
        self.unavailable.inc();
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// The counters of a forwarder; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ForwarderMetrics {
    sends: Family<OutcomeLabels, Counter>,
}

impl ForwarderMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Audit rows that the forwarder dealt with, by what came of it";
        registry.sub_registry_with_prefix("sabot_forwarder").register("sends", help, self.sends.clone());
    }

    pub(crate) fn outcome(&self, outcome: &'static str) {
        self.sends.get_or_create(&OutcomeLabels { outcome }).inc();
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassificationLabels {
    classification: &'static str,
}

/// The gauges of what the ledger says; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct LedgerMetrics {
    accepted_too_long: Gauge,
    messages: Family<ClassificationLabels, Gauge>,
}

impl LedgerMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("sabot_delivery");
        let help = "Messages of which nothing has been heard for too long since the provider accepted them";
        registry.register("accepted_too_long", help, self.accepted_too_long.clone());
        let help = "Messages of the last day, by what became of them";
        registry.register("messages", help, self.messages.clone());
    }

    pub(crate) fn set(&self, accepted_too_long: i64, count: impl Fn(Classification) -> i64) {
        self.accepted_too_long.set(accepted_too_long);
        for classification in Classification::ALL {
            let labels = ClassificationLabels { classification: classification.as_str() };
            self.messages.get_or_create(&labels).set(count(classification));
        }
    }
}
