//! What turns `propagation.dead-letter` red.

use super::ID;
use crate::metrics::Measured;
use crate::propagation::cause::{on_letters, on_queue, on_statements, on_trail, runner_with};
use crate::propagation::desk::Desk;
use crate::propagation::queue::Row;
use crate::sabotage::metrics;
use crate::sabotage::rules::Knock;
use crate::sabotage::trigger;
use crate::sql::{ident, literal};
use sabot_engine::Sabotage;
use sabot_target::propagation::Part;
use sabot_target::{Lane, Target};
use serde_json::Value;
use std::sync::Arc;

pub(in crate::propagation) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let mut sabotages = deaths(target);
    if propagation.has(Part::DeadLetters) {
        sabotages.extend(replays(target));
    }
    if propagation.has(Part::DeadLetters) && propagation.has(Part::Trail) {
        sabotages.extend(traces(target));
    }
    sabotages
}

/// When a propagation dies, and what follows.
fn deaths(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let (runner, failed_at) = (&propagation.runner, ident(&propagation.queue.failed_at));
    let attempts_of = |name: &str, mistake: &str, count: u32| {
        runner_with(&[ID], name, mistake, propagation, (&runner.env.max_attempts, count.to_string()))
    };
    let never = format!("IF OLD.{failed_at} IS NULL THEN NEW.{failed_at} := NULL; END IF;");
    let never = trigger::put(
        &[ID],
        "never-dies",
        "what has failed its last attempt is tried again like everything else",
        &on_queue(propagation, "BEFORE UPDATE", never),
    );
    let unlisted = on_letters(
        &[ID],
        "unlisted",
        "the list joins the teams, and leaves out those that have been deleted since",
        propagation,
        |letters, _, body| {
            if let Some(list) = body.get_mut(&letters.list).filter(|list| list.is_array()) {
                *list = Value::Array(Vec::new());
            }
        },
    );
    let uncounted = propagation.has(Part::Metrics).then(|| {
        metrics::left_out_after(
            &[ID],
            "uncounted",
            "deaths are written down and nobody counts them",
            (&runner.service, &propagation.metrics.path),
            &propagation.metrics.dead_letters,
            death(),
        )
    });
    let early = attempts_of(
        "one-early",
        "the limit is compared before the failure is counted",
        runner.max_attempts.saturating_sub(1),
    );
    let late =
        attempts_of("one-late", "the limit is compared by `>` in place of `>=`", runner.max_attempts + 1);
    [Some(never), early, late, called_on(target), unlisted, uncounted].into_iter().flatten().collect()
}

/// What a replay does.
fn replays(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let (failed_at, attempts) = (ident(&propagation.queue.failed_at), ident(&propagation.queue.attempts));
    let replayed = format!("OLD.{failed_at} IS NOT NULL AND NEW.{failed_at} IS NULL");
    let before_update = |name: &str, mistake: &str, body: String| {
        trigger::put(&[ID], name, mistake, &on_queue(propagation, "BEFORE UPDATE", body))
    };
    vec![
        before_update(
            "replay-keeps-attempts",
            "a replay leaves the number of failures as it is, so the next failure is death again",
            format!("IF {replayed} THEN NEW.{attempts} := OLD.{attempts}; END IF;"),
        ),
        before_update(
            "replay-changes-nothing",
            "a replay makes the row due and leaves it dead",
            format!("IF {replayed} THEN NEW.{failed_at} := OLD.{failed_at}; END IF;"),
        ),
    ]
}

/// What is left of what was replayed or discarded.
fn traces(target: &Target) -> Vec<Sabotage<Lane>> {
    let (trail, audit) = (&target.propagation.trail, target.audit_log());
    let (kind, payload, id) = (ident(&audit.kind), ident(&audit.payload), literal(&trail.id));
    let hulk = format!(
        "IF NEW.{kind} = {} THEN NEW.{payload} := jsonb_build_object({id}, NEW.{payload} -> {id}); END IF;",
        literal(&trail.discarded),
    );
    vec![
        unheard(target, "discarded-without-trace", "discarding is a plain DELETE", &trail.discarded),
        unheard(target, "replayed-without-trace", "nobody writes down who replayed what", &trail.replayed),
        trigger::put(
            &[ID],
            "empty-hulk",
            "the audit row of what was discarded says that it was, and not what it was",
            &on_trail(target, "BEFORE INSERT", hulk),
        ),
    ]
}

/// An audit row of this kind never stays.
fn unheard(target: &Target, name: &str, mistake: &str, kind: &str) -> Sabotage<Lane> {
    let audit = target.audit_log();
    let body = format!(
        "IF NEW.{} = {} THEN DELETE FROM {} WHERE {id} = NEW.{id}; END IF;",
        ident(&audit.kind),
        literal(kind),
        ident(&audit.table),
        id = ident(&audit.id),
    );
    trigger::put(&[ID], name, mistake, &on_trail(target, "AFTER INSERT", body))
}

/// The claim no longer leaves the dead out.
fn called_on(target: &Target) -> Option<Sabotage<Lane>> {
    let marks = &target.propagation.marks;
    let mistake = "the claim asks for what is due and not applied, and nobody thought of the dead";
    let claimed = (marks.claim.as_str(), marks.not_dead.as_str(), "true".to_owned());
    on_statements(&[ID], "dead-are-claimed", mistake, &target.propagation, claimed)
}

/// A propagation dies, and the runner's service is asked what it measures.
fn death() -> Arc<Knock> {
    Arc::new(|lane, instance| {
        Box::pin(async move {
            let desk = Desk::open(lane).await?;
            let max = i32::try_from(desk.propagation.runner.max_attempts)?;
            let subject = desk.subject().await?;
            // The downstream knows nothing of it, and says so.
            let id = desk.insert_one(desk.due(&subject)?.attempts(max - 1)).await?;
            desk.awaited(&[id], Row::is_dead).await?;
            Measured::read(lane, instance, &desk.propagation.metrics.path).await?;
            desk.clear().await
        })
    })
}
