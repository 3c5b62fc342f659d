//! `delivery.unknown-message`: an event about a message that the ledger does not know is taken and kept.

use super::answer::{self, Said};
use super::desk::Desk;
use super::early;
use super::event::Event;
use super::law::sketch_row;
use super::parts::looks_at;
use super::sql::filled;
use super::tamper::{after_arrival, answers, before_storing, of_event};
use crate::sabotage::trigger;
use crate::sql::{ident, literal};
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::delivery::Part;
use sabot_target::{Delivery, Lane, Target};
use serde_json::Value;
use std::time::Duration;

pub(super) const ID: &str = "delivery.unknown-message";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "an event about a message that another system sent is answered 404: the provider repeats it for \
                       hours, or switches the webhook off; or it is dropped, and the message was only not known yet",
        asserts: "each documented event about an unknown message is answered 200 with `matched` false, is stored, and \
                  makes no ledger row",
        remedy: "answer 200 whether the message is known or not, and keep the event for when it will be",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: Some("the documented events"),
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
    answer::looks_at(cx, |answers| &answers.matched, "whether the message is known");
    let messages: Vec<_> = delivery.documented.iter().map(|_| desk.unknown()).collect();
    for (documented, message) in delivery.documented.iter().zip(&messages) {
        cx.examined(1);
        let reply = desk.post(&Event::of(delivery, &documented.event, message, desk.begun).json()).await?;
        let subject = format!("`{}` about a message that nobody knows", documented.event);
        let said = Said::new(&delivery.answers, vec![(&delivery.answers.matched, false.into())]);
        if !said.is_met_by(&reply) {
            cx.find(Finding::new(format!("{subject}: the answer"), said.sketch(), reply.sketch()));
        }
        let stored = desk.stored_of(message).await?;
        if let Some(stored) = stored
            && !matches!(&stored[..], [one] if one.event == documented.event)
        {
            let observed = format!("{} stored events", stored.len());
            cx.find(Finding::new(format!("{subject}: the stored event"), "stored once", observed));
        }
        let row = desk.row(message).await?;
        if row.is_some() {
            cx.find(Finding::new(format!("{subject}: the ledger"), "no row", sketch_row(row.as_ref())));
        }
    }
    desk.clear(&messages).await
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let matched = delivery.answers.matched.clone();
    let not_found =
        answers(&[ID], "not-found", "an unknown message is answered 404", target, move |response| {
            let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
            // Where no answer tells, every one is that of an unknown message.
            if matched.is_empty() || body.get(&matched) == Some(&Value::Bool(false)) {
                response.status = 404;
            }
        });
    if !delivery.has(Part::Events) {
        return vec![not_found];
    }
    vec![not_found, dropped(delivery), invented(delivery)]
}

/// Also what drops events that come too early.
fn dropped(delivery: &Delivery) -> Sabotage<Lane> {
    let body = format!(
        "IF NOT EXISTS (SELECT FROM {} WHERE {}) THEN RETURN NULL; END IF;",
        ident(&delivery.ledger.table),
        of_event(delivery)
    );
    let mistake = "an event is stored only where its message is known: one that comes early is lost";
    trigger::put(&[ID, early::ID], "dropped", mistake, &before_storing(delivery, body))
}

fn invented(delivery: &Delivery) -> Sabotage<Lane> {
    let (ledger, events) = (&delivery.ledger, &delivery.events);
    let id = ident(&events.provider_id);
    let (columns, values) = filled(
        ledger,
        &[
            (&ledger.audit_id, &format!("-abs(hashtextextended(NEW.{id}, 0))")),
            (&ledger.sent_at, "now()"),
            (&ledger.provider, &literal(&delivery.provider)),
            (&ledger.provider_id, &format!("NEW.{id}")),
            (&ledger.recipient, "''"),
            (&ledger.template_kind, "''"),
            (&ledger.classification, &literal(&delivery.standing.accepted)),
        ],
    );
    let body = format!(
        "IF NOT EXISTS (SELECT FROM {table} WHERE {of}) THEN INSERT INTO {table} ({columns}) VALUES ({values}); END IF;",
        table = ident(&ledger.table),
        of = of_event(delivery),
    );
    let mistake =
        "an update that finds no row is made an upsert: the ledger fills with other systems' messages";
    trigger::at_commit(&[ID], "invented", mistake, &after_arrival(delivery, body))
}
