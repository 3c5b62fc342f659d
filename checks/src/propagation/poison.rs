//! `propagation.poison`: a propagation that cannot be carried out costs itself an attempt, and the others nothing.

use super::cause::{called_with, has_failed, on_calls_by, on_queue};
use super::desk::{Desk, PATIENCE};
use super::downstream::{Call, StandIn, applied};
use super::parts::{BY_STATUS, unseen};
use super::queue::{Row, sketch};
use crate::sabotage::trigger;
use crate::sql::ident;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::propagation::Downstream;
use sabot_target::{Lane, Propagation, Target};
use sabot_wire::http::{Cut, Match, Response, Rule};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const ID: &str = "propagation.poison";

/// How many others there are.
const OTHERS: usize = 20;

/// For how long the bad ones have been due: they come first.
const DUE_FOR: Duration = Duration::from_secs(60);

/// More than any answer of the downstream is.
const HUGE: usize = 1024 * 1024;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "one row that cannot be read, or one answer that nobody foresaw, aborts the batch or ends the loop: \
                       from that row on nothing reaches the downstream, for any customer",
        asserts: "with a payload that cannot be read, and a downstream that answers garbage, something of the wrong shape, \
                  nothing, far too much, an error, half an answer or not at all, each of these rows has failed once and \
                  waits; and the rows behind them are applied",
        remedy: "take every failure of a row for that row's own, and complete rows one by one where the database refuses \
                 them together",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(2),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// What is wrong with a row.
enum Wrong {
    Payload,
    Answer(Response),
    Cut,
    Hangs,
}

/// What can be wrong with a row of `propagation`.
fn wrongs(propagation: &Propagation) -> Vec<(&'static str, Wrong)> {
    let downstream = &propagation.downstream;
    let mut wrongs = vec![
        ("a redirect", Wrong::Answer(Response::status(302).header("location", "/"))),
        ("an error of the caller", answer(400, "{}".into())),
        ("an error of the downstream", answer(500, "{}".into())),
        ("half an answer", Wrong::Cut),
        ("no answer at all", Wrong::Hangs),
    ];
    if downstream.says_outcome() {
        wrongs.extend(wrong_bodies(downstream));
    }
    if unreadable(propagation).is_some() {
        wrongs.push(("a payload that cannot be read", Wrong::Payload));
    }
    wrongs
}

fn answer(status: u16, body: String) -> Wrong {
    Wrong::Answer(Response::json(body).with_status(status))
}

