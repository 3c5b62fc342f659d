//! `propagation.unexpected-skip`: a downstream that leaves a change alone is believed only where its reason is known to be
//! harmless.

use super::cause::{called_with, on_calls_by, on_trail};
use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, skipped};
use super::parts::is_there;
use super::queue::{Row, sketch};
use crate::sabotage::json;
use crate::sabotage::trigger;
use crate::sql::{ident, literal};
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::propagation::{Downstream, Part};
use sabot_target::{Lane, Target};
use sabot_wire::http::Rule;
use std::collections::BTreeMap;

pub(super) const ID: &str = "propagation.unexpected-skip";

/// Reasons that nobody knows to be harmless: one that a later release of the downstream might give, one that looks like a
/// known one and is not, and none at all.
const UNEXPECTED: [&str; 2] = ["sabot: frozen by billing", ""];

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the downstream says `skipped` for a reason that nobody foresaw, such as a frozen account, and that \
                       counts as done: the change is lost with a green light",
        asserts: "an answer `skipped` with each of the reasons known to be harmless ends the propagation as applied, without \
                  a failed attempt; with any other reason, with one in capitals or with none, it counts as a failure that \
                  retries, and has an audit row that names it",
        remedy: "match the reason against the list of harmless ones, letter by letter, and fail on everything else",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE,
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// Every reason that is tried, and whether it is harmless.
fn reasons(downstream: &Downstream) -> Vec<(String, bool)> {
    let harmless = downstream.harmless.iter().map(|reason| (reason.clone(), true));
    let capitals = downstream.harmless.first().map(|reason| (reason.to_uppercase(), false));
    harmless.chain(capitals).chain(UNEXPECTED.map(|reason| (reason.to_owned(), false))).collect()
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let downstream = desk.propagation.downstream.clone();
    let reasons = reasons(&downstream);
    let subjects = desk.subjects(reasons.len()).await?;
    let by_path: BTreeMap<_, _> = subjects
        .iter()
        .zip(&reasons)
        .map(|(subject, (reason, _))| (downstream.path_of(subject.resource), reason.clone()))
        .collect();
    let _downstream = StandIn::answering(&desk, move |call| {
        skipped(&downstream, by_path.get(&call.path).map_or("", String::as_str))
    })?;
    let new = subjects.iter().map(|subject| desk.due(subject)).collect::<Judgement<Vec<_>>>()?;
    let ids = desk.insert(&new).await?;
    let rows =
        desk.awaited(&ids, |row| row.is_applied() || row.last_attempt_at.is_some() && !row.held).await?;
    let trail = desk.trail(&ids).await?;
    for (id, (reason, harmless)) in ids.iter().zip(&reasons) {
        let kinds = trail.get(id).into_iter().flatten().map(|entry| entry.kind.as_str()).collect();
        judge_one(cx, &desk, (reason, *harmless), rows.get(id), kinds);
    }
    is_there(cx, Part::Trail, "the audit rows that name an unexpected reason");
    cx.fact("reasons", reasons.len());
    desk.clear().await
}

