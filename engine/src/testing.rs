//! What the engine's own tests run on: a lane that is a set of broken things, and checks that look at it.

use crate::{Arena, CannotTell, Check, Cx, Finding, Judgement, Level, Need, Secrets, Sharing};
use futures_util::future::BoxFuture;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A lane: the names of what is broken on it, and what all lanes share.
#[derive(Debug, Default)]
pub(crate) struct Field {
    pub(crate) broken: Mutex<BTreeSet<&'static str>>,
    /// The stop of the run, for what interrupts it from within.
    pub(crate) stop: CancellationToken,
    /// How many disturbances of the machine are under way on any lane.
    pub(crate) busy: Arc<AtomicUsize>,
}

impl Field {
    pub(crate) fn is_broken(&self, what: &str) -> bool {
        self.broken.lock().unwrap().contains(what)
    }
}

/// Keeps the machine busy for a while.
pub(crate) async fn toil(busy: &AtomicUsize, time: Duration) {
    if !time.is_zero() {
        busy.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(time).await;
        busy.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Opens [`Field`]s and counts what is done to them.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// Whether none can be opened.
    pub(crate) closed: bool,
    /// How long opening, remaking and closing take.
    pub(crate) open_takes: Duration,
    pub(crate) remake_takes: Duration,
    pub(crate) close_takes: Duration,
    pub(crate) opened: AtomicUsize,
    pub(crate) remade: AtomicUsize,
    pub(crate) closing: AtomicUsize,
    pub(crate) stop: CancellationToken,
    pub(crate) busy: Arc<AtomicUsize>,
    pub(crate) secrets: Secrets,
    /// Why there is no cluster, where that matters.
    pub(crate) without_cluster: Option<String>,
}

impl Arena for Fields {
    type Lane = Field;

    fn lacks(&self, need: &Need) -> Option<String> {
        (*need == Need::Cluster)
            .then(|| self.without_cluster.clone().unwrap_or_else(|| "there is none".into()))
    }

    async fn open(&self, _: usize, _: &[Need]) -> Result<Field, CannotTell> {
        toil(&self.busy, self.open_takes).await;
        if self.closed {
            return Err(CannotTell::new("no ground"));
        }
        self.opened.fetch_add(1, Ordering::SeqCst);
        Ok(Field { stop: self.stop.clone(), busy: self.busy.clone(), ..Field::default() })
    }

    async fn remake(&self, lane: &mut Field) -> Result<(), CannotTell> {
        toil(&self.busy, self.remake_takes).await;
        lane.broken.lock().unwrap().clear();
        self.remade.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn close(&self, _: Field) {
        self.closing.fetch_add(1, Ordering::SeqCst);
        toil(&self.busy, self.close_takes).await;
    }

    fn secrets(&self) -> Secrets {
        self.secrets.clone()
    }
}

/// A check that is red when something called as the check is broken.
pub(crate) fn check(id: &'static str, needs: &'static [Need]) -> Arc<Check<Field>> {
    let check = Check { needs, ..Arc::into_inner(judged(id, |cx| Box::pin(look(cx)))).unwrap() };
    Arc::new(check)
}

/// Every test check looks at the lane under the name that was last asked for, so that one function serves all.
async fn look(cx: &Cx<'_, Field>) -> Judgement {
    cx.examined(1);
    let broken = cx.lane().broken.lock().unwrap().clone();
    for what in broken.iter().filter(|what| !what.starts_with("only ")) {
        cx.find(Finding::new(*what, "whole", "broken"));
    }
    Ok(())
}

/// A check with this assertion.
pub(crate) fn judged(
    id: &'static str,
    judge: for<'a> fn(&'a Cx<'a, Field>) -> BoxFuture<'a, Judgement>,
) -> Arc<Check<Field>> {
    Arc::new(Check {
        id,
        level: Level::Baseline,
        failure_mode: "a test fails",
        asserts: "that nothing is broken",
        remedy: "mend it",
        needs: &[],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(1),
        no_cause: None,
        judge,
    })
}
