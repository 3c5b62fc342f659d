//! `propagation.late`: a runner that wakes after its lease changes nothing.

use super::cause::{on_queue, runner_with};
use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, applied, calls_of, unavailable};
use super::guards::{fence_out, within_lease};
use super::queue::{Entry, Row, Subject, sketch};
use crate::sabotage::composed::composed;
use crate::sabotage::trigger;
use sabot_engine::{CannotTell, Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Instance, Lane, Target};
use sabot_wire::hold::{Held, Hold};
use sabot_wire::http::{self, HeldRequest, Response};
use sabot_wire::pg;
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::{Instant, timeout};

pub(super) const ID: &str = "propagation.late";

/// How often the runner that woke looks for work before it is judged what it did.
const LOOKS: usize = 2;

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
        registry_walk: false,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(2),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// A row, and what the other runner does with it while the first is paused.
struct Own {
    id: i64,
    subject: Subject,
    what: What,
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
    let other = desk.lane.further(&desk.propagation.runner.service, &Vec::new()).await?;
    let halted = desk.halt(&other).await?;
    let downstream = desk.propagation.downstream.clone();
    let late = StandIn::answering(&desk, move |_| applied(&downstream))?;
    warm_up(&desk).await?;
    let asleep = fall_asleep(&desk).await?;
    let _punctual = punctual(&desk, &other, &asleep.own)?;
    let kept = asleep.own.iter().find(|own| own.what == What::Kept);
    let kept = kept.map(|own| path(&desk, &own.subject)).unwrap_or_default();
    let (rule, mut answers) = hold_answers(&desk, &other, http::Match::path(kept))?;
    halted.go_on().await;
    let kept_call = next(&mut answers).await?;
    let since = Instant::now();
    let before = settled(&desk, &asleep.own).await?;
    let own = asleep.wake(&desk).await?;
    let after = Picture::of(&desk, &own).await?;
    // Else the other runner's own dispatch may have run into its limit in between.
    let in_time = since.elapsed() < desk.propagation.runner.dispatch_limit.mul_f64(0.8);
    cx.examined(own.len());
    if in_time {
        own.iter().for_each(|own| judge_row(cx, &desk, own, (&before, &after)));
    }
    judge_calls(cx, &desk, &late, &own);
    drop(kept_call);
    rule.remove();
    if !in_time {
        return Err(CannotTell::new("the machine was too slow to tell one runner's writes from the other's"));
    }
    if !cx.is_red() {
        finish(cx, &desk, &own).await?;
    }
    other.stop().await;
    desk.clear().await
}

fn path(desk: &Desk<'_>, subject: &Subject) -> String {
    desk.propagation.downstream.path_of(subject.resource)
}

fn hold_answers(
    desk: &Desk<'_>,
    runner: &Instance,
    calls: http::Match,
) -> Judgement<(http::RuleHandle, Hold<HeldRequest, Response>)> {
    let (rule, hold) = http::Rule::on(calls).hold_response();
    Ok((runner.http(&desk.propagation.runner.downstream_wire)?.set(rule), hold))
}

async fn next(answers: &mut Hold<HeldRequest, Response>) -> Judgement<HeldAnswer> {
    let held = timeout(PATIENCE, answers.next()).await.ok().flatten();
    held.ok_or_else(|| CannotTell::new("a runner never called the downstream"))
}

type HeldAnswer = Held<HeldRequest, Response>;

/// Shows the shared runner a quick downstream, so that it claims ahead of its dispatches.
async fn warm_up(desk: &Desk<'_>) -> Judgement {
    let subjects = desk.subjects(desk.propagation.runner.concurrency * 2).await?;
    let new: Vec<_> = subjects.iter().map(|subject| desk.new(subject)).collect::<Judgement<_>>()?;
    let ids = desk.insert(&new).await?;
    desk.awaited(&ids, Row::is_applied).await.map(drop)
}

/// The shared runner, paused in the middle of its work.
struct Asleep {
    own: Vec<Own>,
    /// The answers to its calls.
    held: Vec<HeldAnswer>,
    rule: http::RuleHandle,
}

/// Pauses the shared runner with the answers to as many calls on their way to it as it makes at once, and a row more
/// that it has claimed.
async fn fall_asleep(desk: &Desk<'_>) -> Judgement<Asleep> {
    let worker = desk.worker()?;
    let (rule, mut answers) = hold_answers(desk, worker, calls_of(&desk.propagation.downstream))?;
    let at_once = desk.propagation.runner.concurrency;
    let subjects = desk.subjects(at_once + 1).await?;
    let new: Vec<_> = subjects.iter().map(|subject| desk.new(subject)).collect::<Judgement<_>>()?;
    let halted = desk.halt(worker).await?;
    let ids = desk.insert(&new).await?;
    halted.go_on().await;
    let mut held = Vec::new();
    for _ in 0..at_once {
        held.push(next(&mut answers).await?);
    }
    let called: BTreeSet<_> = held.iter().map(|held| held.message().request.path().to_owned()).collect();
    let mut left = [What::Failed, What::Kept].into_iter();
    let own =
        ids.into_iter().zip(subjects).map(|(id, subject)| match called.contains(&path(desk, &subject)) {
            true => Own { id, subject, what: left.next().unwrap_or(What::Applied) },
            false => Own { id, subject, what: What::Undispatched },
        });
    let own: Vec<_> = own.collect();
    let ahead: Vec<_> = own.iter().filter(|own| own.what == What::Undispatched).map(|own| own.id).collect();
    let rows = desk.awaited_within(desk.propagation.runner.poll * 2, &ahead, |row| row.held).await?;
    desk.pause().await?;
    if !rows.values().all(|row| row.held) {
        return Err(CannotTell::new("the runner claimed nothing ahead of its dispatches"));
    }
    Ok(Asleep { own, held, rule })
}

impl Asleep {
    /// Gives the runner what it has waited for, wakes it, and awaits that it has done with it what it will.
    async fn wake(self, desk: &Desk<'_>) -> Judgement<Vec<Own>> {
        let worker = desk.worker()?;
        let complete = pg::Match::literal(&desk.propagation.marks.complete);
        let (rule, mut completions) = pg::Rule::on(complete).notify();
        let rule = worker.postgres(&desk.propagation.runner.database_wire)?.set(rule).await?;
        self.held.into_iter().for_each(Held::release);
        self.rule.remove();
        desk.resume().await?;
        // A runner that knows by its own clock that it is late need not ask the database.
        let _asked = timeout(desk.propagation.runner.poll.saturating_mul(3), completions.next()).await;
        let _closed = rule.remove().await;
        desk.looks(worker, LOOKS).await?;
        Ok(self.own)
    }
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
            What::Kept => row.held && row.lost_leases > 0,
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
    vec![fence_out(&[ID], propagation), composed(&[ID], "dispatched-too-late", mistake, vec![reckons, has])]
}
