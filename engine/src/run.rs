//! Running chosen checks over the lanes: time limits, panics, needs, and the order.

use crate::arena::{Aftermath, Work};
use crate::last::Last;
use crate::{
    Arena, CannotTell, Check, Cx, Event, Events, Judgement, Lanes, Need, Record, Result, Secrets, Sharing,
    Verdict,
};
use futures_util::FutureExt as _;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;

/// Why there is no more to tell after a signal.
pub(crate) const INTERRUPTED: &str = "interrupted";

/// Why a job came back without a result though nobody stopped it.
pub(crate) const ENGINE_PANICKED: &str = "the engine panicked while it was under way";

/// How to run.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Skips that the user allows: check ids, tracks or needs. Empty allows none.
    pub allow_skips: Vec<String>,
    /// Stops the run between checks and cancels those under way.
    pub stop: CancellationToken,
}

impl RunOptions {
    /// Whether a skip of `check` for want of `need` was allowed.
    fn allows<L>(&self, check: &Check<L>, need: &Need) -> bool {
        let need = need.to_string();
        self.allow_skips
            .iter()
            .any(|allowed| *allowed == need || allowed == check.id || allowed == check.track())
    }
}

/// Runs `checks` over `lanes` and appends their results to `record`, in the order of `checks`.
pub async fn run<A: Arena>(
    lanes: &mut Lanes<A>,
    arena: &A,
    checks: &[Arc<Check<A::Lane>>],
    options: &RunOptions,
    events: &Events,
    record: &mut Record,
) {
    let (able, skipped) = split(arena, checks, options);
    let skipped = arena.secrets().clean(skipped);
    for result in &skipped {
        events.send(Event::CheckEnded(Box::new(result.clone())));
    }
    let bench = Bench {
        secrets: arena.secrets(),
        events: events.clone(),
        solitude: lanes.solitude(),
        stop: options.stop.clone(),
    };
    let (last, able) = last_apart(able);
    let last = Last::new(bench.clone(), last);
    let work: Arc<Judging<A::Lane>> = Arc::new(move |check, index, lane| {
        let bench = bench.clone();
        Box::pin(async move {
            let result = bench.run(&check, index, lane.map(|lane| &*lane)).await;
            let aftermath =
                if result.verdict == Verdict::Pass { Aftermath::Clean } else { Aftermath::Remake };
            bench.events.send(Event::CheckEnded(Box::new(result.clone())));
            (result, aftermath)
        })
    });
    let done = lanes.work(able, &options.stop, work, Some(last.at_end())).await;
    let done = done.into_iter().chain(last.results());
    let mut results: Vec<_> = skipped.into_iter().chain(done).collect();
    for check in checks {
        let place = results.iter().position(|result| result.id == check.id);
        record.results.push(
            place.map_or_else(|| without_result(check, &options.stop), |place| results.swap_remove(place)),
        );
    }
}

type Checks<L> = Vec<Arc<Check<L>>>;
type Judging<L> = Work<Arc<Check<L>>, L, Result>;

/// Those that run when all others have, and those others; without others they are like any.
fn last_apart<L>(able: Checks<L>) -> (Checks<L>, Checks<L>) {
    let (last, others): (Vec<_>, Vec<_>) = able.into_iter().partition(|check| check.sharing == Sharing::Last);
    if others.is_empty() { (others, last) } else { (last, others) }
}

/// Those whose needs are met, those that measure time last; and the results of the rest.
fn split<A: Arena>(
    arena: &A,
    checks: &[Arc<Check<A::Lane>>],
    options: &RunOptions,
) -> (Checks<A::Lane>, Vec<Result>) {
    let mut able = Vec::new();
    let mut skipped = Vec::new();
    for check in checks {
        if let Some(reason) = arena.leaves_out(check) {
            let reason = Some(reason);
            skipped.push(Result { verdict: Verdict::Skipped, skip_allowed: true, reason, ..describe(check) });
            continue;
        }
        let lack = check.needs.iter().find_map(|need| arena.lacks(need).map(|reason| (need, reason)));
        match lack {
            None => able.push(check.clone()),
            Some((need, reason)) => skipped.push(Result {
                verdict: Verdict::Skipped,
                skip_allowed: options.allows(check, need),
                reason: Some(format!("it needs {need}: {reason}")),
                ..describe(check)
            }),
        }
    }
    // The longest first keeps the lanes even; those that must be alone come when the others are done.
    able.sort_by_key(|check| (check.sharing == Sharing::Alone, std::cmp::Reverse(check.deadline)));
    (able, skipped)
}

