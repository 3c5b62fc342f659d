//! `propagation.fairness`: who floods the table does not keep others from their turn.

use super::cause::on_queue;
use super::desk::{Desk, PATIENCE};
use super::downstream::{Slow, StandIn, applied};
use super::guards::reworded;
use super::queue::{New, Row, Subject, sketch};
use crate::sabotage::trigger;
use crate::sql::ident;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, Propagation, Target};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) const ID: &str = "propagation.fairness";

/// Teams of the flood that were due before the one that is watched, and after it; and how many more rows the last of
/// them has.
const BEFORE: usize = 40;
const AFTER: usize = 240;
const OF_ONE_TEAM: usize = 240;

/// How long the downstream takes for each.
const SLOW: Duration = Duration::from_millis(25);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Beyond,
        failure_mode: "an import changes the tier of thousands of teams, and the one customer who has just paid waits \
                       behind all of them, or for ever, while new ones keep coming",
        asserts: "a table is flooded with rows of many teams and of one, some due before the one that is watched, most \
                  after it: by the order of calls on the wire it starts as soon as those before it have, and before \
                  those after it, but for the dispatches that are under way at once",
        remedy: "claim the oldest due rows first, a few at a time",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(2),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let worker = desk.worker()?;
    let downstream = desk.propagation.downstream.clone();
    let stand_in = StandIn::answering(&desk, move |_| applied(&downstream))?;
    let slow = Slow::with(&desk, &[worker], SLOW)?;
    let subjects = desk.subjects(BEFORE + 1 + AFTER).await?;
    let halted = desk.halt(worker).await?;
    let ids = desk.insert(&flood(&desk, &subjects)?).await?;
    halted.go_on().await;
    let watched = ids.get(BEFORE).copied().unwrap_or_default();
    let rows = desk.awaited(&[watched], Row::is_applied).await?;
    cx.examined(ids.len());
    cx.fact("the flood", format!("{} rows, {BEFORE} of them due before", ids.len() - 1));
    judge_place(cx, &desk, &stand_in, &subjects, rows.get(&watched));
    // The rest of the flood is nobody's concern.
    let halted = desk.halt(worker).await?;
    drop(slow);
    desk.clear().await?;
    halted.go_on().await;
    desk.looks(worker, 1).await
}

/// A row about each of `subjects`, that which is watched behind those that were due before it, and more about the last.
fn flood(desk: &Desk<'_>, subjects: &[Subject]) -> Judgement<Vec<New>> {
    let mut flood = Vec::new();
    for (place, subject) in subjects.iter().enumerate() {
        let due_for = match place.cmp(&BEFORE) {
            Ordering::Less => 60,
            Ordering::Equal => 30,
            Ordering::Greater => 10,
        };
        flood.push(desk.due(subject)?.due_for(Duration::from_secs(due_for)));
    }
    let more = flood.last().cloned().into_iter().cycle().take(OF_ONE_TEAM);
    flood.extend(more);
    Ok(flood)
}

/// By the order of calls: how many rows that were due later have started before the one that is watched.
fn judge_place(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    stand_in: &StandIn<'_>,
    subjects: &[Subject],
    row: Option<&Row>,
) {
    let mut paths = subjects.iter().map(|own| desk.propagation.downstream.path_of(own.resource)).skip(BEFORE);
    let watched = paths.next().unwrap_or_default();
    let later: BTreeSet<_> = paths.collect();
    let calls = stand_in.calls();
    let place = calls.iter().position(|call| call.path == watched);
    let earlier = calls.iter().take(place.unwrap_or(calls.len()));
    let overtaken = earlier.filter(|call| later.contains(&call.path)).count();
    let at_once = desk.propagation.runner.concurrency;
    if place.is_none() || overtaken > at_once {
        let finding = Finding::new(
            "the row that is watched",
            format!("started before all but {at_once} of {} that were due later", later.len()),
            format!("{overtaken} of them have started before it; it is {}", sketch(row)),
        );
        cx.find(finding.evidence(desk.last_lines()));
    }
    let started = place.map_or_else(|| "none".to_owned(), |place| place.to_string());
    cx.fact("calls before the one that is watched", format!("{started}, {overtaken} of rows due after it"));
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let (propagation, marks) = (&target.propagation, &target.propagation.marks);
    let mistake = "the newest first: what has just been bought is what somebody waits for";
    let newest = (marks.claim.as_str(), marks.order.as_str(), format!("{} DESC", marks.order));
    let newest = reworded(&[ID], "newest-first", mistake, propagation, newest);
    vec![newest.unwrap_or_else(|| mirrored(propagation))]
}

/// Where the claim's order can't be reached: the longer a row has been due, the shorter.
fn mirrored(propagation: &Propagation) -> Sabotage<Lane> {
    let due = ident(&propagation.queue.next_attempt_at);
    let body = format!(
        "IF NEW.{due} < now() THEN NEW.{due} := now() - interval '2 min' + (now() - NEW.{due}); END IF;"
    );
    let mistake = "what is due is sorted by how long it may still wait, with the sign turned";
    trigger::put(&[ID], "newest-first", mistake, &on_queue(propagation, "BEFORE INSERT", body))
}
