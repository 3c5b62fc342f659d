//! The runner: it claims due rows, dispatches them to their handlers, and writes down how that ended.
//!
//! ```text
//!              ┌────────────────────── Work: one loop, the only one that decides ─────────────────────┐
//!   listen ──▶ │ claim ──▶ waiting (as far ahead as Pace says) ──▶ dispatches (bounded, each a task) ──▶ │ Outbox
//!   poll   ──▶ └──────────────────────────────────────────────────────────────────────────────────────┘    │
//!              housekeep: gauges, retention                     Writer: completions in batches ◀─────────────┘
//! ```

mod builder;
mod claim;
mod complete;
mod dispatch;
mod housekeep;
mod listen;
mod pace;
mod settings;
mod work;

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use prometheus_client::registry::Registry as MetricsRegistry;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

pub use builder::Builder;
pub use settings::{Settings, SettingsError};

use crate::audit::Audit;
use crate::database::Database;
use crate::heartbeat::Heartbeat;
use crate::metrics::Metrics;
use crate::redact::{Redact, shown, with_causes};
use crate::registry::Registry;

/// What every part of a runner shares.
pub(crate) struct Shared {
    database: Database,
    registry: Registry,
    /// The kinds of the registry, as the claim takes them.
    known: Vec<String>,
    settings: Settings,
    audit: Audit,
    redactor: Arc<dyn Redact>,
    metrics: Metrics,
    ticks: watch::Sender<Option<Instant>>,
}

impl Shared {
    /// Counts and logs what did not succeed.
    fn failed(&self, what: &str, error: &(dyn Error + 'static)) {
        self.metrics.error();
        let error = shown(self.redactor.as_ref(), &with_causes(error));
        tracing::warn!(error, "{what}");
    }
}

/// Moves propagations until it is told to stop. Any number of them may run on one table, in any number of processes.
#[must_use = "a runner does nothing until it is run"]
pub struct Runner {
    shared: Arc<Shared>,
    heartbeat: Heartbeat,
    listener: Option<listen::Listener>,
}

impl Runner {
    /// When it last ticked, for readiness.
    #[must_use]
    pub fn heartbeat(&self) -> Heartbeat {
        self.heartbeat.clone()
    }

    /// Adds its counters, gauges and histograms, all named `propagation_…`.
    pub fn register_metrics(&self, registry: &mut MetricsRegistry) {
        self.shared.metrics.register(registry);
    }

    /// Runs until `stop` completes and everything that it holds has been finished or given back, which takes at most
    /// [`Settings::grace`] and a few statements. A database that is away is waited for, at the start too.
    ///
    /// Dropped instead, it stops at once: what it holds comes back when its leases run out, as after a crash.
    ///
    /// # Panics
    /// Outside a tokio runtime with its clock and network enabled.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { shared, heartbeat: _, listener } = self;
        let woken = Arc::new(Notify::new());
        let (idle, idle_seen) = watch::channel(false);
        // Dropping the set ends its tasks, so that nothing outlives the runner.
        let mut beside = JoinSet::new();
        let limit = shared.settings.statement_limit;
        if let Some(listener) = listener {
            let link = listen::Link {
                woken: Arc::clone(&woken),
                idle: idle_seen,
                probe: shared.settings.poll,
                limit,
            };
            beside.spawn(listener(link));
        }
        beside.spawn(housekeep::observe(Arc::clone(&shared)));
        if let Some(keep) = shared.settings.keep_applied {
            beside.spawn(housekeep::trim(Arc::clone(&shared), keep));
        }
        let (outbox, writer) = complete::Outbox::new();
        let mut writing = JoinSet::new();
        writing.spawn(writer.run(Arc::clone(&shared)));

        let mut work = work::Work::new(Arc::clone(&shared), outbox, woken, idle);
        work.go_on(pin!(stop)).await;
        tracing::info!("the propagation runner stops");
        work.wind_up().await;
        if timeout(limit, writing.join_next()).await.is_err() {
            tracing::warn!("the ends of some dispatches could not be written; their leases will run out");
        }
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("registry", &self.shared.registry)
            .field("settings", &self.shared.settings)
            .field("listens", &self.listener.is_some())
            .finish_non_exhaustive()
    }
}
