//! `propagation.registry`: the kinds that the database lets in, those that somebody handles and those that changes cause
//! are the same.

use super::cause::on_queue;
use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, applied};
use super::kinds::{admitting, declared, renaming};
use super::parts::is_there;
use super::queue::sketch;
use crate::sabotage::schema;
use crate::sabotage::trigger;
use crate::sql::ident;
use sabot_engine::{CannotTell, Check, Context as _, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::propagation::{Part, Trail};
use sabot_target::{Lane, Target};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) const ID: &str = "propagation.registry";

/// For how long the rows have been due: runners may leave kinds that they do not know to others for some time.
const DUE_FOR: Duration = Duration::from_secs(3600);

type Kinds = BTreeSet<String>;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a kind is added to the database and its handler forgotten, or renamed on one side: changes of it are \
                       paid for and never carried out, or cannot be made at all",
        asserts: "the kinds that the database declares (as an enum, a check constraint or a lookup table), those that the \
                  runner's service says it handles, and those that the documented changes cause are the same set, in each \
                  direction; a row of each declared kind is carried out, not buried as unknown",
        remedy: "add the value, its handler and what enqueues it together; remove what nobody enqueues",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: Some(
            "the kinds that the database declares, those that the runner handles, and those that changes cause",
        ),
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(2),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let described = desk.propagation.downstream.clone();
    let _downstream = StandIn::answering(&desk, move |_| applied(&described))?;
    let declared = declared(&desk.client, desk.propagation).await?;
    let says = is_there(cx, Part::Registry, "the kinds that the runner's service says it handles");
    let handled = if says { Some(handled(&desk).await?) } else { None };
    let caused = caused(cx, &desk).await?;
    cx.examined(declared.len() + handled.as_ref().map_or(0, Kinds::len) + caused.len());
    for difference in differences(&declared, handled.as_ref(), &caused) {
        cx.find(difference);
    }
    buried(cx, &desk, &declared).await?;
    cx.fact("kinds", declared.into_iter().collect::<Vec<_>>().join(", "));
    desk.clear().await
}

/// What the runner's service says that it handles.
async fn handled(desk: &Desk<'_>) -> Judgement<Kinds> {
    let registry = &desk.propagation.registry;
    let command = registry.command.join(" ");
    let printed = desk.lane.ask(&registry.command).await?;
    let printed: Value = serde_json::from_str(&printed).context(command.clone())?;
    let kinds = printed.get(&registry.kinds).and_then(Value::as_array);
    let name = |kind: &Value| kind.get(&registry.kind)?.as_str().map(str::to_owned);
    let kinds: Option<Kinds> = kinds.and_then(|kinds| kinds.iter().map(name).collect());
    kinds.ok_or_else(|| CannotTell::new(format!("`{command}` prints no list called {}", registry.kinds)))
}

/// What each documented change causes, made by the target's own means.
async fn caused(cx: &Cx<'_, Lane>, desk: &Desk<'_>) -> Judgement<Kinds> {
    let mut caused = Kinds::new();
    for change in &desk.propagation.changes {
        let subject = desk.subject_at(&change.from).await?;
        let reply = desk.change(&subject, &change.to).await?;
        let rows = desk.rows_about(&[subject]).await?;
        let kinds: Vec<_> = rows.values().map(|row| row.kind.clone()).collect();
        cx.examined(1);
        if !reply.is_success() || kinds != [change.kind.as_str()] {
            let found = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
            let observed = format!("{found}, answered {}", reply.sketch());
            cx.find(Finding::new(
                format!("what {} causes", change.what),
                format!("one `{}`", change.kind),
                observed,
            ));
        }
        caused.extend(kinds);
    }
    Ok(caused)
}

/// What is in one of the three and not in another.
fn differences(declared: &Kinds, handled: Option<&Kinds>, caused: &Kinds) -> Vec<Finding> {
    let mut sides = Vec::new();
    if let Some(handled) = handled {
        sides.push(("declared by the database", declared, "handled by the runner", handled));
        sides.push(("handled by the runner", handled, "declared by the database", declared));
        sides.push(("caused by a change", caused, "handled by the runner", handled));
    }
    sides.push(("declared by the database", declared, "caused by a documented change", caused));
    let mut found = Vec::new();
    for (what, one, also, other) in sides {
        for kind in one.difference(other) {
            let subject = format!("the kind `{kind}`, {what}");
            found.push(Finding::new(subject, also, "it is not"));
        }
    }
    found
}

