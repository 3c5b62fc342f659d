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
use sabot_wire::pg::{self, ErrorResponse, Execution, HoldAt};
use std::collections::BTreeMap;
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
        asserts: "a runner is paused with SIGSTOP past its lease while two of its calls are on their way and a third row \
                  is claimed and not yet dispatched; another runner has failed one of them, holds the second and has \
                  applied the third: the first wakes with its answers, calls nobody about the third, and rows and audit \
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

type HeldCall = Held<HeldRequest, Response>;
type HeldClaim = Held<Execution, ErrorResponse>;

/// The rows by what the other runner does with them while the first is paused.
#[derive(Debug, Clone, Copy)]
struct Ids {
    failed: i64,
    kept: i64,
    undispatched: i64,
}

impl Ids {
    const fn all(self) -> [i64; 3] {
        [self.failed, self.kept, self.undispatched]
    }
}

/// Rows and trail at one moment.
#[derive(PartialEq)]
struct Picture {
    rows: BTreeMap<i64, Row>,
    trail: BTreeMap<i64, Vec<Entry>>,
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let other = desk.lane.further(&desk.propagation.runner.service, &Vec::new()).await?;
    let halted = desk.halt(&other).await?;
    let downstream = desk.propagation.downstream.clone();
    let late = StandIn::answering(&desk, move |_| applied(&downstream))?;
    let subjects = desk.subjects(3).await?;
    let [failed, kept, undispatched] = subjects[..] else {
        return Err(CannotTell::new("no teams were made"));
    };
    let (downstream, failing) = (desk.propagation.downstream.clone(), path(&desk, &failed));
    let punctual = StandIn::answering_on(&desk, &other, move |call| match call.path == failing {
        true => unavailable(),
        false => applied(&downstream),
    })?;
    let asleep = fall_asleep(&desk, &[failed, kept], &undispatched).await?;
    let ids = asleep.ids;
    let (rule, mut kept_call) = hold_calls(&desk, &other, http::Match::path(path(&desk, &kept)))?;
    halted.go_on().await;
    let begun = Instant::now();
    let kept_call = next(&mut kept_call, "the other runner's call").await?;
    let since = Instant::now();
    let before = settled(&desk, ids).await?;
    cx.fact("taken over after", format!("{} ms", begun.elapsed().as_millis()));
    asleep.wake(&desk).await?;
    let after = picture(&desk, ids).await?;
    let in_time = since.elapsed() < desk.propagation.runner.dispatch_limit.mul_f64(0.8);
    cx.examined(ids.all().len());
    judge_rows(cx, &desk, ids, &before, &after);
    let about = late.about(&undispatched).len();
    if about > 0 {
        let finding = Finding::new(
            "the row that was claimed and not dispatched",
            "no call by the runner whose lease has run out",
            format!("{about} calls"),
        );
        cx.find(finding.evidence(desk.last_lines()));
    }
    if !in_time {
        // The other runner's own dispatch may have run into its limit in between.
        return Err(CannotTell::new("the machine was too slow to tell one runner's writes from the other's"));
    }
    drop(kept_call);
    rule.remove();
    if !cx.is_red() {
        finish(cx, &desk, ids).await?;
    }
    drop((late, punctual));
    other.stop().await;
    desk.clear().await
}

fn path(desk: &Desk<'_>, subject: &Subject) -> String {
    desk.propagation.downstream.path_of(subject.resource)
}

fn hold_calls(
    desk: &Desk<'_>,
    runner: &Instance,
    calls: http::Match,
) -> Judgement<(http::RuleHandle, Hold<HeldRequest, Response>)> {
    let (rule, hold) = http::Rule::on(calls).hold_response();
    Ok((runner.http(&desk.propagation.runner.downstream_wire)?.set(rule), hold))
}

async fn next<M, A>(hold: &mut Hold<M, A>, what: &str) -> Judgement<Held<M, A>> {
    let held = timeout(PATIENCE, hold.next()).await.ok().flatten();
    held.ok_or_else(|| CannotTell::new(format!("{what} never came")))
}

/// The shared runner, paused in the middle of its work.
struct Asleep {
    ids: Ids,
    /// The answers to its calls, and that to its claim: dropped, they go on.
    _held: (Vec<HeldCall>, HeldClaim),
    rules: (http::RuleHandle, pg::RuleHandle),
}

