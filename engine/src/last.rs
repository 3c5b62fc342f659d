//! Checks that look at what all others have left: run on every lane before its databases go, their results put together.

use crate::run::Bench;
use crate::{Check, Event, Result, Verdict};
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex, PoisonError};

/// What is done on a lane when nothing else will run there before it is remade or kept.
pub(crate) type AtEnd<L> = dyn for<'a> Fn(usize, &'a L) -> BoxFuture<'a, ()> + Send + Sync;

/// The checks with [`Sharing::Last`](crate::Sharing::Last), and what became of them on each lane so far.
pub(crate) struct Last<L: 'static> {
    bench: Bench,
    checks: Vec<Arc<Check<L>>>,
    results: Mutex<Vec<Result>>,
}

impl<L: Send + Sync + 'static> Last<L> {
    pub(crate) fn new(bench: Bench, checks: Vec<Arc<Check<L>>>) -> Arc<Self> {
        Arc::new(Self { bench, checks, results: Mutex::default() })
    }

    /// What runs them on a lane.
    pub(crate) fn at_end(self: &Arc<Self>) -> Arc<AtEnd<L>> {
        let this = self.clone();
        Arc::new(move |index, lane| {
            let this = this.clone();
            Box::pin(async move {
                for check in &this.checks {
                    let result = this.bench.run(check, index, Ok(lane)).await;
                    this.results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                }
            })
        })
    }

    /// One result for each check that ran on any lane.
    pub(crate) fn results(&self) -> Vec<Result> {
        let mut results = std::mem::take(&mut *self.results.lock().unwrap_or_else(PoisonError::into_inner));
        let mut merged: Vec<Result> = Vec::new();
        for result in results.drain(..) {
            match merged.iter_mut().find(|earlier| earlier.id == result.id) {
                Some(earlier) => add(earlier, result),
                None => merged.push(result),
            }
        }
        for result in &merged {
            self.bench.events.send(Event::CheckEnded(Box::new(result.clone())));
        }
        merged
    }
}

/// The worse verdict stands, with its reason; everything else adds up.
fn add(earlier: &mut Result, result: Result) {
    if result.verdict > earlier.verdict || result.verdict != Verdict::Pass && earlier.reason.is_none() {
        earlier.verdict = earlier.verdict.max(result.verdict);
        earlier.reason = result.reason.or(earlier.reason.take());
    }
    earlier.findings.extend(result.findings);
    earlier.facts.extend(result.facts);
    earlier.series.extend(result.series);
    earlier.figures.extend(result.figures);
    earlier.examined += result.examined;
    earlier.took_ms += result.took_ms;
}

#[cfg(test)]
mod tests {
    use crate::testing::{Field, Fields, check, judged};
    use crate::{Check, Events, Finding, Lanes, Record, RunOptions, Sharing, Verdict, run};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, LazyLock};
    use tokio::sync::Barrier;

    fn last(check: Arc<Check<Field>>) -> Arc<Check<Field>> {
        Arc::new(Check { sharing: Sharing::Last, ..Arc::into_inner(check).unwrap() })
    }

    async fn run_all(checks: &[Arc<Check<Field>>]) -> (Record, usize) {
        let arena = Arc::new(Fields::default());
        let mut lanes = Lanes::new(arena.clone(), 2, &[]);
        let mut record = Record::begin("run", "test");
        run(&mut lanes, &*arena, checks, &RunOptions::default(), &Events::channel().0, &mut record).await;
        let opened = arena.opened.load(Ordering::SeqCst);
        lanes.close().await;
        (record, opened)
    }

    #[tokio::test]
    async fn it_sees_what_each_check_has_left_before_the_lane_is_remade() {
        let breaks = judged("a.breaks", |cx| {
            Box::pin(async {
                cx.examined(1);
                cx.lane().broken.lock().unwrap().insert("left over");
                cx.find(Finding::new("a", "1", "2"));
                Ok(())
            })
        });
        // The failed check's lane is remade, and nothing is left over there afterwards.
        let (record, _) = run_all(&[last(check("z.last", &[])), breaks]).await;
        assert_eq!(record.results[0].id, "z.last");
        assert_eq!(record.results[0].verdict, Verdict::Fail);
        assert_eq!(record.results[0].findings[0].subject, "left over");
    }

    #[tokio::test]
    async fn it_runs_on_every_lane_and_one_result_adds_up() {
        // Each waits for the other, so that neither lane takes both.
        static MET: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));
        let waits = |id| {
            judged(id, |cx| {
                Box::pin(async {
                    cx.examined(1);
                    MET.wait().await;
                    Ok(())
                })
            })
        };
        let (record, opened) = run_all(&[waits("a.one"), waits("a.two"), last(check("z.last", &[]))]).await;
        assert_eq!((record.results.len(), opened), (3, 2));
        assert_eq!((record.results[2].verdict, record.results[2].examined), (Verdict::Pass, 2));
    }

    #[tokio::test]
    async fn chosen_alone_it_runs_like_any_other() {
        let (record, _) = run_all(&[last(check("z.last", &[]))]).await;
        assert_eq!((record.results[0].verdict, record.results[0].examined), (Verdict::Pass, 1));
    }

    #[tokio::test]
    async fn while_others_run_it_waits() {
        static DONE: AtomicBool = AtomicBool::new(false);
        let busy = judged("a.busy", |cx| {
            Box::pin(async {
                cx.examined(1);
                tokio::task::yield_now().await;
                DONE.store(true, Ordering::SeqCst);
                Ok(())
            })
        });
        let looks = last(judged("z.last", |cx| {
            Box::pin(async {
                cx.examined(1);
                if !DONE.load(Ordering::SeqCst) {
                    cx.find(Finding::new("the other check", "done", "not yet"));
                }
                Ok(())
            })
        }));
        let (record, _) = run_all(&[looks, busy]).await;
        assert_eq!(record.results[0].verdict, Verdict::Pass);
    }
}
