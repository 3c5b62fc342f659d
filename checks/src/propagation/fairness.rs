//! `propagation.fairness`: who floods the table does not keep others from their turn.

use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, applied, calls_of};
use super::guards::reworded;
use super::queue::{Row, sketch};
use super::runners::go_on;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, Target};
use sabot_wire::http;
use std::collections::BTreeSet;
use std::time::Duration;

const ID: &str = "propagation.fairness";

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
        registry_walk: false,
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
    let slow = http::Rule::on(calls_of(&desk.propagation.downstream)).delay_response(SLOW);
    let slow = worker.http(&desk.propagation.runner.downstream_wire)?.set(slow);
    let subjects = desk.subjects(BEFORE + 1 + AFTER).await?;
    let due_for = |place: usize| Duration::from_secs(if place < BEFORE { 60 } else { 10 });
    let mut new = Vec::new();
    for (place, subject) in subjects.iter().enumerate() {
        let watched = place == BEFORE;
        let due_for = if watched { Duration::from_secs(30) } else { due_for(place) };
        new.push(desk.new(subject)?.due_for(due_for));
    }
    let flood = new.last().cloned().into_iter().cycle().take(OF_ONE_TEAM);
    new.extend(flood);
    let halted = desk.halt_all(&[worker]).await?;
    let ids = desk.insert(&new).await?;
    go_on(halted).await;
    let watched = ids.get(BEFORE).copied().unwrap_or_default();
    let rows = desk.awaited(&[watched], Row::is_applied).await?;
    cx.examined(ids.len());
    let path = |place: usize| {
        subjects.get(place).map(|subject| desk.propagation.downstream.path_of(subject.resource))
    };
    let own = path(BEFORE).unwrap_or_default();
    let later: BTreeSet<_> = (BEFORE + 1..subjects.len()).filter_map(path).collect();
    let calls = stand_in.calls();
    let place = calls.iter().position(|call| call.path == own);
    let overtaken =
        calls.iter().take(place.unwrap_or(calls.len())).filter(|call| later.contains(&call.path)).count();
    let at_once = desk.propagation.runner.concurrency;
    let expected = format!("before all but {at_once} of those that were due later");
    if place.is_none() {
        let observed = format!("not at all, after {overtaken} of those: {}", sketch(rows.get(&watched)));
        cx.find(Finding::new("the row that is watched", expected, observed).evidence(desk.last_lines()));
    } else if overtaken > at_once {
        let observed = format!("after {overtaken} of {} of those", later.len());
        cx.find(Finding::new("the row that is watched", expected, observed).evidence(desk.last_lines()));
    }
    cx.fact("the flood", format!("{} rows, {BEFORE} of them due before", ids.len() - 1));
    cx.fact("calls before the one that is watched", format!("{place:?}, {overtaken} of them due after it"));
    // The rest of the flood is nobody's concern; what is under way ends before its answers do.
    let halted = desk.halt_all(&[worker]).await?;
    slow.remove();
    desk.clear().await?;
    go_on(halted).await;
    desk.looks(worker, 1).await
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let marks = &target.propagation.marks;
    let mistake = "the newest first: what has just been bought is what somebody waits for";
    let newest = (marks.claim.as_str(), marks.order.as_str(), format!("{} DESC", marks.order));
    vec![reworded(&[ID], "newest-first", mistake, &target.propagation, newest)]
}