/// Pauses the shared runner with the answers to two calls on their way to it, and its claim of a third row.
async fn fall_asleep(desk: &Desk<'_>, called: &[Subject; 2], undispatched: &Subject) -> Judgement<Asleep> {
    let worker = desk.worker()?;
    let (answering, mut answers) = hold_calls(desk, worker, calls_of(&desk.propagation.downstream))?;
    let new: Vec<_> = called.iter().map(|subject| desk.new(subject)).collect::<Judgement<_>>()?;
    let both = desk.insert(&new).await?;
    let mut calls = Vec::new();
    for _ in &both {
        calls.push(next(&mut answers, "a call of the runner").await?);
    }
    let claims = pg::Match::literal(&desk.propagation.marks.claim);
    let (claiming, mut claims) = pg::Rule::on(claims).hold(HoldAt::Answered);
    let claiming = worker.postgres(&desk.propagation.runner.database_wire)?.set(claiming).await?;
    let third = desk.insert_one(desk.new(undispatched)?).await?;
    let claim = loop {
        let claim = next(&mut claims, "a claim of the runner").await?;
        if desk.rows(&[third]).await?.get(&third).is_some_and(|row| row.held) {
            break claim;
        }
    };
    desk.pause().await?;
    let [failed, kept] = both[..] else { return Err(CannotTell::new("enqueuing gave no ids")) };
    let ids = Ids { failed, kept, undispatched: third };
    Ok(Asleep { ids, _held: (calls, claim), rules: (answering, claiming) })
}

/// Awaits that the other runner has failed the first row and applied the third; the second it holds.
async fn settled(desk: &Desk<'_>, ids: Ids) -> Judgement<Picture> {
    desk.awaited(&[ids.failed], Row::is_waiting).await?;
    desk.awaited(&[ids.undispatched], Row::is_applied).await?;
    let picture = picture(desk, ids).await?;
    let as_meant = picture.rows.get(&ids.failed).is_some_and(Row::is_waiting)
        && picture.rows.get(&ids.kept).is_some_and(|row| row.held)
        && picture.rows.get(&ids.undispatched).is_some_and(Row::is_applied);
    if as_meant {
        return Ok(picture);
    }
    let rows: Vec<_> = ids.all().iter().map(|id| sketch(picture.rows.get(id))).collect();
    Err(CannotTell::new(format!("the other runner did not take over: {}", rows.join("; "))))
}

async fn picture(desk: &Desk<'_>, ids: Ids) -> Judgement<Picture> {
    Ok(Picture { rows: desk.rows(&ids.all()).await?, trail: desk.trail(&ids.all()).await? })
}

impl Asleep {
    /// Gives the runner what it has waited for, wakes it, and awaits that it has done with it what it will.
    async fn wake(self, desk: &Desk<'_>) -> Judgement {
        let worker = desk.worker()?;
        let complete = pg::Match::literal(&desk.propagation.marks.complete);
        let (rule, mut completions) = pg::Rule::on(complete).notify();
        let rule = worker.postgres(&desk.propagation.runner.database_wire)?.set(rule).await?;
        let (answering, claiming) = &self.rules;
        answering.remove();
        let _closed = claiming.remove().await;
        desk.resume().await?;
        // A runner that knows by its own clock that it is late need not ask the database.
        let _asked = timeout(desk.propagation.runner.poll.saturating_mul(3), completions.next()).await;
        let _closed = rule.remove().await;
        desk.looks(worker, LOOKS).await
    }
}

fn judge_rows(cx: &Cx<'_, Lane>, desk: &Desk<'_>, ids: Ids, before: &Picture, after: &Picture) {
    for (what, id) in [
        ("the row that another had failed since", ids.failed),
        ("the row that another holds", ids.kept),
        ("the row that another had applied since", ids.undispatched),
    ] {
        let (was, is) = (before.rows.get(&id), after.rows.get(&id));
        if was != is {
            let observed = format!("{}; it was {}", sketch(is), sketch(was));
            let whole = is.map_or_else(String::new, |row| row.whole.clone());
            let finding = Finding::new(what, "as the other left it", observed).evidence(whole);
            cx.find(finding.evidence(desk.last_lines()));
        }
        let more: Vec<_> = after
            .trail
            .get(&id)
            .into_iter()
            .flatten()
            .skip(before.trail.get(&id).map_or(0, Vec::len))
            .collect();
        if let Some(first) = more.first() {
            let observed = format!("{} more, the first of them {}", more.len(), first.kind);
            cx.find(Finding::new(format!("{what}: the audit log"), "no row by the late runner", observed));
        }
    }
}

/// The other runner's answer is let through, and counts.
async fn finish(cx: &Cx<'_, Lane>, desk: &Desk<'_>, ids: Ids) -> Judgement {
    let rows = desk.awaited(&[ids.kept], Row::is_applied).await?;
    if !rows.get(&ids.kept).is_some_and(|row| row.is_applied() && row.attempts == 0) {
        let observed = sketch(rows.get(&ids.kept));
        cx.find(Finding::new("the row that another holds", "applied by its holder", observed));
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