fn without_result<L>(check: &Check<L>, stop: &CancellationToken) -> Result {
    let reason = if stop.is_cancelled() { "the run ended before it began" } else { ENGINE_PANICKED };
    Result { reason: Some(reason.into()), ..describe(check) }
}

/// A result that holds only what is known beforehand.
fn describe<L>(check: &Check<L>) -> Result {
    Result {
        level: check.level,
        failure_mode: check.failure_mode.into(),
        needs: check.needs.to_vec(),
        ..Result::blank(check.id)
    }
}

/// What every execution of a check shares.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) secrets: Secrets,
    pub(crate) events: Events,
    /// That of the [`Lanes`].
    pub(crate) solitude: Arc<RwLock<()>>,
    pub(crate) stop: CancellationToken,
}

impl Bench {
    /// Runs one check on one lane to its result; never panics, never outlasts the check's limit.
    pub(crate) async fn run<L: Sync>(
        &self,
        check: &Check<L>,
        index: usize,
        lane: std::result::Result<&L, CannotTell>,
    ) -> Result {
        let lane = match lane {
            Ok(lane) => lane,
            Err(reason) => {
                return self.secrets.clean(Result { reason: Some(reason.to_string()), ..describe(check) });
            }
        };
        let _together;
        let _alone;
        match check.sharing {
            Sharing::Alone => _alone = self.solitude.write().await,
            Sharing::Lane | Sharing::Last => _together = self.solitude.read().await,
        }
        self.events.send(Event::CheckStarted { id: check.id.into(), lane: index, limit: check.limit() });
        let begun = Instant::now();
        let cx = Cx::new(lane);
        let judged = self.judge(check, &cx).await;
        let mut result = conclude(check, &cx, judged);
        result.took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.secrets.clean(result)
    }

    async fn judge<L: Sync>(&self, check: &Check<L>, cx: &Cx<'_, L>) -> Judgement {
        let judging = AssertUnwindSafe(async { (check.judge)(cx).await }).catch_unwind();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(CannotTell::new(INTERRUPTED)),
            judged = tokio::time::timeout(check.limit(), judging) => match judged {
                Ok(Ok(judgement)) => judgement,
                Ok(Err(panic)) => Err(CannotTell::new(format!("the check panicked: {}", panic_text(&*panic)))),
                Err(_) => Err(CannotTell::new(format!("it did not end within the engine's limit of {:?}", check.limit()))),
            },
        }
    }
}