fn judge_one(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    (reason, harmless): (&str, bool),
    row: Option<&Row>,
    mut kinds: Vec<&str>,
) {
    cx.examined(2);
    let trail = &desk.propagation.trail;
    let (as_it_is_to_be, expected, mut written) = if harmless {
        (
            row.is_some_and(|row| row.is_applied() && row.attempts == 0),
            "applied, failures: 0",
            vec![&trail.applied],
        )
    } else {
        let waits = row.is_some_and(|row| row.is_waiting() && row.attempts == 1);
        (waits, "waiting, failures: 1", vec![&trail.retrying, &trail.unexpected_skip])
    };
    let subject = format!("skipped, the reason `{reason}`");
    if !as_it_is_to_be {
        cx.find(Finding::new(subject.clone(), expected, sketch(row)).evidence(desk.last_lines()));
    }
    kinds.sort_unstable();
    written.retain(|kind| !kind.is_empty());
    written.sort_unstable();
    if desk.propagation.has(Part::Trail) && kinds != written {
        let written = written.into_iter().cloned().collect::<Vec<_>>().join(", ");
        cx.find(Finding::new(format!("{subject}: the audit rows"), written, kinds.join(", ")));
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let (propagation, downstream) = (&target.propagation, &target.propagation.downstream);
    let (reason, harmless) = (downstream.reason.clone(), downstream.harmless.clone());
    if harmless.is_empty() {
        return Vec::new();
    }
    let told = propagation.has(Part::Trail) && !propagation.trail.unexpected_skip.is_empty();
    let mut sabotages = if told { of_trail(target) } else { Vec::new() };
    sabotages.push(on_calls_by(
        &[ID],
        "in-any-case",
        "reasons are compared without regard to case, as the other service's documents write them",
        propagation,
        called_with(|downstream| skipped(downstream, &known(downstream).to_uppercase())),
        move |calls| {
            let reason = reason.clone();
            Rule::on(calls).rewrite_response(json::change(move |answer| {
                let lower = answer.get(&reason).and_then(|given| given.as_str()).map(str::to_lowercase);
                if let Some(lower) = lower {
                    answer.insert(reason.clone(), lower.into());
                }
            }))
        },
    ));
    sabotages.push(none_is_harmless(target, harmless));
    sabotages
}

/// Those by which an audit row tells of an unexpected skip.
fn of_trail(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let (queue, audit) = (&propagation.queue, target.audit_log());
    let (kind, id) = (ident(&audit.kind), ident(&queue.id));
    let of_it =
        format!("{id} = (NEW.{} ->> {})::bigint", ident(&audit.payload), literal(&propagation.trail.id));
    let unexpected = format!("NEW.{kind} = {}", literal(&propagation.trail.unexpected_skip));
    let error = &queue.last_error;
    let error = if error.is_empty() { String::new() } else { format!(", {} = NULL", ident(error)) };
    vec![
        trigger::put(
            &[ID],
            "taken-for-success",
            "`skipped` is matched without its reason, and counts as done",
            &on_trail(
                target,
                "AFTER INSERT",
                format!(
                    "IF {unexpected} THEN UPDATE {} SET {} = now(), {attempts} = {attempts} - 1{error} WHERE {of_it}; \
                     END IF;",
                    ident(&queue.table),
                    ident(&queue.applied_at),
                    attempts = ident(&queue.attempts),
                ),
            ),
        ),
        trigger::put(
            &[ID, super::audit::ID],
            "skip-unaudited",
            "an unexpected skip is a failure like any other, and nobody is told that it was one",
            &on_trail(
                target,
                "AFTER INSERT",
                format!(
                    "IF {unexpected} THEN DELETE FROM {} WHERE {id} = NEW.{id}; END IF;",
                    ident(&audit.table),
                    id = ident(&audit.id)
                ),
            ),
        ),
    ]
}

/// A reason that is known to be harmless.
fn known(downstream: &Downstream) -> &str {
    downstream.harmless.first().map_or("", String::as_str)
}

/// Every skip is a failure.
fn none_is_harmless(target: &Target, harmless: Vec<String>) -> Sabotage<Lane> {
    let reason = target.propagation.downstream.reason.clone();
    let mistake =
        "the list of harmless reasons lacks some: what is right already is tried for days, and dies";
    let knock = called_with(|downstream| skipped(downstream, known(downstream)));
    on_calls_by(&[ID], "none-is-harmless", mistake, &target.propagation, knock, move |calls| {
        let (reason, harmless) = (reason.clone(), harmless.clone());
        Rule::on(calls).rewrite_response(json::change(move |answer| {
            let given = answer.get(&reason).and_then(|given| given.as_str());
            if given.is_some_and(|given| harmless.iter().any(|known| known == given)) {
                answer.insert(reason.clone(), UNEXPECTED[0].into());
            }
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_harmless_reason_is_tried_and_others_that_resemble_them() {
        let downstream = Target::embedded().propagation.downstream;
        let reasons = reasons(&downstream);
        assert_eq!(reasons.iter().filter(|(_, harmless)| *harmless).count(), downstream.harmless.len());
        for (reason, harmless) in reasons {
            assert_eq!(downstream.harmless.contains(&reason), harmless, "{reason}");
        }
    }
}