/// A row of each declared kind, at its last attempt, with a downstream that is well.
async fn buried(cx: &Cx<'_, Lane>, desk: &Desk<'_>, declared: &Kinds) -> Judgement {
    let last = i32::try_from(desk.propagation.runner.max_attempts)? - 1;
    let described = |kind: &str| desk.propagation.kinds.iter().any(|described| described.kind == kind);
    let subjects = desk.subjects(declared.len()).await?;
    let new: Vec<_> = declared
        .iter()
        .zip(&subjects)
        .map(|(kind, subject)| {
            let payload = desk.propagation.kinds.iter().find(|described| described.kind == *kind);
            let payload = payload.map_or("{}", |described| described.payload.as_str());
            Ok(desk.due(subject)?.kind(kind).payload(payload).attempts(last).due_for(DUE_FOR))
        })
        .collect::<Judgement<_>>()?;
    let ids = desk.insert(&new).await?;
    let rows = desk.awaited(&ids, |row| row.is_applied() || row.is_dead()).await?;
    let trail = desk.trail(&ids).await?;
    let Trail { unknown_kind_dead_lettered: unknown, dead_lettered, .. } = &desk.propagation.trail;
    let named = desk.propagation.has(Part::Trail) && unknown != dead_lettered;
    for (id, kind) in ids.iter().zip(declared) {
        cx.examined(1);
        let row = rows.get(id);
        // Where no audit row says of what a row died, one of a kind that is described has no reason to.
        let dies = named || !described(kind);
        let buried = named && trail.get(id).into_iter().flatten().any(|entry| entry.kind == *unknown);
        if buried || !row.is_some_and(|row| row.is_applied() || dies && row.is_dead()) {
            let finding = Finding::new(format!("a row of the kind `{kind}`"), "carried out", sketch(row));
            cx.find(finding.evidence(desk.last_lines()));
        }
    }
    Ok(())
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let queue = &propagation.queue;
    let mut sabotages = vec![
        schema::changed(
            &[ID],
            "value-without-handler",
            "a migration adds a kind, and its handler comes with the next release",
            &admitting(propagation),
        ),
        trigger::put(
            &[ID],
            "never-enqueued",
            "the handler is there, and what enqueues was taken out with a feature flag",
            &on_queue(
                propagation,
                "AFTER INSERT",
                format!(
                    "IF NEW.{attempts} = 0 THEN DELETE FROM {} WHERE {id} = NEW.{id}; END IF;",
                    ident(&queue.table),
                    attempts = ident(&queue.attempts),
                    id = ident(&queue.id)
                ),
            ),
        ),
    ];
    let renamed = propagation.kinds.first().and_then(|kind| Some((kind, renaming(propagation, &kind.kind)?)));
    if let Some((kind, lever)) = renamed {
        let mistake = format!("a migration renames `{}`, and the service that handles it stays", kind.kind);
        sabotages.push(schema::changed(&[ID], "handler-without-value", &mistake, &lever));
    }
    sabotages
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The runner's service says nothing of what it handles.
    const UNSAID: &str = "?";

    fn subjects(declared: &str, handled: &str, caused: &str) -> Vec<String> {
        let kinds = |names: &str| names.split_whitespace().map(str::to_owned).collect::<Kinds>();
        let handled = (handled != UNSAID).then(|| kinds(handled));
        let found = differences(&kinds(declared), handled.as_ref(), &kinds(caused));
        found.into_iter().map(|finding| format!("{} but not {}", finding.subject, finding.expected)).collect()
    }

    #[test]
    fn each_direction_shows() {
        assert!(subjects("a b", "b a", "a b").is_empty() && subjects("a b", UNSAID, "a b").is_empty());
        assert_eq!(
            subjects("a b", UNSAID, "a"),
            ["the kind `b`, declared by the database but not caused by a documented change"]
        );
        assert_eq!(
            subjects("a b", "a", "a b"),
            [
                "the kind `b`, declared by the database but not handled by the runner",
                "the kind `b`, caused by a change but not handled by the runner"
            ]
        );
        assert_eq!(
            subjects("a", "a b", "a"),
            ["the kind `b`, handled by the runner but not declared by the database"]
        );
        assert_eq!(
            subjects("a b", "a b", "a"),
            ["the kind `b`, declared by the database but not caused by a documented change"]
        );
    }
}
