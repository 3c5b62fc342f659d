//! `delivery.unhandled`: an event outside the documented ones is taken, kept as it came, and leaves the ledger alone.

use super::answer::{self, Said};
use super::desk::{Desk, Stored};
use super::event::Event;
use super::law::sketch_row;
use super::parts::looks_at;
use super::tamper::{after_arrival, answers, before_storing, classified, events_in, of_event};
use crate::sabotage::trigger;
use crate::sql::{ident, literal};
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::delivery::Part;
use sabot_target::{Delivery, Lane, Target};
use serde_json::Value;
use std::time::Duration;

pub(super) const ID: &str = "delivery.unhandled";

/// An event that no provider has thought of yet.
const UNHEARD_OF: &str = "read_aloud_to_a_friend";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the provider adds an event, the webhook answers 500 to it, and the provider gives up on the \
                       webhook; or an opened message counts as a delivered one",
        asserts: "each of the provider's other events, and one that nobody has heard of, is answered 200 with `skipped` \
                  true, is kept as it came, and leaves the ledger row as it was byte for byte",
        remedy: "answer 200 to what is no concern of yours, and keep it",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(10),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let delivery = desk.delivery;
    looks_at(cx, Part::Events, "stored events");
    answer::looks_at(cx, |answers| &answers.skipped, "whether the event is skipped");
    if delivery.has(Part::Events) && delivery.events.raw.is_empty() {
        cx.fact("not looked at: the event as it came", "the target's stored events have no such column");
    }
    let names: Vec<_> = delivery.undocumented.iter().map(String::as_str).chain([UNHEARD_OF]).collect();
    let messages = desk.messages(names.len()).await?;
    let Some(first) = delivery.documented.first() else { return Ok(()) };
    for (name, message) in names.iter().zip(&messages) {
        cx.examined(1);
        desk.post(&Event::of(delivery, &first.event, message, desk.begun).json()).await?;
        let before = desk.row(message).await?;
        let event = Event::of(delivery, name, message, desk.begun + 60_000).json();
        let reply = desk.post(&event).await?;
        let said = Said::new(&delivery.answers, vec![(&delivery.answers.skipped, true.into())]);
        if !said.is_met_by(&reply) {
            cx.find(Finding::new(format!("`{name}`: the answer"), said.sketch(), reply.sketch()));
        }
        if let Some(stored) = desk.stored_of(message).await? {
            judge_stored(cx, &desk, name, &stored, &event);
        }
        let after = desk.row(message).await?;
        if before != after {
            let subject = format!("`{name}`: the ledger row");
            cx.find(Finding::new(subject, sketch_row(before.as_ref()), sketch_row(after.as_ref())));
        }
    }
    desk.clear(&messages).await
}

/// Beside the first event, which is stored too, there is this one.
fn judge_stored(cx: &Cx<'_, Lane>, desk: &Desk<'_>, name: &str, stored: &[Stored], event: &Value) {
    let subject = format!("`{name}`: the stored event");
    if desk.delivery.events.raw.is_empty() {
        if stored.len() != 2 {
            cx.find(Finding::new(subject, "stored once", format!("{} stored events, not two", stored.len())));
        }
        return;
    }
    let as_it_came = |raw: &str| serde_json::from_str::<Value>(raw).is_ok_and(|raw| raw == *event);
    if stored.iter().filter(|one| as_it_came(&one.raw)).count() != 1 {
        let observed = format!("{} stored events, none of them that one", stored.len());
        cx.find(Finding::new(subject, "stored once, as it came", observed));
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    if !delivery.has(Part::Events) {
        return vec![error(target), taken_for_delivery(target)];
    }
    let event = format!("NEW.{}", ident(&delivery.events.event));
    let unknown = format!("{} IS NULL", classified(delivery, &event));
    let storing = |name: &str, mistake: &str, deed: String| {
        let body = format!("IF {unknown} THEN {deed} END IF;");
        trigger::put(&[ID], name, mistake, &before_storing(delivery, body))
    };
    let mut sabotages =
        vec![error(target), storing("thrown-away", "only what is handled is kept", "RETURN NULL;".into())];
    if !delivery.events.raw.is_empty() {
        sabotages.push(storing(
            "not-as-it-came",
            "an event is kept as the fields that were known when the table was made",
            format!("NEW.{} := '{{}}';", ident(&delivery.events.raw)),
        ));
    }
    sabotages.push(counts(delivery, &unknown));
    sabotages
}

/// What is unknown is told by the answer where that says so, else by the event.
fn error(target: &Target) -> Sabotage<Lane> {
    let (name, mistake) = ("error", "an unknown event is an internal error");
    let skipped = target.delivery.answers.skipped.clone();
    if skipped.is_empty() {
        return events_in(&[ID], name, mistake, target, |event, delivery| {
            if !is_documented(delivery, event.get(&delivery.payload.event)) {
                event.remove(&delivery.payload.event);
            }
        });
    }
    answers(&[ID], name, mistake, target, move |response| {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if body.get(&skipped) == Some(&Value::Bool(true)) {
            response.status = 500;
        }
    })
}

/// Engagement counts as delivery, where only the ledger can tell.
fn taken_for_delivery(target: &Target) -> Sabotage<Lane> {
    let mistake = "who has opened a message must have got it, so every engagement is taken for a delivery";
    events_in(&[ID], "counts-as-delivered", mistake, target, |event, delivery| {
        let stamps = delivery.documented.iter().find(|documented| documented.stamps);
        if let Some(stamps) = stamps.filter(|_| !is_documented(delivery, event.get(&delivery.payload.event)))
        {
            event.insert(delivery.payload.event.clone(), stamps.event.clone().into());
        }
    })
}

fn is_documented(delivery: &Delivery, name: Option<&Value>) -> bool {
    let Some(name) = name.and_then(Value::as_str) else { return true };
    delivery.documented.iter().any(|documented| documented.spellings.iter().any(|known| known == name))
}

/// Engagement counts as delivery.
fn counts(delivery: &Delivery, unknown: &str) -> Sabotage<Lane> {
    let ledger = &delivery.ledger;
    let stamps = delivery.documented.iter().find(|documented| documented.stamps);
    let body = format!(
        "IF {unknown} THEN UPDATE {} SET {} = {}, {} = NEW.{} WHERE {}; END IF;",
        ident(&ledger.table),
        ident(&ledger.classification),
        literal(stamps.map_or("", |stamps| &stamps.classification)),
        ident(&ledger.delivered_at),
        ident(&delivery.events.event_time),
        of_event(delivery),
    );
    let mistake = "who has opened a message must have got it, so every engagement stamps a delivery";
    trigger::at_commit(&[ID], "counts-as-delivered", mistake, &after_arrival(delivery, body))
}
