//! `propagation.audit`: every change of a propagation's state has its audit row, once.

use super::cause::on_trail;
use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, applied, skipped, unavailable};
use super::parts::{BY_STATUS, unseen};
use super::queue::{Entry, Subject, sketch};
use crate::sabotage::trigger;
use crate::sql::{ident, literal};
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::propagation::{Downstream, Trail};
use sabot_target::{Lane, Target};
use sabot_wire::http::Response;
use std::collections::BTreeMap;

pub(super) const ID: &str = "propagation.audit";

/// A reason that nobody knows to be harmless.
const UNEXPECTED: &str = "sabot: not now";

/// By how much an audit row may be dated otherwise than the change that it tells of, in microseconds.
const TOGETHER: i64 = 1_000_000;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a customer asks why his tier came a day late, and nobody can tell: the row says only how it ended",
        asserts: "propagations that are applied, skipped, retried, skipped for an unexpected reason, dead, and applied after \
                  retries have exactly the audit rows that tell of each change of state, in order, with the team and the \
                  propagation's id, dated within a second of the change",
        remedy: "write the audit row in the statement, or at least in the transaction, that changes the state",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(2),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// What happens to a propagation, dispatch after dispatch.
struct Story {
    what: &'static str,
    /// Failed attempts before the first of them.
    attempts: i32,
    answers: Vec<Response>,
    written: Vec<String>,
}

fn stories(downstream: &Downstream, trail: &Trail, max: i32) -> Vec<Story> {
    let done = || applied(downstream);
    let harmless = downstream.harmless.first();
    let story = |what, attempts, answers: Vec<Response>, written: &[&String]| Story {
        what,
        attempts,
        answers,
        written: written.iter().filter(|kind| !kind.is_empty()).map(|kind| (*kind).clone()).collect(),
    };
    let mut stories = vec![
        story("applied", 0, vec![done()], &[&trail.applied]),
        story("failed, then applied", 0, vec![unavailable(), done()], &[&trail.retrying, &trail.applied]),
        story(
            "failed for the last time but one, then for the last",
            max - 2,
            vec![unavailable(), unavailable()],
            &[&trail.retrying, &trail.dead_lettered],
        ),
    ];
    if let Some(harmless) = harmless.filter(|_| downstream.says_outcome()) {
        stories.push(story("skipped as harmless", 0, vec![skipped(downstream, harmless)], &[&trail.applied]));
    }
    if downstream.says_outcome() {
        stories.push(story(
            "skipped for another reason, then applied",
            0,
            vec![skipped(downstream, UNEXPECTED), done()],
            &[&trail.retrying, &trail.unexpected_skip, &trail.applied],
        ));
    }
    stories
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let propagation = desk.propagation;
    let max = i32::try_from(propagation.runner.max_attempts)?;
    let stories = stories(&propagation.downstream, &propagation.trail, max);
    let subjects = desk.subjects(stories.len()).await?;
    let _downstream = answering(&desk, &stories, &subjects)?;
    let new: Vec<_> = stories
        .iter()
        .zip(&subjects)
        .map(|(story, subject)| Ok(desk.due(subject)?.attempts(story.attempts)))
        .collect::<Judgement<_>>()?;
    let ids = desk.insert(&new).await?;
    let rows =
        desk.awaited(&ids, |row| row.is_applied() || row.last_attempt_at.is_some() && !row.held).await?;
    let waiting: Vec<_> =
        ids.iter().copied().filter(|id| rows.get(id).is_some_and(|row| row.is_waiting())).collect();
    let first = desk.trail(&waiting).await?;
    desk.move_forward(&waiting).await?;
    let ended = desk.awaited(&ids, |row| row.is_applied() || row.is_dead()).await?;
    let trail = desk.trail(&ids).await?;
    for ((id, story), subject) in ids.iter().zip(&stories).zip(&subjects) {
        let entries: &[Entry] = trail.get(id).map_or(&[], Vec::as_slice);
        let (before, after) = (rows.get(id), ended.get(id));
        let state = format!("{}; {}", sketch(before), sketch(after));
        judge_story(cx, story, entries, &state);
        for entry in entries {
            judge_entry(cx, story, entry, subject);
        }
        let changes = [
            (first.get(id).and_then(|entries| entries.first()), before.and_then(|row| row.last_attempt_at)),
            (entries.last(), after.and_then(|row| row.applied_at.or(row.failed_at))),
        ];
        for (entry, at) in changes {
            judge_time(cx, story, entry, at);
        }
    }
    if !propagation.downstream.says_outcome() {
        unseen(cx, "propagations that the downstream has skipped", BY_STATUS);
    }
    cx.fact("propagations that were followed", stories.len());
    desk.clear().await
}

