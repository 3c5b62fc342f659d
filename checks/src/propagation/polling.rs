//! `propagation.polling`: work is found within one polling period, and an enqueue wakes a runner sooner.

use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, applied};
use super::parts::{is_there, unseen};
use super::queue::{Row, Subject, sketch};
use crate::sabotage::{schema, setting};
use crate::sql::{ident, literal};
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::propagation::Part;
use sabot_target::{Instance, Lane, Overrides, Propagation, SchemaLever, Target};
use sabot_wire::hold::Hold;
use sabot_wire::pg::{ErrorResponse, Execution, HoldAt, Match, Rule, RuleHandle};
use std::time::Duration;
use tokio::time::{Instant, timeout};

pub(super) const ID: &str = "propagation.polling";

/// Rows that are made due by hand.
const ROWS: usize = 3;

/// How much longer than a polling period a runner may need on a busy machine.
const TOLERANCE: Duration = Duration::from_millis(500);

/// For how long a runner has been idle before it is judged how it polls: it may be quicker at first.
const IDLE: Duration = Duration::from_millis(1_200);

/// A polling period at which only a notification is quick, and its limit for a stalled runner.
const SELDOM: (&str, &str) = ("30s", "5m");

/// What a runner has not looked for that long, it does not look again so soon by itself; and how quickly it is woken.
const QUIET: Duration = Duration::from_millis(600);
const WOKEN: Duration = Duration::from_millis(500);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the one notification is lost with its connection, or the row was mended by hand, and nobody looks \
                       for work by himself: it lies there until the next deployment",
        asserts: "an idle runner looks for work in every polling period, and rows that were made due by hand, of which \
                  no notification tells, are dispatched within one; a runner that polls twice a minute dispatches what \
                  is enqueued at once",
        remedy: "poll whatever happens, and listen for notifications besides",
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
    let downstream = desk.propagation.downstream.clone();
    let mut stand_in = StandIn::answering(&desk, move |_| applied(&downstream))?;
    by_hand(cx, &desk, &stand_in).await?;
    let woken_by = "what is enqueued wakes a runner that hardly polls";
    let rings = is_there(cx, Part::Bell, woken_by);
    let polls = !desk.propagation.runner.env.poll.is_empty();
    if rings && !polls {
        unseen(cx, woken_by, "names no setting for the polling period");
    }
    if rings && polls && !cx.is_red() {
        woken(cx, &desk, &mut stand_in).await?;
    }
    desk.clear().await
}

/// Stops every look for work of `runner` when it has been answered: what is done then it has not seen.
async fn looks(desk: &Desk<'_>, runner: &Instance) -> Judgement<(RuleHandle, Looks)> {
    let (rule, looks) = Rule::on(Match::literal(&desk.propagation.marks.claim)).hold(HoldAt::Answered);
    let wire = runner.postgres(&desk.propagation.runner.database_wire)?;
    Ok((wire.set(rule).await?, looks))
}

type Looks = Hold<Execution, ErrorResponse>;

