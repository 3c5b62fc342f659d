//! What Prometheus is told of backups; its rules alert on the first of these.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use time::OffsetDateTime;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabel {
    job: String,
}

/// Of one job; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    job: JobLabel,
    success: Family<JobLabel, Gauge>,
    attempt: Family<JobLabel, Gauge>,
    failures: Family<JobLabel, Counter>,
}

impl Metrics {
    pub(super) fn register(job: &str, registry: &mut Registry) -> Self {
        let job = JobLabel { job: job.to_owned() };
        let this =
            Self { job, success: Family::default(), attempt: Family::default(), failures: Family::default() };
        registry.register(
            "backup_last_success_timestamp_seconds",
            "The moment whose data the newest whole backup in the store holds; absent while none is known",
            this.success.clone(),
        );
        registry.register(
            "backup_last_attempt_timestamp_seconds",
            "When this worker last tried to take a backup",
            this.attempt.clone(),
        );
        registry.register(
            "backup_failures",
            "Backups that this worker failed to take",
            this.failures.clone(),
        );
        // Zero is a value: what never failed must not look as if nobody had looked.
        drop(this.failures.get_or_create(&this.job));
        this
    }

    pub(super) fn newest(&self, at: OffsetDateTime) {
        self.success.get_or_create(&self.job).set(at.unix_timestamp());
    }

    pub(super) fn attempted(&self) {
        self.attempt.get_or_create(&self.job).set(OffsetDateTime::now_utc().unix_timestamp());
    }

    pub(super) fn failed(&self) {
        self.failures.get_or_create(&self.job).inc();
    }
}
