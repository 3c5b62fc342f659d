//! What turns `contract.renderers` red.

use super::ID;
use crate::contract::tamper::{first_emailing, first_silent, in_registry};
use crate::delivery::cause::{before_audit, on_sends};
use crate::delivery::outbox::emailing;
use crate::delivery::tamper::on_ledger;
use crate::sabotage::trigger;
use crate::sql::{ident, literal};
use sabot_contract::Email;
use sabot_engine::Sabotage;
use sabot_target::{Delivery, Lane, Target};
use sabot_wire::http::{Match, Rule};
use serde_json::Value;

pub(in crate::contract) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    [entries(target), rows(target), requests(target)].concat()
}

/// The entry says what nothing keeps.
fn entries(target: &Target) -> Vec<Sabotage<Lane>> {
    vec![
        in_registry(
            &[ID],
            "without-a-renderer",
            "a kind is said to email, and the template comes with the next release",
            target,
            |registry| {
                if let Some(entry) = first_silent(registry) {
                    (entry.nobody, entry.email, entry.ledger) = (None, Some(Email::default()), true);
                }
            },
        ),
        in_registry(
            &[ID],
            "field-not-shown",
            "a field is added to what an email is to say, and not to its template",
            target,
            |registry| {
                let email = first_emailing(registry).and_then(|entry| entry.email.as_mut());
                if let Some(email) = email {
                    email.fields.push("sabotage_discount".into());
                }
            },
        ),
        in_registry(
            &[ID],
            "field-not-named",
            "a template reads a field that the entry does not name, so whoever writes the event leaves it out",
            target,
            |registry| {
                let emails = registry.kinds.iter_mut().filter_map(|entry| entry.email.as_mut());
                emails.for_each(|email| email.fields.clear());
            },
        ),
    ]
}

/// What is written is not what was meant.
fn rows(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let Some((kind, field)) = first_field(delivery) else { return Vec::new() };
    let (column, payload) = (ident(&delivery.audit.kind), ident(&delivery.audit.payload));
    let of_kind = |does: String| {
        before_audit(
            delivery,
            format!("IF NEW.{column} = {} THEN NEW.{payload} := {does}; END IF;", literal(&kind)),
        )
    };
    let classification = ident(&delivery.ledger.classification);
    let standing = &delivery.standing;
    vec![
        trigger::put(
            &[ID],
            "fails-at-run-time",
            "a field of the event is renamed, and its template fails on every one",
            &of_kind(format!("NEW.{payload} - {}", literal(&field))),
        ),
        trigger::put(
            &[ID],
            "field-left-blank",
            "the field is filled in later, and the email goes out before",
            &of_kind(format!("jsonb_set(NEW.{payload}, ARRAY[{}], '\"\"')", literal(&field))),
        ),
        trigger::put(
            &[ID],
            "taken-for-dropped",
            "an answer of the provider that is new is taken for its refusal",
            &on_ledger(
                delivery,
                "BEFORE INSERT",
                format!(
                    "IF NEW.{classification} = {} THEN NEW.{classification} := {}; END IF;",
                    literal(&standing.accepted),
                    literal(&standing.dropped)
                ),
            ),
        ),
    ]
}

/// A kind that emails, and a field of its payload.
fn first_field(delivery: &Delivery) -> Option<(String, String)> {
    let kind = emailing(delivery).ok()?;
    let sample: Value = serde_json::from_str(&kind.payload).ok()?;
    let field = sample.as_object()?.keys().find(|field| **field != delivery.audit.recipient)?;
    Some((kind.kind.clone(), field.clone()))
}

/// What is asked of the provider is not what was rendered.
fn requests(target: &Target) -> Vec<Sabotage<Lane>> {
    let shown = &target.contract.shown;
    let bodies = shown.bodies.clone();
    let placeholder = shown.placeholders.first().cloned().unwrap_or_default();
    let mut sabotages = vec![on_bodies(
        target,
        "placeholder-left",
        "a line is added to the layout of all templates, with a placeholder that no renderer knows",
        bodies.clone(),
        move |text| text.push_str(&placeholder),
    )];
    // Only where there is another form can one be forgotten.
    if let Some(last) = bodies.last().filter(|_| bodies.len() > 1) {
        sabotages.push(on_bodies(
            target,
            "one-form-forgotten",
            "the plain text is a standing sentence, and says nothing of what has happened",
            vec![last.clone()],
            |text| "Something has changed.".clone_into(text),
        ));
    }
    sabotages
}

/// Changes these texts of each request to send.
fn on_bodies(
    target: &Target,
    name: &str,
    mistake: &str,
    pointers: Vec<String>,
    change: impl Fn(&mut String) + Send + Sync + Clone + 'static,
) -> Sabotage<Lane> {
    on_sends(&[ID], &target.delivery, name, mistake, move |sends: Match| {
        let (pointers, change) = (pointers.clone(), change.clone());
        Rule::on(sends).rewrite_request(move |request| {
            let Ok(mut body) = serde_json::from_slice::<Value>(&request.body) else { return };
            for pointer in &pointers {
                if let Some(Value::String(text)) = body.pointer_mut(pointer) {
                    change(text);
                }
            }
            request.body = body.to_string().into();
        })
    })
}