/// Rows are made due by an update, of which nobody is notified.
async fn by_hand(cx: &Cx<'_, Lane>, desk: &Desk<'_>, stand_in: &StandIn<'_>) -> Judgement {
    let limit = desk.propagation.runner.poll + TOLERANCE;
    let subjects = desk.subjects(ROWS).await?;
    // Longer than any lease.
    let hour = Duration::from_secs(60 * 60).max(desk.propagation.runner.default_lease * 2);
    let new: Vec<_> =
        subjects.iter().map(|subject| Ok(desk.due(subject)?.due_in(hour))).collect::<Judgement<_>>()?;
    let ids = desk.insert(&new).await?;
    let (rule, mut looks) = looks(desk, desk.worker()?).await?;
    let (begun, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
    loop {
        let look = timeout(limit, looks.next()).await;
        longest = longest.max(last.elapsed());
        last = Instant::now();
        if look.is_err() {
            let expected = format!("one within {} ms of the last", limit.as_millis());
            let finding = Finding::new("the idle runner's looks for work", expected, "none");
            cx.find(finding.evidence(desk.last_lines()));
            break;
        }
        if begun.elapsed() >= IDLE {
            break;
        }
    }
    let _closed = rule.remove().await;
    // Right after a look: the next one is to find them.
    desk.move_forward(&ids).await?;
    let moved = std::time::Instant::now();
    let rows = desk.awaited_within(limit * 2, &ids, Row::is_applied).await?;
    cx.examined(ids.len());
    for (id, subject) in ids.iter().zip(&subjects) {
        dispatched_within(cx, desk, (stand_in, subject), (moved, limit), sketch(rows.get(id)));
    }
    cx.fact("the longest time between two looks", format!("{} ms", longest.as_millis()));
    Ok(())
}

/// An enqueue is noticed by a runner that hardly polls.
async fn woken(cx: &Cx<'_, Lane>, desk: &Desk<'_>, stand_in: &mut StandIn<'_>) -> Judgement {
    let service = &desk.propagation.runner.service;
    let further = desk.lane.further(service, &seldom(desk.propagation)).await?;
    stand_in.join(&further)?;
    let halted = desk.halt(desk.worker()?).await?;
    let subject = desk.subject().await?;
    let (rule, mut looks) = looks(desk, &further).await?;
    loop {
        let since = Instant::now();
        // None at all is quiet enough too.
        let look = timeout(PATIENCE / 2, looks.next()).await;
        if look.is_err() || since.elapsed() >= QUIET {
            break;
        }
    }
    let _closed = rule.remove().await;
    let enqueued = std::time::Instant::now();
    let id = desk.insert_one(desk.due(&subject)?).await?;
    let rows = desk.awaited_within(WOKEN * 2, &[id], Row::is_applied).await?;
    cx.examined(1);
    dispatched_within(cx, desk, (stand_in, &subject), (enqueued, WOKEN), sketch(rows.get(&id)));
    halted.go_on().await;
    further.stop().await;
    Ok(())
}

fn dispatched_within(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    (stand_in, subject): (&StandIn<'_>, &Subject),
    (since, limit): (std::time::Instant, Duration),
    row: String,
) {
    let what = if limit == WOKEN { "a row that is enqueued" } else { "a row that is made due by hand" };
    let called = stand_in.about(subject).first().map(|call| call.at.saturating_duration_since(since));
    match called {
        Some(after) if after <= limit => {
            cx.fact(format!("{what} is dispatched after"), format!("{} ms", after.as_millis()));
        }
        called => {
            let observed = called.map_or(row, |after| format!("after {} ms", after.as_millis()));
            let expected = format!("dispatched within {} ms", limit.as_millis());
            cx.find(Finding::new(what, expected, observed).evidence(desk.last_lines()));
        }
    }
}

/// Settings of a runner that hardly polls.
fn seldom(propagation: &Propagation) -> Overrides {
    let env = &propagation.runner.env;
    let seldom = [(env.poll.clone(), SELDOM.0.to_owned()), (env.stale_after.clone(), SELDOM.1.to_owned())];
    seldom.into_iter().filter(|(name, _)| !name.is_empty()).collect()
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let mut sabotages = Vec::new();
    if propagation.has(Part::Bell) && !propagation.queue.ring.is_empty() {
        let mistake = "triggers are switched off for a load of old data, and not on again";
        sabotages.push(schema::changed(&[ID], "mute", mistake, &mute(propagation)));
    }
    if !propagation.runner.env.poll.is_empty() {
        let mistake = "since there are notifications, polling is stretched to half a minute";
        let seldom = vec![(propagation.runner.service.clone(), seldom(propagation))];
        sabotages.push(setting::turned(&[ID], "polls-seldom", mistake, seldom));
    }
    sabotages
}

/// No enqueue notifies anybody.
fn mute(propagation: &Propagation) -> SchemaLever {
    let (table, ring) = (ident(&propagation.queue.table), &propagation.queue.ring);
    SchemaLever {
        database: propagation.database.clone(),
        change: format!("ALTER TABLE {table} DISABLE TRIGGER {}", ident(ring)),
        look: format!(
            "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgname = {} AND tgenabled = 'D')",
            literal(ring)
        ),
        undo: format!("ALTER TABLE {table} ENABLE TRIGGER {}", ident(ring)),
    }
}
