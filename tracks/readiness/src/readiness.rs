//! A service's dependencies, put together.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;

use crate::cached::{Cached, Reading};
use crate::dependency::Dependency;
use crate::envelope::Envelope;
use crate::metrics::Metrics;
use crate::redact::Redactor;
use crate::status::Status;

/// A service's readiness. Clones share everything, so one can be kept and another mounted.
#[derive(Clone)]
pub struct Readiness {
    inner: Arc<Inner>,
}

struct Inner {
    service: String,
    commit_id: String,
    dependencies: Vec<Arc<Cached>>,
    metrics: Metrics,
}

impl Readiness {
    /// Begins to describe a service; `commit_id` is shown as it is.
    pub fn builder(service: impl Into<String>, commit_id: impl Into<String>) -> Builder {
        Builder {
            service: service.into(),
            commit_id: commit_id.into(),
            redactor: Redactor::default(),
            dependencies: Vec::new(),
        }
    }

    /// The answer of `/readyz`. Probes that are due run side by side, each for all callers at once; with no
    /// result that may be served it takes as long as the slowest of them, at most the longest time limit.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn check(&self) -> Envelope {
        // All of them are started before the first is awaited.
        let readings: Vec<Reading> = self.inner.dependencies.iter().map(Cached::read).collect();
        let mut overall = Status::Ok;
        let mut checks = Vec::with_capacity(readings.len());
        for (cached, reading) in self.inner.dependencies.iter().zip(readings) {
            let row = cached.settle(reading).await;
            overall = overall.max(row.status.for_service(cached.dependency().criticality));
            checks.push(row);
        }
        Envelope {
            overall,
            service: self.inner.service.clone(),
            commit_id: self.inner.commit_id.clone(),
            checks,
        }
    }

    /// Adds the gauges `readiness_dependency_status`, `…_latency_seconds`, `…_last_check_timestamp_seconds` and the
    /// counter `…_probes_total`. Scraping them causes no probe; a dependency shows once it has been probed.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.inner.metrics.register(registry);
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dependencies: Vec<_> = self.inner.dependencies.iter().map(|cached| cached.dependency()).collect();
        f.debug_struct("Readiness")
            .field("service", &self.inner.service)
            .field("dependencies", &dependencies)
            .finish_non_exhaustive()
    }
}

/// A description of a service's readiness under way.
#[derive(Debug)]
#[must_use = "a description does nothing until it is built"]
pub struct Builder {
    service: String,
    commit_id: String,
    redactor: Redactor,
    dependencies: Vec<Dependency>,
}

impl Builder {
    /// Redacts every error with this; without it, only by what credentials look like.
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// Adds a row.
    pub fn dependency(mut self, dependency: Dependency) -> Self {
        self.dependencies.push(dependency);
        self
    }

    /// Adds rows.
    pub fn dependencies(mut self, dependencies: impl IntoIterator<Item = Dependency>) -> Self {
        self.dependencies.extend(dependencies);
        self
    }

    /// Checks the description and puts it together; probes nothing.
    ///
    /// # Errors
    /// When two dependencies share a name, a name is not of `a-z`, `0-9` and `_`, or a cache period or time limit
    /// is zero.
    pub fn build(self) -> Result<Readiness, BuildError> {
        let mut names = HashSet::new();
        for dependency in &self.dependencies {
            validate(dependency)?;
            if !names.insert(&dependency.name) {
                return Err(BuildError::DuplicateName { name: dependency.name.clone() });
            }
        }
        let metrics = Metrics::default();
        let dependencies = self
            .dependencies
            .into_iter()
            .map(|dependency| Cached::new(dependency, self.redactor.clone(), metrics.clone()))
            .collect();
        let (service, commit_id) = (self.service, self.commit_id);
        Ok(Readiness { inner: Arc::new(Inner { service, commit_id, dependencies, metrics }) })
    }
}

fn validate(dependency: &Dependency) -> Result<(), BuildError> {
    let name = dependency.name.clone();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(BuildError::InvalidName { name });
    }
    if dependency.cache_period == Duration::ZERO {
        return Err(BuildError::ZeroCachePeriod { name });
    }
    if dependency.time_limit == Duration::ZERO {
        return Err(BuildError::ZeroTimeLimit { name });
    }
    Ok(())
}

/// Why a description cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two rows would have the same name.
    #[error("the dependency {name:?} is declared twice: give one of them another name")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A name that does not fit a label or a configuration key.
    #[error("the dependency name {name:?} must be made of a-z, 0-9 and _")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// Every caller would cause a probe.
    #[error(
        "the cache period of {name} is zero, so that each caller would cause a probe: give it at least 1 ms"
    )]
    ZeroCachePeriod {
        /// The dependency.
        name: String,
    },
    /// No probe could ever end in time.
    #[error("the time limit of {name} is zero, so that no probe could pass: give it at least 1 ms")]
    ZeroTimeLimit {
        /// The dependency.
        name: String,
    },
}
