//! One dependency with its last result: the cache and the single flight.
//!
//! ```text
//! age of the last result    0 ────────── period ──────────── 3 periods ─────────▶
//! what a caller gets        the result   the result, while    the result of the
//!                                        one probe runs       one probe, awaited
//! ```
//!
//! Nothing happens between callers: no caller, no probe. A probe is a task of its own, so a caller that goes away
//! takes nothing with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout};

use crate::dependency::Dependency;
use crate::envelope::Row;
use crate::metrics::Metrics;
use crate::probe::{ProbeResult, word};
use crate::redact::Redactor;
use crate::status::Status;

/// A dependency, its last result, and the probe under way.
pub(crate) struct Cached {
    dependency: Dependency,
    redactor: Redactor,
    metrics: Metrics,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<Observation>,
    under_way: Option<watch::Receiver<Option<Row>>>,
}

struct Observation {
    row: Row,
    ended: Instant,
}

/// A row at once, or the promise of one.
pub(crate) enum Reading {
    Known(Row),
    Awaited(watch::Receiver<Option<Row>>),
}

impl Cached {
    pub(crate) fn new(dependency: Dependency, redactor: Redactor, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self { dependency, redactor, metrics, state: Mutex::default() })
    }

    pub(crate) const fn dependency(&self) -> &Dependency {
        &self.dependency
    }

    /// What can be said now; starts a probe if one is due and none is under way.
    pub(crate) fn read(self: &Arc<Self>) -> Reading {
        let mut state = self.lock();
        let age = state.last.as_ref().map(|last| last.ended.elapsed());
        let fresh = age.is_some_and(|age| age < self.dependency.cache_period);
        let servable = age.is_some_and(|age| age <= self.dependency.serve_for());
        let under_way = match (&state.under_way, fresh) {
            (Some(receiver), _) => Some(receiver.clone()),
            (None, true) => None,
            (None, false) => Some(self.start(&mut state)),
        };
        match (&state.last, under_way) {
            (Some(last), _) if servable => Reading::Known(last.row.clone()),
            (_, Some(receiver)) => Reading::Awaited(receiver),
            // Not fresh and nothing under way cannot be: a probe has just been started.
            (_, None) => Reading::Known(self.abandoned()),
        }
    }

    /// The row, once it is known.
    pub(crate) async fn settle(&self, reading: Reading) -> Row {
        match reading {
            Reading::Known(row) => row,
            Reading::Awaited(mut receiver) => match receiver.wait_for(Option::is_some).await {
                Ok(row) => row.clone().unwrap_or_else(|| self.abandoned()),
                Err(_) => self.abandoned(),
            },
        }
    }

    fn start(self: &Arc<Self>, state: &mut State) -> watch::Receiver<Option<Row>> {
        let (sender, receiver) = watch::channel(None);
        state.under_way = Some(receiver.clone());
        tokio::spawn(Flight { cached: self.clone(), sender }.run());
        receiver
    }

    fn observe(&self, result: &ProbeResult, started: Instant) -> Row {
        let ended = Instant::now();
        let row = self.row(result, ended - started);
        self.metrics.record(&row);
        let mut state = self.lock();
        let before = state.last.as_ref().map(|last| last.row.status);
        state.last = Some(Observation { row: row.clone(), ended });
        drop(state);
        log_change(&row, before);
        row
    }

    fn row(&self, result: &ProbeResult, latency: std::time::Duration) -> Row {
        let now = OffsetDateTime::now_utc();
        let error = result.raw_error().map(|error| self.redactor.error(error));
        Row {
            name: self.dependency.name.clone(),
            status: result.status(),
            latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
            last_error: error,
            last_check_at: now.replace_millisecond(now.millisecond()).unwrap_or(now),
        }
    }

    fn abandoned(&self) -> Row {
        self.row(&ProbeResult::failed(word::ABANDONED), std::time::Duration::ZERO)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under this lock, and what it guards is whole at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One probe under way. However it ends, the next one may start.
struct Flight {
    cached: Arc<Cached>,
    sender: watch::Sender<Option<Row>>,
}

impl Flight {
    async fn run(self) {
        let dependency = &self.cached.dependency;
        let started = Instant::now();
        let probe = dependency.probe.clone();
        // A task of its own: its panic stays there, and a probe that blocks its thread cannot outlast the limit.
        let mut task = tokio::spawn(async move { probe.probe().await });
        let ended = timeout(dependency.time_limit, &mut task).await;
        let cut = ended.is_err();
        let result = match ended {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => without_result(&error),
            Err(_) => ProbeResult::failed(word::TIMEOUT),
        };
        self.sender.send_replace(Some(self.cached.observe(&result, started)));
        if cut {
            // The next probe waits until this one is really gone, or there would be two.
            task.abort();
            let _gone = task.await;
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.cached.lock().under_way = None;
    }
}

fn without_result(error: &JoinError) -> ProbeResult {
    ProbeResult::failed(if error.is_panic() { word::PANICKED } else { word::ABANDONED })
}

/// One line for each change, none for each probe.
fn log_change(row: &Row, before: Option<Status>) {
    let (name, status) = (row.name.as_str(), row.status.as_str());
    let error = row.last_error.as_deref();
    match (before, row.status) {
        (Some(before), now) if before == now => {}
        (None, Status::Ok) => {}
        (Some(_), Status::Ok) => tracing::info!(dependency = name, status, "dependency recovered"),
        _ => tracing::warn!(dependency = name, status, error, "dependency is not well"),
    }
}
