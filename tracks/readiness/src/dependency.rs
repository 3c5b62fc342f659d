//! One dependency as an operator describes it: its name, its criticality, its limits, its probe.

use std::sync::Arc;
use std::time::Duration;

use crate::probe::Probe;
use crate::status::Criticality;

/// How long a result is fresh unless the dependency says otherwise.
pub const DEFAULT_CACHE_PERIOD: Duration = Duration::from_secs(10);

/// How long a probe may take unless the dependency says otherwise.
pub const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(2);

/// A dependency of the service: one row of `/readyz`.
///
/// ```
/// use std::time::Duration;
/// use sabot_readiness::{Dependency, ProbeResult};
///
/// // An endpoint that allows a hundred calls an hour is asked at most every five minutes.
/// let mail = Dependency::non_critical("mail", || async { ProbeResult::ok() })
///     .cache_for(Duration::from_secs(300))
///     .limit(Duration::from_secs(1));
/// assert_eq!(mail.name(), "mail");
/// ```
#[derive(Clone)]
pub struct Dependency {
    pub(crate) name: String,
    pub(crate) criticality: Criticality,
    pub(crate) cache_period: Duration,
    pub(crate) time_limit: Duration,
    pub(crate) probe: Arc<dyn Probe>,
}

impl Dependency {
    /// A dependency with the default cache period and time limit.
    pub fn new(name: impl Into<String>, criticality: Criticality, probe: impl Probe) -> Self {
        Self {
            name: name.into(),
            criticality,
            cache_period: DEFAULT_CACHE_PERIOD,
            time_limit: DEFAULT_TIME_LIMIT,
            probe: Arc::new(probe),
        }
    }

    /// A dependency whose failure takes the service out of rotation.
    pub fn critical(name: impl Into<String>, probe: impl Probe) -> Self {
        Self::new(name, Criticality::Critical, probe)
    }

    /// A dependency whose failure only degrades the service.
    pub fn non_critical(name: impl Into<String>, probe: impl Probe) -> Self {
        Self::new(name, Criticality::NonCritical, probe)
    }

    /// For how long a result is fresh: no second probe starts before `period` has passed since the last one ended.
    #[must_use]
    pub const fn cache_for(mut self, period: Duration) -> Self {
        self.cache_period = period;
        self
    }

    /// How long a probe may take before it is cut and counts as failed with `timeout`.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// The name, as it stands in the envelope.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How old a result may be and still be served while a new probe runs.
    pub(crate) const fn serve_for(&self) -> Duration {
        self.cache_period.saturating_mul(3)
    }
}

impl std::fmt::Debug for Dependency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dependency")
            .field("name", &self.name)
            .field("criticality", &self.criticality)
            .field("cache_period", &self.cache_period)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}
