//! `propagation.exclusive`: several runners share the queue, and each row is dispatched once.

use super::cause::on_queue;
use super::desk::Desk;
use super::downstream::{Call, Slow, StandIn, applied, calls_of, unavailable};
use super::guards::{fence_out, lock_out, within_lease};
use super::late;
use super::lock::{Lock, waiting};
use super::queue::{Row, Subject, sketch};
use super::runners::go_on;
use crate::sabotage::composed::composed;
use crate::sabotage::trigger;
use crate::soak;
use sabot_engine::{CannotTell, Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Instance, Lane, Target};
use sabot_wire::http::Counter;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

pub(super) const ID: &str = "propagation.exclusive";

/// Runners beside the shared one.
const FURTHER: usize = 2;

/// Rows of a round, in the short form and in the long one.
const ROWS: usize = 480;
const ROWS_IN_LONG: usize = 3_000;

/// How long the downstream takes for each: several times what a claim does.
const SLOW: Duration = Duration::from_millis(100);

/// The longest that runners may take until all of them have claimed, and until a round is done.
const CLAIMED: Duration = Duration::from_secs(2);
const DONE: Duration = Duration::from_secs(30);

/// How often the queue is looked at meanwhile; there is no event to await from outside.
const POLL: Duration = Duration::from_millis(25);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a second worker is started for the load, both take the same rows, and every customer's change is \
                       carried out twice at the same time",
        asserts: "hundreds of rows are due at once for three runners, while another transaction holds one of them, the \
                  downstream takes its time, and one row in ten fails: every dispatch is seen on the wires by its \
                  idempotency key, each row has one, and ends as its answer says; with SABOT_SOAK_SECONDS thousands of \
                  rows at a time, round after round",
        remedy: "claim with FOR UPDATE SKIP LOCKED and look at the row's condition after it is locked; hide what is \
                 claimed for a lease that is longer than a dispatch; let only the holder complete",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: soak::deadline(DONE),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let further = desk.further(FURTHER).await?;
    let runners: Vec<_> = std::iter::once(desk.worker()?).chain(&further).collect();
    let (wire, calls) = (&desk.propagation.runner.downstream_wire, calls_of(&desk.propagation.downstream));
    let counters: Vec<Counter> = runners
        .iter()
        .map(|runner| Ok(runner.http(wire)?.counter(calls.clone())))
        .collect::<Judgement<_>>()?;
    let count = count(&desk);
    let (begun, mut rounds) = (Instant::now(), 0_u32);
    loop {
        round(cx, &desk, &runners, count).await?;
        rounds += 1;
        if cx.is_red() || !soak::goes_on(begun) {
            break;
        }
        desk.clear().await?;
    }
    let shares: Vec<_> = counters.iter().map(Counter::received).collect();
    if !cx.is_red() && shares.iter().filter(|share| **share > 0).count() < 2 {
        return Err(CannotTell::new(format!("one runner did all the work: {shares:?}")));
    }
    cx.fact("rounds", format!("{rounds} of {count} rows, {} runners", runners.len()));
    cx.fact("dispatches by runner", format!("{shares:?}"));
    for runner in further {
        runner.stop().await;
    }
    desk.clear().await
}

/// Whether the downstream fails at the calls about `subject`.
const fn fails(subject: &Subject) -> bool {
    subject.resource % 10 == 0
}

/// How many rows a round has: runners that do one after another get fewer.
fn count(desk: &Desk<'_>) -> usize {
    let at_once = desk.propagation.runner.concurrency;
    if soak::time().is_some() { ROWS_IN_LONG } else { (at_once * 30).clamp(ROWS / 4, ROWS) }
}

