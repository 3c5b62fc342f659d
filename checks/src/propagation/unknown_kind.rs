//! `propagation.unknown-kind`: a kind that nobody handles waits by the schedule for whoever does, and dies like the others,
//! under a name of its own.

use super::cause::{has_failed, on_queue, on_trail};
use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, applied};
use super::kinds::admitting;
use super::parts::is_there;
use super::queue::{Row, Subject, sketch};
use super::{UNHEARD_OF, schedule};
use crate::sabotage::trigger;
use crate::sql::{ident, literal};
use sabot_engine::{Check, Context as _, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::propagation::Part;
use sabot_target::{Lane, Target};
use std::time::Duration;

pub(super) const ID: &str = "propagation.unknown-kind";

/// For how long the rows have been due: runners may leave them to others for some time.
const DUE_FOR: Duration = Duration::from_secs(3600);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "an old worker beside a new api takes a kind that it doesn't know: it drops the row, kills it at once, \
                       spins on it for ever, or hands it to whatever comes first in its list",
        asserts: "with one more kind declared, which nobody handles: rows that have failed 0, 1, 2 … times fail once more and \
                  wait as long as any other kind does; the one at its last attempt dies, with the audit row that names the \
                  reason and without the ordinary one; the downstream is never called",
        remedy: "count a kind without a handler as a failed attempt like any other, and only name its death differently",
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
    let lever = admitting(desk.propagation);
    desk.client.batch_execute(&lever.change).await.context("declaring one more kind")?;
    let judged = rows(cx, &desk).await;
    // Its own rows first: a kind that is still in use can't be taken away.
    desk.clear().await?;
    desk.client.batch_execute(&lever.undo).await.context("taking the kind away again")?;
    judged
}

async fn rows(cx: &Cx<'_, Lane>, desk: &Desk<'_>) -> Judgement {
    let described = desk.propagation.downstream.clone();
    let downstream = StandIn::answering(desk, move |_| applied(&described))?;
    let max = desk.propagation.runner.max_attempts;
    let subjects = desk.subjects(usize::try_from(max)?).await?;
    let new: Vec<_> = subjects
        .iter()
        .zip(0..)
        .map(|(subject, attempts)| {
            Ok(desk.due(subject)?.kind(UNHEARD_OF).attempts(attempts).due_for(DUE_FOR))
        })
        .collect::<Judgement<_>>()?;
    let begun = desk.now().await?;
    let ids = desk.insert(&new).await?;
    let rows = desk.awaited(&ids, |row| row.last_attempt_at.is_some() && !row.held).await?;
    let ended = desk.now().await?;
    let trail = desk.trail(&ids).await?;
    for ((id, failures), subject) in ids.iter().zip(1..).zip(&subjects) {
        cx.examined(1);
        let row = rows.get(id);
        let what = format!("a kind that nobody handles, failure {failures}");
        if failures < max {
            schedule::judge_step(cx, desk, &what, row, failures, begun..=ended)?;
        } else {
            let kinds: Vec<_> =
                trail.get(id).into_iter().flatten().map(|entry| entry.kind.as_str()).collect();
            judge_death(cx, desk, &what, row, &kinds);
        }
        never_called(cx, &downstream, &what, subject);
    }
    is_there(cx, Part::Trail, "the name under which such a row dies");
    cx.fact("rows of a kind that nobody handles", ids.len());
    Ok(())
}

fn judge_death(cx: &Cx<'_, Lane>, desk: &Desk<'_>, what: &str, row: Option<&Row>, kinds: &[&str]) {
    let (trail, max) = (&desk.propagation.trail, desk.propagation.runner.max_attempts);
    if !row.is_some_and(|row| row.is_dead() && i64::from(row.attempts) == i64::from(max)) {
        cx.find(
            Finding::new(what, format!("dead, failures: {max}"), sketch(row)).evidence(desk.last_lines()),
        );
    }
    let expected = [trail.unknown_kind_dead_lettered.as_str()];
    if desk.propagation.has(Part::Trail) && kinds != expected {
        let subject = format!("{what}: the audit rows");
        cx.find(Finding::new(subject, expected.join(", "), kinds.join(", ")));
    }
}

fn never_called(cx: &Cx<'_, Lane>, downstream: &StandIn<'_>, what: &str, subject: &Subject) {
    let calls = downstream.about(subject).len();
    if calls > 0 {
        cx.find(Finding::new(format!("{what}: calls of the downstream"), "none", calls.to_string()));
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let (queue, audit) = (&propagation.queue, target.audit_log());
    let kind = format!("NEW.{}::text", ident(&queue.kind));
    let unheard_of = format!("{kind} = {}", literal(UNHEARD_OF));
    let (attempts, failed_at) = (ident(&queue.attempts), ident(&queue.failed_at));
    let failed = has_failed(propagation);
    let before_update = |name: &str, mistake: &str, body: String| {
        trigger::put(&[ID], name, mistake, &on_queue(propagation, "BEFORE UPDATE", body))
    };
    let mut sabotages = vec![
        before_update(
            "never-counted",
            "what nobody handles is put back as it was, since nothing was attempted",
            format!("IF {unheard_of} AND {failed} THEN NEW.{attempts} := OLD.{attempts}; END IF;"),
        ),
        before_update(
            "dead-at-once",
            "what nobody handles is dead at once, since no retry helps",
            format!("IF {unheard_of} AND {failed} THEN NEW.{failed_at} := now(); END IF;"),
        ),
    ];
    let trail = &propagation.trail;
    if propagation.has(Part::Trail) && trail.unknown_kind_dead_lettered != trail.dead_lettered {
        let body = format!(
            "IF NEW.{kind} = {} THEN NEW.{kind} := {}; END IF;",
            literal(&propagation.trail.unknown_kind_dead_lettered),
            literal(&propagation.trail.dead_lettered),
            kind = ident(&audit.kind),
        );
        let renamed = on_trail(target, "BEFORE INSERT", body);
        let mistake = "every death is written down under one name";
        sabotages.push(trigger::put(&[ID], "ordinary-name", mistake, &renamed));
    }
    if let Some(ordinary) = propagation.kinds.first() {
        let cast = super::sql::cast(propagation);
        let body = format!(
            "IF {unheard_of} THEN NEW.{} := {}{cast}; END IF;",
            ident(&queue.kind),
            literal(&ordinary.kind)
        );
        let taken = on_queue(propagation, "BEFORE INSERT", body);
        let mistake = "the default branch hands what it does not know to the first handler";
        sabotages.push(trigger::put(&[ID], "default-branch", mistake, &taken));
    }
    sabotages
}