/// Findings make it red; else what could not be told, or having looked at nothing, makes it unverified.
fn conclude<L>(check: &Check<L>, cx: &Cx<'_, L>, judged: Judgement) -> Result {
    let mut notes = cx.take();
    for finding in &mut notes.findings {
        if finding.remedy.is_empty() {
            finding.remedy = check.remedy.into();
        }
    }
    let (verdict, reason) = match judged {
        judged if !notes.findings.is_empty() => (Verdict::Fail, judged.err().map(|error| error.to_string())),
        Err(error) => (Verdict::Unverified, Some(error.to_string())),
        Ok(()) if notes.examined == 0 => (Verdict::Unverified, Some("it found nothing to look at".into())),
        Ok(()) => (Verdict::Pass, None),
    };
    Result {
        verdict,
        reason,
        findings: notes.findings,
        facts: notes.facts,
        series: notes.series,
        figures: notes.figures,
        examined: notes.examined,
        ..describe(check)
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Field, check, judged};
    use crate::{Exit, Finding};
    use std::time::Duration;

    async fn run_all(checks: Vec<Arc<Check<Field>>>, options: RunOptions) -> Record {
        let arena = Arc::new(crate::testing::Fields::default());
        let mut lanes = Lanes::new(arena.clone(), 2, &[]);
        let mut record = Record::begin("run", "test");
        run(&mut lanes, &*arena, &checks, &options, &Events::channel().0, &mut record).await;
        lanes.close().await;
        record.finish();
        record
    }

    #[tokio::test]
    async fn a_panic_and_a_silence_are_unverified_and_the_rest_goes_on() {
        let silent = judged("a.silent", |cx| {
            Box::pin(async {
                cx.examined(1);
                std::future::pending().await
            })
        });
        let panicking = judged("a.panics", |_| Box::pin(async { panic!("it broke") }));
        let blind = judged("a.blind", |_| Box::pin(async { Ok(()) }));
        tokio::time::pause();
        let record =
            run_all(vec![silent, panicking, blind, check("a.good", &[])], RunOptions::default()).await;
        let verdicts: Vec<_> = record.results.iter().map(|result| result.verdict).collect();
        assert_eq!(verdicts, [Verdict::Unverified, Verdict::Unverified, Verdict::Unverified, Verdict::Pass]);
        let reasons: Vec<_> = record.results.iter().filter_map(|result| result.reason.as_deref()).collect();
        assert!(
            reasons[0].contains("limit") && reasons[1].contains("it broke") && reasons[2].contains("nothing")
        );
        assert_eq!(Exit::of(&record), Exit::Unverified);
    }

    #[tokio::test]
    async fn a_finding_makes_it_red_even_where_the_rest_could_not_be_told() {
        let red = judged("a.red", |cx| {
            Box::pin(async {
                cx.find(Finding::new("row", "1", "2"));
                Err(CannotTell::new("lost the connection"))
            })
        });
        let record = run_all(vec![red], RunOptions::default()).await;
        assert_eq!(record.results[0].verdict, Verdict::Fail);
        assert_eq!(record.results[0].findings[0].remedy, "mend it");
        assert_eq!(record.results[0].reason.as_deref(), Some("lost the connection"));
    }

    #[tokio::test]
    async fn a_missing_need_skips_and_counts_unless_it_was_allowed() {
        let checks = || vec![check("a.cluster", &[Need::Cluster]), check("a.good", &[])];
        let record = run_all(checks(), RunOptions::default()).await;
        assert_eq!(record.results[0].verdict, Verdict::Skipped);
        assert_eq!(Exit::of(&record), Exit::Unverified);
        let allowed = RunOptions { allow_skips: vec!["cluster".into()], ..RunOptions::default() };
        assert_eq!(Exit::of(&run_all(checks(), allowed).await), Exit::Passed);
    }

    #[tokio::test]
    async fn a_check_that_measures_time_runs_alone() {
        use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        let busy = |id| {
            judged(id, |cx| {
                Box::pin(async {
                    cx.examined(1);
                    RUNNING.fetch_add(1, SeqCst);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    RUNNING.fetch_sub(1, SeqCst);
                    Ok(())
                })
            })
        };
        let mut alone = Arc::into_inner(judged("a.alone", |cx| {
            Box::pin(async {
                cx.examined(1);
                if RUNNING.load(SeqCst) != 0 {
                    cx.find(Finding::new("lanes", "alone", "in company"));
                }
                Ok(())
            })
        }))
        .unwrap();
        alone.sharing = Sharing::Alone;
        let record =
            run_all(vec![busy("a.one"), Arc::new(alone), busy("a.two")], RunOptions::default()).await;
        assert!(record.results.iter().all(|result| result.verdict == Verdict::Pass), "{record:?}");
    }

    #[tokio::test]
    async fn a_stopped_run_cancels_what_is_under_way_and_begins_nothing_more() {
        let stop = CancellationToken::new();
        let stopper = stop.clone();
        let waiting = judged("a.waits", |_| Box::pin(std::future::pending()));
        let options = RunOptions { stop, ..RunOptions::default() };
        let (record, ()) =
            tokio::join!(
                run_all(vec![waiting, check("b.good", &[])], options),
                async move { stopper.cancel() }
            );
        assert_eq!(record.results[0].verdict, Verdict::Unverified);
    }

    #[tokio::test]
    async fn a_lane_that_does_not_open_leaves_its_checks_unverified() {
        let arena = Arc::new(crate::testing::Fields { closed: true, ..Default::default() });
        let mut lanes = Lanes::new(arena.clone(), 1, &[]);
        let mut record = Record::begin("run", "test");
        let checks = [check("a.good", &[])];
        run(&mut lanes, &*arena, &checks, &RunOptions::default(), &Events::channel().0, &mut record).await;
        assert_eq!(record.results[0].verdict, Verdict::Unverified);
        assert_eq!(record.results[0].reason.as_deref(), Some("no ground"));
    }
}