async fn round(cx: &Cx<'_, Lane>, desk: &Desk<'_>, runners: &[&Instance], count: usize) -> Judgement {
    let subjects = desk.subjects(count).await?;
    let downstream = desk.propagation.downstream.clone();
    let failing = subjects.iter().filter(|subject| fails(subject));
    let failing: BTreeSet<_> = failing.map(|subject| downstream.path_of(subject.resource)).collect();
    let answer =
        move |call: &Call| if failing.contains(&call.path) { unavailable() } else { applied(&downstream) };
    let mut stand_in = StandIn::answering(desk, answer)?;
    for further in runners.iter().skip(1) {
        stand_in.join(further)?;
    }
    let slow = Slow::with(desk, runners, SLOW)?;
    let mut new: Vec<_> = subjects.iter().map(|subject| desk.due(subject)).collect::<Judgement<_>>()?;
    if let Some(first) = new.first_mut() {
        *first = first.clone().due_for(Duration::from_secs(1));
    }
    // All of them claim at the same moment, and meet a row that is locked.
    let halted = desk.halt_all(runners).await?;
    let ids = desk.insert(&new).await?;
    let lock = Lock::on(desk, ids.get(..1).unwrap_or_default()).await?;
    go_on(halted).await;
    have_claimed(desk, &stand_in, runners.len()).await?;
    lock.release().await?;
    ended(desk, &stand_in, &ids).await?;
    for runner in runners {
        // What was claimed twice may still be on its way.
        desk.looks(runner, 1).await?;
    }
    drop(slow);
    judge_round(cx, desk, &stand_in, &subjects, &ids).await
}

/// Awaits that somebody dispatches; or, where they wait for the locked row, that all of them do.
async fn have_claimed(desk: &Desk<'_>, stand_in: &StandIn<'_>, runners: usize) -> Judgement {
    let (deadline, runners) = (Instant::now() + CLAIMED, i64::try_from(runners)?);
    while stand_in.calls().is_empty() && waiting(desk).await? < runners && Instant::now() < deadline {
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Awaits that each row has been attempted, or one was dispatched twice.
async fn ended(desk: &Desk<'_>, stand_in: &StandIn<'_>, ids: &[i64]) -> Judgement {
    let deadline = Instant::now() + DONE;
    loop {
        let done = desk.unattempted(ids).await? == 0;
        if done || stand_in.keys().values().any(|times| *times > 1) || Instant::now() >= deadline {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn judge_round(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    stand_in: &StandIn<'_>,
    subjects: &[Subject],
    ids: &[i64],
) -> Judgement {
    let (keys, rows) = (stand_in.keys(), desk.rows(ids).await?);
    cx.examined(ids.len());
    let (mut twice, mut never, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for (id, subject) in ids.iter().zip(subjects) {
        let key = desk.propagation.downstream.key_of(*id, subject.resource);
        match keys.get(&key) {
            Some(1) => {}
            Some(times) => twice.push(format!("{key}, {times} times")),
            None => never.push(key),
        }
        let as_answered = |row: &Row| match fails(subject) {
            true => row.is_waiting() && row.attempts == 1,
            false => row.is_applied() && row.attempts == 0,
        };
        if !rows.get(id).is_some_and(as_answered) {
            wrong.push(sketch(rows.get(id)));
        }
    }
    for (what, expected, list) in [
        ("the dispatches", "each idempotency key comes once", twice),
        ("the dispatches", "each row has one", never),
        ("the rows", "applied, or waiting after the failure that was answered", wrong),
    ] {
        if let Some(first) = list.first() {
            let observed = format!("{} of {} are not so; the first: {first}", list.len(), ids.len());
            cx.find(Finding::new(what, expected, observed).evidence(desk.last_lines()));
        }
    }
    Ok(())
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let both = [ID, late::ID];
    let mistake = "the claim is a plain UPDATE of what a SELECT has found, and who completes a row is not asked \
                   whether it is still his";
    let moment = trigger::put(
        &[ID],
        "lease-of-a-moment",
        "the lease is set in milliseconds where seconds were meant",
        &on_queue(propagation, "BEFORE UPDATE", within_lease(propagation, Duration::from_millis(2))),
    );
    // Without a fence that could be taken out the lock is all that there is, and a late runner meets none of it.
    let unguarded = match (lock_out(&both, propagation), fence_out(&both, propagation)) {
        (Some(lock), Some(fence)) => Some(composed(&both, "unguarded", mistake, vec![lock, fence])),
        (Some(lock), None) => Some(composed(&[ID], "unguarded", mistake, vec![lock])),
        (None, _) => None,
    };
    unguarded.into_iter().chain([moment]).collect()
}
