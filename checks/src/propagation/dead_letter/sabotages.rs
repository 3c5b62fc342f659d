//! What turns `propagation.dead-letter` red.

use super::ID;
use crate::metrics::Measured;
use crate::propagation::cause::{on_queue, on_statements, on_trail, runner_with};
use crate::propagation::desk::Desk;
use crate::propagation::queue::Row;
use crate::sabotage::json;
use crate::sabotage::metrics;
use crate::sabotage::rules::{self, Knock, MakeRules};
use crate::sabotage::trigger;
use crate::sql::{ident, literal};
use sabot_engine::{Sabotage, Sort};
use sabot_target::{Lane, Target};
use sabot_wire::http;
use sabot_wire::pg::{Match, Pattern, Rule};
use serde_json::Value;
use std::sync::Arc;

pub(in crate::propagation) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let (runner, queue) = (&propagation.runner, &propagation.queue);
    let (failed_at, attempts) = (ident(&queue.failed_at), ident(&queue.attempts));
    let attempts_of = |name: &str, mistake: &str, count: u32| {
        runner_with(&[ID], name, mistake, propagation, (&runner.env.max_attempts, count.to_string()))
    };
    let before_update = |name: &str, mistake: &str, body: String| {
        trigger::put(&[ID], name, mistake, &on_queue(propagation, "BEFORE UPDATE", body))
    };
    let replayed = format!("OLD.{failed_at} IS NOT NULL AND NEW.{failed_at} IS NULL");
    vec![
        before_update(
            "never-dies",
            "what has failed its last attempt is tried again like everything else",
            format!("IF OLD.{failed_at} IS NULL THEN NEW.{failed_at} := NULL; END IF;"),
        ),
        attempts_of(
            "one-early",
            "the limit is compared before the failure is counted",
            runner.max_attempts - 1,
        ),
        attempts_of("one-late", "the limit is compared by `>` in place of `>=`", runner.max_attempts + 1),
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
        unheard(
            target,
            "discarded-without-trace",
            "discarding is a plain DELETE",
            &propagation.trail.discarded,
        ),
        unheard(
            target,
            "replayed-without-trace",
            "nobody writes down who replayed what",
            &propagation.trail.replayed,
        ),
        trigger::put(
            &[ID],
            "empty-hulk",
            "the audit row of what was discarded says that it was, and not what it was",
            &on_trail(
                target,
                "BEFORE INSERT",
                format!(
                    "IF NEW.{} = {} THEN NEW.{payload} := jsonb_build_object({id}, NEW.{payload} -> {id}); END IF;",
                    ident(&target.delivery.audit.kind),
                    literal(&propagation.trail.discarded),
                    payload = ident(&target.delivery.audit.payload),
                    id = literal(&propagation.trail.id),
                ),
            ),
        ),
        called_on(target),
        unlisted(target),
        metrics::left_out_after(
            &[ID],
            "uncounted",
            "deaths are written down and nobody counts them",
            (&runner.service, &propagation.metrics.path),
            &propagation.metrics.dead_letters,
            death(),
        ),
    ]
}

/// An audit row of this kind never stays.
fn unheard(target: &Target, name: &str, mistake: &str, kind: &str) -> Sabotage<Lane> {
    let audit = &target.delivery.audit;
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
fn called_on(target: &Target) -> Sabotage<Lane> {
    let marks = target.propagation.marks.clone();
    let mistake = "the claim asks for what is due and not applied, and nobody thought of the dead";
    on_statements(&[ID], "dead-are-claimed", mistake, &target.propagation, move || {
        Rule::on(Match::literal(&marks.claim)).rewrite(Pattern::literal(&marks.not_dead), "true")
    })
}

/// A propagation dies, and the runner's service is asked what it measures.
fn death() -> Arc<Knock> {
    Arc::new(|lane, instance| {
        Box::pin(async move {
            let desk = Desk::open(lane).await?;
            let max = i32::try_from(desk.propagation.runner.max_attempts)?;
            let subject = desk.subject().await?;
            // The downstream knows nothing of it, and says so.
            let id = desk.insert_one(desk.new(&subject)?.attempts(max - 1)).await?;
            desk.awaited(&[id], Row::is_dead).await?;
            Measured::read(lane, instance, &desk.propagation.metrics.path).await?;
            desk.clear().await
        })
    })
}

/// The list of dead letters is empty.
fn unlisted(target: &Target) -> Sabotage<Lane> {
    let letters = target.propagation.dead_letters.clone();
    let (service, path) = (letters.service.clone(), letters.path.clone());
    let knock: Arc<Knock> = Arc::new(move |lane, instance| {
        let path = path.clone();
        Box::pin(async move {
            let credential = &lane.target().propagation.dead_letters.credential;
            let asked = (reqwest::Method::GET, path.as_str());
            crate::propagation::http::ask(lane, instance, asked, credential, None).await.map(drop)
        })
    });
    let make: Arc<MakeRules> = Arc::new(move |_| {
        let letters = letters.clone();
        json::inbound(move || {
            let list = letters.list.clone();
            let emptied = move |response: &mut http::Response| {
                let Ok(mut body) = serde_json::from_slice::<Value>(&response.body) else { return };
                body[&list] = Value::Array(Vec::new());
                // Said once more where there were none: the wire sees that it acted by a change of the bytes.
                response.body = format!("{body} ").into();
            };
            http::Rule::on(http::Match::path(&letters.path)).rewrite_response(emptied)
        })
    });
    let mistake = "the list joins the teams, and leaves out those that have been deleted since";
    rules::knocked(&[ID], "unlisted", mistake, (Sort::Http, &service), knock, make)
}
