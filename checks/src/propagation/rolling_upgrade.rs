//! `propagation.rolling-upgrade`: an old worker leaves rows of kinds that it lacks to newer ones for a lease.

use super::UNHEARD_OF;
use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, applied};
use super::guards::reworded;
use super::kinds;
use super::queue::{Row, sketch};
use sabot_engine::{Check, Context as _, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, Target};
use std::time::Duration;

pub(super) const ID: &str = "propagation.rolling-upgrade";

/// Rows of it.
const ROWS: usize = 3;

/// How much later than a lease a row may be taken that nobody else wants.
const AT_LAST: Duration = Duration::from_secs(2);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Beyond,
        failure_mode: "during a rolling upgrade the old workers take what the new api has enqueued, find no handler, and \
                       use up its attempts, or put it off for hours, while a new worker would have done it at once",
        asserts: "rows of a kind that the worker lacks are due beside one that it knows: that one is applied at once, \
                  and the others are not touched before they have been due for a lease, by the times that the database \
                  keeps; then they are attempted as failures, on the schedule, and the downstream is not called",
        remedy: "claim only kinds that have a handler, and others when they have been due for more than a lease",
        needs: &[Need::Services, Need::Database, Need::Wires, Need::Disposable],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(2),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    // What the next release brings. A check that ends before it is withdrawn is not green, so its lane is remade.
    let next = kinds::admitting(desk.propagation);
    desk.client.batch_execute(&next.change).await.context("declaring a kind of the next release")?;
    let downstream = desk.propagation.downstream.clone();
    let stand_in = StandIn::answering(&desk, move |_| applied(&downstream))?;
    let subjects = desk.subjects(ROWS + 1).await?;
    let mut new: Vec<_> = subjects.iter().map(|subject| desk.due(subject)).collect::<Judgement<_>>()?;
    for new in new.iter_mut().skip(1) {
        *new = new.clone().kind(UNHEARD_OF);
    }
    let begun = desk.now().await?;
    let ids = desk.insert(&new).await?;
    let (known, foreign) = ids.split_at(1.min(ids.len()));
    let rows = desk.awaited(known, Row::is_applied).await?;
    cx.examined(ids.len());
    for id in known {
        at_once(cx, &desk, rows.get(id), begun);
    }
    let lease = desk.propagation.runner.lease;
    let rows = desk.awaited_within(lease + AT_LAST, foreign, Row::is_waiting).await?;
    for id in foreign {
        after_a_lease(cx, &desk, *id, rows.get(id), begun);
    }
    for subject in subjects.iter().skip(1) {
        if !stand_in.about(subject).is_empty() {
            let expected = "not called about kinds that nobody handles";
            cx.find(Finding::new("the downstream", expected, "a call"));
        }
    }
    drop(stand_in);
    desk.clear().await?;
    desk.client.batch_execute(&next.undo).await.context("withdrawing the kind of the next release")
}

/// The one that it knows does not wait for the others.
fn at_once(cx: &Cx<'_, Lane>, desk: &Desk<'_>, row: Option<&Row>, begun: i64) {
    let after = row.and_then(|row| row.applied_at).map(|at| seconds(at - begun));
    let limit = desk.propagation.runner.lease.as_secs_f64() / 2.0;
    if after.is_none_or(|after| after > limit) {
        let observed = after.map_or_else(|| sketch(row), |after| format!("after {after:.3} s"));
        let finding = Finding::new("the row of a known kind", format!("applied within {limit} s"), observed);
        cx.find(finding.evidence(desk.last_lines()));
    }
}

/// The others are attempted, and not before they have been due for a lease.
fn after_a_lease(cx: &Cx<'_, Lane>, desk: &Desk<'_>, id: i64, row: Option<&Row>, begun: i64) {
    let lease = desk.propagation.runner.lease.as_secs_f64();
    let expected = format!("attempted when it has been due for {lease} s, and failed once");
    let attempted =
        row.filter(|row| row.is_waiting() && row.attempts == 1).and_then(|row| row.last_attempt_at);
    let after = attempted.map(|at| seconds(at - begun));
    // It became due a moment after `begun`.
    if after.is_none_or(|after| after < lease) {
        let observed = after.map_or_else(|| sketch(row), |after| format!("attempted after {after:.3} s"));
        let finding = Finding::new(format!("propagation {id}, of a kind that it lacks"), expected, observed);
        cx.find(finding.evidence(desk.last_lines()));
    } else if let Some(after) = after {
        cx.fact(format!("propagation {id} was attempted after"), format!("{after:.3} s"));
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds in microseconds are far below 2^53")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let marks = &target.propagation.marks;
    let mistake = "the claim takes whatever is due, and asks for a handler afterwards";
    let eats = (marks.claim.as_str(), marks.patience.as_str(), "true".to_owned());
    reworded(&[ID], "eats-new-kinds", mistake, &target.propagation, eats).into_iter().collect()
}
