//! `propagation.late`: a runner that wakes after its lease changes nothing.

mod asleep;

use super::cause::{on_queue, runner_with};
use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, applied, unavailable};
use super::guards::{fence_out, within_lease};
use super::parts::unseen;
use super::queue::{Entry, Row, Subject, sketch};
use crate::sabotage::composed::composed;
use crate::sabotage::trigger;
use asleep::{fall_asleep, hold_answers, next, warm_up};
use sabot_engine::{CannotTell, Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::propagation::Runner;
use sabot_target::{Instance, Lane, Overrides, Propagation, Target};
use sabot_wire::http;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

pub(super) const ID: &str = "propagation.late";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a runner is paused by its host for longer than its lease, wakes, and writes its old answer over \
                       what another has done since: a failure becomes a success that nobody had, or a success a retry",
        asserts: "a runner is paused with SIGSTOP past its lease while all its dispatches are on their way and one row \
                  more is claimed: another runner has failed one of them, holds a second and has applied the rest; the \
                  first wakes with its answers, calls nobody about the row that it had only claimed, and rows and audit \
                  log stay as the other left them, to the letter",
        remedy: "give every claim a token; complete only where the row still has it and the lease lives, by the \
                 database's clock and in the statement that writes; before a dispatch look how much of the lease is left",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(2),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// How long a call of the other runner may take, and its lease: within the former nothing of its own happens to the row
/// that it holds.
const OTHERS: (&str, &str) = ("2s", "4s");
const WINDOW: Duration = Duration::from_millis(1_500);

/// Settings of the other runner.
fn patient(propagation: &Propagation) -> Overrides {
    let env = &propagation.runner.env;
    let all = [(env.dispatch_limit.clone(), OTHERS.0), (env.lease.clone(), OTHERS.1)];
    all.into_iter()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name, value.to_owned()))
        .collect()
}

/// Whether a runner's dispatch limit is long enough for the other runner as it is.
pub(super) fn limit_lasts(runner: &Runner) -> bool {
    runner.dispatch_limit >= Duration::from_secs(2)
}

/// Whether a runner's lease is.
pub(super) fn lease_lasts(runner: &Runner) -> bool {
    runner.lease >= Duration::from_secs(4)
}

/// A row, and what the other runner does with it while the first is paused.
struct Own {
    id: i64,
    subject: Subject,
    what: What,
    /// Whether the first has claimed it.
    taken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Failed,
    Kept,
    Applied,
    /// Applied too: the first had claimed it and not yet called anybody about it.
    Undispatched,
}

/// Rows and trail at one moment.
struct Picture {
    rows: BTreeMap<i64, Row>,
    trail: BTreeMap<i64, Vec<Entry>>,
}

impl Picture {
    async fn of(desk: &Desk<'_>, own: &[Own]) -> Judgement<Self> {
        let ids: Vec<_> = own.iter().map(|own| own.id).collect();
        Ok(Self { rows: desk.rows(&ids).await?, trail: desk.trail(&ids).await? })
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let judged = play(cx, &desk).await;
    // Whatever came of it: nobody after this one finds the shared runner asleep.
    desk.resume().await?;
    judged.and(desk.clear().await)
}

async fn play(cx: &Cx<'_, Lane>, desk: &Desk<'_>) -> Judgement {
    let other = desk.lane.further(&desk.propagation.runner.service, &patient(desk.propagation)).await?;
    let halted = desk.halt(&other).await?;
    let downstream = desk.propagation.downstream.clone();
    let late = StandIn::answering(desk, move |_| applied(&downstream))?;
    warm_up(desk).await?;
    let asleep = fall_asleep(desk).await?;
    let _punctual = punctual(desk, &other, &asleep.own)?;
    for (what, not_so) in [
        (What::Kept, "a row that another holds"),
        (What::Undispatched, "a row that was claimed and not dispatched"),
    ] {
        if !asleep.own.iter().any(|own| own.what == what && own.taken) {
            unseen(cx, not_so, "gives the runner too few dispatches at once, or too small a claim");
        }
    }
    let kept = asleep.own.iter().find(|own| own.what == What::Kept);
    let kept = kept.map(|own| hold_answers(desk, &other, http::Match::path(path(desk, &own.subject))));
    let mut kept = kept.transpose()?;
    halted.go_on().await;
    let kept_call = match &mut kept {
        Some((_, answers)) => Some(next(answers).await?),
        None => None,
    };
    let since = Instant::now();
    let before = settled(desk, &asleep.own).await?;
    let own = asleep.wake(desk).await?;
    let after = Picture::of(desk, &own).await?;
    let took = since.elapsed();
    cx.fact("between the two looks", format!("{} ms", took.as_millis()));
    let in_time = took < WINDOW || kept.is_none();
    cx.examined(own.len());
    if in_time {
        own.iter().for_each(|own| judge_row(cx, desk, own, (&before, &after)));
    }
    judge_calls(cx, desk, &late, &own);
    drop(kept_call);
    if let Some((rule, _)) = kept {
        rule.remove();
    }
    if !in_time {
        return Err(CannotTell::new("the machine was too slow to tell one runner's writes from the other's"));
    }
    if !cx.is_red() {
        finish(cx, desk, &own).await?;
    }
    other.stop().await;
    Ok(())
}

fn path(desk: &Desk<'_>, subject: &Subject) -> String {
    desk.propagation.downstream.path_of(subject.resource)
}

/// The other runner's downstream fails one call and does the others.
fn punctual<'a>(desk: &Desk<'a>, other: &Instance, own: &[Own]) -> Judgement<StandIn<'a>> {
    let failing = own.iter().find(|own| own.what == What::Failed).map(|own| path(desk, &own.subject));
    let downstream = desk.propagation.downstream.clone();
    StandIn::answering_on(desk, other, move |call| match failing.as_ref() == Some(&call.path) {
        true => unavailable(),
        false => applied(&downstream),
    })
}