/// The downstream answers what each story says, call after call; the last answer again.
fn answering<'a>(desk: &Desk<'a>, stories: &[Story], subjects: &[Subject]) -> Judgement<StandIn<'a>> {
    let downstream = &desk.propagation.downstream;
    let answers = subjects.iter().zip(stories).map(|(subject, story)| {
        (downstream.path_of(subject.resource), story.answers.clone().into_iter().rev().collect::<Vec<_>>())
    });
    let left = std::sync::Mutex::new(answers.collect::<BTreeMap<_, _>>());
    StandIn::answering(desk, move |call| {
        let mut left = left.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let answers = left.get_mut(&call.path);
        let answer = answers.and_then(|left| if left.len() > 1 { left.pop() } else { left.last().cloned() });
        answer.unwrap_or_else(unavailable)
    })
}

/// The kinds are those of the story. Rows of one change of state have no order among themselves.
fn judge_story(cx: &Cx<'_, Lane>, story: &Story, entries: &[Entry], state: &str) {
    cx.examined(1);
    let mut entries: Vec<_> = entries.iter().map(|entry| (entry.created_at, entry.kind.as_str())).collect();
    entries.sort_by_key(|(at, kind)| (*at, story.written.iter().position(|written| written == kind)));
    let kinds: Vec<_> = entries.into_iter().map(|(_, kind)| kind).collect();
    if kinds != story.written {
        let subject = format!("a propagation, {}: its audit rows", story.what);
        let finding = Finding::new(subject, story.written.join(", "), kinds.join(", "));
        cx.find(finding.evidence(state));
    }
}

fn judge_entry(cx: &Cx<'_, Lane>, story: &Story, entry: &Entry, subject: &Subject) {
    cx.examined(1);
    if entry.team != Some(subject.team) || entry.summary.trim().is_empty() {
        let expected = format!("team {}, and a summary", subject.team);
        let observed = format!("team {:?}, `{}`", entry.team, entry.summary);
        let what = format!("a propagation, {}: the audit row `{}`", story.what, entry.kind);
        cx.find(Finding::new(what, expected, observed));
    }
}

fn judge_time(cx: &Cx<'_, Lane>, story: &Story, entry: Option<&Entry>, at: Option<i64>) {
    let (Some(entry), Some(at)) = (entry, at) else { return };
    cx.examined(1);
    let apart = entry.created_at - at;
    if apart.abs() > TOGETHER {
        let what = format!("a propagation, {}: the time of the audit row `{}`", story.what, entry.kind);
        let observed = format!("{apart} µs after it");
        cx.find(Finding::new(what, "that of the change that it tells of", observed));
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let (audit, trail) = (target.audit_log(), &target.propagation.trail);
    let (kind, id, table) = (ident(&audit.kind), ident(&audit.id), ident(&audit.table));
    let columns = [&audit.kind, &audit.team_id, &audit.actor, &audit.summary, &audit.payload]
        .map(|column| ident(column));
    let on = |name: &str, mistake: &str, fires: &'static str, body: String| {
        trigger::put(&[ID], name, mistake, &on_trail(target, fires, body))
    };
    let lost = |name: &str, mistake: &str, of: &str| {
        let body = format!(
            "IF NEW.{kind} = {} THEN DELETE FROM {table} WHERE {id} = NEW.{id}; END IF;",
            literal(of)
        );
        on(name, mistake, "AFTER INSERT", body)
    };
    let ours = [&trail.applied, &trail.retrying, &trail.dead_lettered].map(|kind| literal(kind)).join(", ");
    let ours = format!("NEW.{kind} IN ({ours})");
    vec![
        lost("applied-unaudited", "what went well is not worth a row", &trail.applied),
        lost("retry-unaudited", "only the end of a propagation is written down", &trail.retrying),
        lost(
            "death-unaudited",
            "a death is a log line, and the log is kept for a week",
            &trail.dead_lettered,
        ),
        on(
            "written-twice",
            "the statement writes the audit row, and so does a trigger that stayed behind",
            "AFTER INSERT",
            format!(
                "IF {ours} AND pg_trigger_depth() = 1 THEN INSERT INTO {table} ({}) SELECT NEW.{}; END IF;",
                columns.join(", "),
                columns.join(", NEW.")
            ),
        ),
        on(
            "nobodys-row",
            "the audit row is written by a helper that knows no team",
            "BEFORE INSERT",
            format!("IF {ours} THEN NEW.{} := NULL; END IF;", ident(&audit.team_id)),
        ),
        on(
            "dated-later",
            "audit rows are collected, and written once a minute",
            "BEFORE INSERT",
            format!("IF {ours} THEN NEW.{} := now() + interval '30 s'; END IF;", ident(&audit.created_at)),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_in_a_story() {
        let propagation = Target::embedded().propagation;
        let stories = stories(&propagation.downstream, &propagation.trail, 10);
        let written: Vec<_> = stories.iter().flat_map(|story| &story.written).collect();
        let trail = &propagation.trail;
        for kind in [&trail.applied, &trail.retrying, &trail.dead_lettered, &trail.unexpected_skip] {
            assert!(written.contains(&kind), "{kind}");
        }
    }
}
