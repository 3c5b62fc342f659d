//! A dependency whose every move the test decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sabot_readiness::{Dependency, Envelope, ProbeResult, Readiness};
use tokio::sync::Semaphore;

pub(crate) const PERIOD: Duration = Duration::from_secs(10);
pub(crate) const LIMIT: Duration = Duration::from_secs(2);

/// Counts probes and lets each end only when the test says so.
#[derive(Clone)]
pub(crate) struct Stub {
    started: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

/// Says that a probe is no longer running, however it ended.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Stub {
    /// Probes hang until [`Stub::release`].
    pub(crate) fn hanging() -> Self {
        Self {
            started: Arc::default(),
            running: Arc::default(),
            most_at_once: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    /// Probes end at once.
    pub(crate) fn open() -> Self {
        let stub = Self::hanging();
        stub.release(Semaphore::MAX_PERMITS / 2);
        stub
    }

    /// Lets this many probes end.
    pub(crate) fn release(&self, probes: usize) {
        self.gate.add_permits(probes);
    }

    pub(crate) fn started(&self) -> usize {
        self.started.load(Ordering::SeqCst)
    }

    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::SeqCst)
    }

    async fn probe(self) -> ProbeResult {
        self.started.fetch_add(1, Ordering::SeqCst);
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        let _running = Running(self.running.clone());
        self.gate.acquire().await.unwrap().forget();
        ProbeResult::ok()
    }

    /// A service whose only dependency this is.
    pub(crate) fn service(&self) -> Readiness {
        let stub = self.clone();
        let dependency =
            Dependency::critical("db", move || stub.clone().probe()).cache_for(PERIOD).limit(LIMIT);
        Readiness::builder("api", "f41ed2b").dependency(dependency).build().unwrap()
    }
}

/// The only row's error.
pub(crate) fn error(envelope: &Envelope) -> Option<&str> {
    envelope.checks[0].last_error.as_deref()
}

/// Lets every task that can run do so.
pub(crate) async fn settle() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}