/// Answers with a good status that do not say that it was done.
fn wrong_bodies(downstream: &Downstream) -> Vec<(&'static str, Wrong)> {
    let other = format!(r#"{{"{}":["{}"]}}"#, downstream.outcome, downstream.applied);
    vec![
        ("an answer that is no JSON", answer(200, "<html>all is well</html>".into())),
        ("an answer of the wrong shape", answer(200, other)),
        (
            "an answer that says nothing known",
            answer(200, format!(r#"{{"{}":"sabot"}}"#, downstream.outcome)),
        ),
        ("an empty answer", answer(200, String::new())),
        ("an answer without end", answer(200, " ".repeat(HUGE))),
        ("no content", Wrong::Answer(Response::status(204))),
    ]
}

/// A payload that the handler of the first kind cannot read, where it reads any.
pub(super) fn unreadable(propagation: &Propagation) -> Option<&str> {
    let unreadable = propagation.kinds.first().map_or("", |kind| kind.unreadable.as_str());
    (!unreadable.is_empty() && !propagation.queue.payload.is_empty()).then_some(unreadable)
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let downstream = desk.propagation.downstream.clone();
    let wrongs = wrongs(desk.propagation);
    let bad = desk.subjects(wrongs.len()).await?;
    let good = desk.subjects(OTHERS).await?;
    let wire = desk.worker()?.http(&desk.propagation.runner.downstream_wire)?;
    let (mut answers, mut rules, mut new) = (BTreeMap::new(), Vec::new(), Vec::new());
    for ((_, wrong), subject) in wrongs.iter().zip(&bad) {
        let path = downstream.path_of(subject.resource);
        let propagation = desk.due(subject)?.due_for(DUE_FOR);
        new.push(match wrong {
            Wrong::Payload => propagation.payload(&desk.kind()?.unreadable),
            _ => propagation,
        });
        match wrong {
            Wrong::Payload => {}
            Wrong::Answer(answer) => drop(answers.insert(path, answer.clone())),
            Wrong::Cut => rules.push(wire.set(Rule::on(Match::path(path)).cut(Cut::WithinResponse))),
            Wrong::Hangs => rules.push(wire.set(Rule::on(Match::path(path)).hang())),
        }
    }
    let answer = move |call: &Call| answers.get(&call.path).cloned().unwrap_or_else(|| applied(&downstream));
    let _downstream = StandIn::answering(&desk, answer)?;
    for subject in &good {
        new.push(desk.due(subject)?);
    }
    let ids = desk.insert(&new).await?;
    let (bad, good) = ids.split_at(wrongs.len());
    let applied = desk.awaited(good, Row::is_applied).await?;
    let failed = desk.awaited(bad, |row| row.last_attempt_at.is_some() && !row.held).await?;
    rules.iter().for_each(sabot_wire::http::RuleHandle::remove);
    others(cx, &desk, good, &applied);
    for (id, (what, _)) in bad.iter().zip(&wrongs) {
        cx.examined(1);
        let row = failed.get(id);
        if !row.is_some_and(|row| row.is_waiting() && row.attempts == 1) {
            let finding = Finding::new(format!("a row with {what}"), "waiting, failures: 1", sketch(row));
            cx.find(finding.evidence(desk.last_lines()));
        }
    }
    if !desk.propagation.downstream.says_outcome() {
        unseen(cx, "answers that are wrong in their body", BY_STATUS);
    }
    if unreadable(desk.propagation).is_none() {
        unseen(cx, "a payload that cannot be read", "says of none that the runner cannot read it");
    }
    cx.fact("bad rows", bad.len());
    cx.fact("others behind them", good.len());
    desk.clear().await
}

fn others(cx: &Cx<'_, Lane>, desk: &Desk<'_>, ids: &[i64], rows: &BTreeMap<i64, Row>) {
    cx.examined(ids.len());
    let done = |id: &&i64| rows.get(id).is_some_and(|row| row.is_applied() && row.attempts == 0);
    let left: Vec<_> = ids.iter().filter(|id| !done(id)).collect();
    if let Some(first) = left.first() {
        let observed = format!("{} are not; the first: {}", left.len(), sketch(rows.get(first)));
        let expected = format!("all {} applied within {PATIENCE:?}, failures: 0", ids.len());
        let finding = Finding::new("the rows behind the bad ones", expected, observed);
        cx.find(finding.evidence(desk.last_lines()));
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let queue = &propagation.queue;
    let (applied_at, failed_at) = (ident(&queue.applied_at), ident(&queue.failed_at));
    let (attempts, id) = (ident(&queue.attempts), ident(&queue.id));
    let before_update = |name: &str, mistake: &str, body: String| {
        trigger::put(&[ID], name, mistake, &on_queue(propagation, "BEFORE UPDATE", body))
    };
    let mut sabotages = vec![before_update(
        "aborts-the-batch",
        "one row in error rolls back the batch that it is in, and everything behind it stays",
        format!(
            "IF NEW.{applied_at} IS NOT NULL AND OLD.{applied_at} IS NULL AND EXISTS (SELECT FROM {} AS bad \
                 WHERE bad.{id} < NEW.{id} AND bad.{attempts} > 0 AND bad.{applied_at} IS NULL AND bad.{failed_at} IS NULL) \
                 THEN RAISE EXCEPTION 'a row before it is in error'; END IF;",
            ident(&queue.table)
        ),
    )];
    if let Some(unreadable) = unreadable(propagation) {
        sabotages.push(before_update(
            "put-back",
            "what cannot be read is put back as it was, since nothing was attempted",
            format!(
                "IF NEW.{}::jsonb = {}::jsonb AND {} THEN NEW.{attempts} := OLD.{attempts}; END IF;",
                ident(&queue.payload),
                crate::sql::literal(unreadable),
                has_failed(propagation)
            ),
        ));
    }
    if propagation.downstream.says_outcome() {
        sabotages.push(garbage_is_success(propagation));
    }
    sabotages
}

fn garbage_is_success(propagation: &Propagation) -> Sabotage<Lane> {
    let downstream = propagation.downstream.clone();
    on_calls_by(
        &[ID],
        "garbage-is-success",
        "any answer with a good status counts as done, whatever it says",
        propagation,
        called_with(|_| Response::json("<html>")),
        move |calls| {
            let downstream = downstream.clone();
            Rule::on(calls).rewrite_response(move |response| {
                let says = serde_json::from_slice::<Value>(&response.body).ok();
                let says = says.as_ref().and_then(|says| says.get(&downstream.outcome)?.as_str());
                if response.status == 200 && says.is_none() {
                    response.body = applied(&downstream).body;
                }
            })
        },
    )
}
