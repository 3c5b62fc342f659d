//! What turns `delivery.forwarder-crash` red.

use super::ID;
use crate::delivery::cause::{knock, on_sends, sends};
use crate::delivery::sql::filled;
use crate::delivery::tamper::events_in;
use crate::sabotage::reaction;
use crate::sabotage::setting;
use crate::sabotage::trigger::{self, Trigger};
use crate::sql::{ident, literal};
use sabot_engine::Sabotage;
use sabot_target::delivery::Part;
use sabot_target::{Delivery, Lane, Target};
use sabot_wire::http::{Request, Rule, Shown};
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};

pub(in crate::delivery) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let forwarder = &delivery.forwarder;
    let before_send = |name: &str, mistake: &str, statement: String| {
        let database = (delivery.database.as_str(), statement);
        let recipient = forwarder.recipient.clone();
        let of = move |request: &Request| text_at(request, &recipient);
        reaction::before_requests(&[ID], name, mistake, &sends(delivery), database, of, knock())
    };
    let cursor_first = delivery.has(Part::Cursor).then(|| {
        let mistake = "the cursor is moved when a row is read, not when it is done";
        before_send("cursor-before-send", mistake, moved(delivery))
    });
    let mut sabotages = vec![before_send(
        "ledger-before-send",
        "the ledger is written first, so that nothing is ever sent twice",
        entered(delivery),
    )];
    sabotages.extend(cursor_first);
    sabotages.extend([
        setting::turned(
            &[ID],
            "endless-lease",
            "the lease is made so long that it outlives whoever held it by an hour",
            vec![(forwarder.service.clone(), vec![(forwarder.lease_env.clone(), "1h".into())])],
        ),
        trigger::put(
            &[ID],
            "claim-not-kept",
            "claims are given back at once, and the row is everybody's while it is being sent",
            &Trigger {
                database: delivery.database.clone(),
                table: ident(&forwarder.claims.table),
                fires: "AFTER INSERT OR UPDATE",
                body: format!(
                    "DELETE FROM {} WHERE {id} = NEW.{id};",
                    ident(&forwarder.claims.table),
                    id = ident(&forwarder.claims.audit_id)
                ),
                deferred: false,
            },
        ),
        a_key_for_each_try(delivery),
        without_reference(delivery),
        events_in(
            &[ID],
            "reference-not-read",
            "events are cut down to the fields that somebody once needed",
            target,
            |event, delivery| {
                event.retain(|field, _| !delivery.payload.references.contains(field));
            },
        ),
        on_sends(&[ID], delivery, "retried-within", "the HTTP client repeats requests by itself", |sends| {
            Rule::on(sends).repeat(2, Shown::First)
        }),
    ]);
    sabotages
}

/// A ledger row as it will be, for the email to `$1`.
fn entered(delivery: &Delivery) -> String {
    let (ledger, audit) = (&delivery.ledger, &delivery.audit);
    let (columns, values) = filled(
        ledger,
        &[
            (&ledger.audit_id, &ident(&audit.id)),
            (&ledger.sent_at, "now()"),
            (&ledger.provider, &literal(&delivery.provider)),
            (&ledger.recipient, "''"),
            (&ledger.template_kind, &ident(&audit.kind)),
            (&ledger.classification, &literal(&delivery.standing.accepted)),
        ],
    );
    format!(
        "INSERT INTO {} ({columns}) SELECT {values} FROM {} WHERE {} ON CONFLICT DO NOTHING",
        ident(&ledger.table),
        ident(&audit.table),
        to_it(delivery),
    )
}

/// The cursor on the email to `$1`.
fn moved(delivery: &Delivery) -> String {
    let (cursor, audit) = (&delivery.cursor, &delivery.audit);
    format!(
        "UPDATE {} SET {position} = GREATEST({position}, (SELECT max({}) FROM {} WHERE {})) WHERE {} = {}",
        ident(&cursor.table),
        ident(&audit.id),
        ident(&audit.table),
        to_it(delivery),
        ident(&cursor.name),
        literal(&cursor.row),
        position = ident(&cursor.position),
    )
}

fn to_it(delivery: &Delivery) -> String {
    format!("{} ->> {} = $1", ident(&delivery.audit.payload), literal(&delivery.audit.recipient))
}

fn text_at(request: &Request, pointer: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    body.pointer(pointer)?.as_str().map(str::to_owned)
}

fn a_key_for_each_try(delivery: &Delivery) -> Sabotage<Lane> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let pointer = delivery.forwarder.idempotency_key.clone();
    on_sends(
        &[ID],
        delivery,
        "a-key-for-each-try",
        "the idempotency key is made when a request is",
        move |sends| {
            let pointer = pointer.clone();
            Rule::on(sends).rewrite_request(move |request| {
                let Ok(mut body) = serde_json::from_slice::<Value>(&request.body) else { return };
                if let Some(key) = body.pointer_mut(&pointer) {
                    let number = LAST.fetch_add(1, Ordering::Relaxed);
                    *key = format!("5ab07000-0000-4000-8000-{number:012x}").into();
                    request.body = body.to_string().into();
                }
            })
        },
    )
}

/// What the events are to carry back is something that says nothing.
fn without_reference(delivery: &Delivery) -> Sabotage<Lane> {
    let pointer = delivery.forwarder.reference.clone();
    let mistake = "the email carries nothing by which its events could be told from others'";
    on_sends(&[ID], delivery, "reference-not-sent", mistake, move |sends| {
        let pointer = pointer.clone();
        Rule::on(sends).rewrite_request(move |request| {
            let Ok(mut body) = serde_json::from_slice::<Value>(&request.body) else { return };
            if let Some(carried) = body.pointer_mut(&pointer) {
                *carried = serde_json::json!(["an email"]);
                request.body = body.to_string().into();
            }
        })
    })
}