/// Awaits that the other runner has done with each row what it is to do; how they stand then.
async fn settled(desk: &Desk<'_>, own: &[Own]) -> Judgement<Picture> {
    let done = own.iter().filter(|own| own.what != What::Kept).map(|own| own.id);
    desk.awaited(&done.collect::<Vec<_>>(), |row| row.is_applied() || row.is_waiting()).await?;
    let picture = Picture::of(desk, own).await?;
    for Own { id, what, .. } in own {
        let row = picture.rows.get(id);
        let as_meant = row.is_some_and(|row| match what {
            What::Failed => row.is_waiting(),
            What::Kept => row.held && row.lost_leases.is_none_or(|lost| lost > 0),
            What::Applied | What::Undispatched => row.is_applied(),
        });
        if !as_meant {
            return Err(CannotTell::new(format!("the other runner did not take over: {}", sketch(row))));
        }
    }
    Ok(picture)
}

fn judge_row(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    Own { id, what, .. }: &Own,
    (before, after): (&Picture, &Picture),
) {
    let what = match what {
        What::Failed => "a row that another has failed since",
        What::Kept => "a row that another holds",
        What::Applied | What::Undispatched => "a row that another has applied since",
    };
    let (was, is) = (before.rows.get(id), after.rows.get(id));
    if was != is {
        let observed = format!("{}; it was {}", sketch(is), sketch(was));
        let whole = is.map_or_else(String::new, |row| row.whole.clone());
        let finding = Finding::new(what, "as the other left it", observed).evidence(whole);
        cx.find(finding.evidence(desk.last_lines()));
    }
    let known = before.trail.get(id).map_or(0, Vec::len);
    let more: Vec<_> = after.trail.get(id).into_iter().flatten().skip(known).collect();
    if let Some(first) = more.first() {
        let observed = format!("{} more, the first of them `{}`", more.len(), first.kind);
        cx.find(Finding::new(format!("{what}: the audit log"), "no row by the late runner", observed));
    }
}

/// What the late runner had claimed and not dispatched it leaves alone.
fn judge_calls(cx: &Cx<'_, Lane>, desk: &Desk<'_>, late: &StandIn<'_>, own: &[Own]) {
    for own in own.iter().filter(|own| own.what == What::Undispatched) {
        let calls = late.about(&own.subject).len();
        if calls > 0 {
            let finding = Finding::new(
                "a row that was claimed and not dispatched",
                "no call by the runner whose lease on it has run out",
                format!("{calls} calls"),
            );
            cx.find(finding.evidence(desk.last_lines()));
        }
    }
}

/// The other runner's answer is let through, and counts.
async fn finish(cx: &Cx<'_, Lane>, desk: &Desk<'_>, own: &[Own]) -> Judgement {
    let kept: Vec<_> = own.iter().filter(|own| own.what == What::Kept).map(|own| own.id).collect();
    for row in desk.awaited(&kept, Row::is_applied).await?.values() {
        if !row.is_applied() || row.attempts != 0 {
            cx.find(Finding::new("a row that another holds", "applied by its holder", sketch(Some(row))));
        }
    }
    Ok(())
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let runner = &propagation.runner;
    let mistake = "the lease that a runner reckons with is not the one that the row has";
    let reckons = runner_with(&[ID], "long-reckoned", mistake, propagation, (&runner.env.lease, "1h".into()));
    let has = trigger::put(
        &[ID],
        "short-in-truth",
        mistake,
        &on_queue(propagation, "BEFORE UPDATE", within_lease(propagation, runner.lease)),
    );
    // Only what is claimed ahead can be dispatched too late.
    let ahead = runner.batch > runner.concurrency;
    let late = reckons
        .filter(|_| ahead)
        .map(|reckons| composed(&[ID], "dispatched-too-late", mistake, vec![reckons, has]));
    [fence_out(&[ID], propagation), late].into_iter().flatten().collect()
}
