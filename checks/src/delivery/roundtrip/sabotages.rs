//! What `delivery.roundtrip` guards against.

use super::super::tamper::{answers, before_storing, events_in, listing, on_ledger};
use super::ID;
use crate::sabotage::trigger;
use crate::sql::{ident, literal};
use sabot_engine::Sabotage;
use sabot_target::delivery::{Documented, Part};
use sabot_target::{Delivery, Lane, Target};
use serde_json::{Map, Value};

pub(in super::super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let mut sabotages: Vec<_> = delivery.documented.iter().map(|event| lost(delivery, event)).collect();
    sabotages.extend(on_stamps(delivery));
    sabotages.extend(on_forms(target));
    if delivery.has(Part::Declared) {
        sabotages.extend(on_declaration(target));
    }
    let matched = delivery.answers.matched.clone();
    if matched.is_empty() {
        return sabotages;
    }
    let mistake = "the answer does not say whether the message is known";
    sabotages.push(answers(&[ID], "answer-silent", mistake, target, move |response| {
        let mut answer: Map<String, Value> = serde_json::from_slice(&response.body).unwrap_or_default();
        if answer.remove(&matched).is_some() {
            response.body = Value::Object(answer).to_string().into();
        }
    }));
    sabotages
}

/// One event's handling is lost: it is not stored, or the ledger does not follow it.
fn lost(delivery: &Delivery, documented: &Documented) -> Sabotage<Lane> {
    let lost = |column: &str, word: &str| {
        format!("IF NEW.{} = {} THEN RETURN NULL; END IF;", ident(column), literal(word))
    };
    let trigger = if delivery.has(Part::Events) {
        before_storing(delivery, lost(&delivery.events.event, &documented.event))
    } else {
        let lost = lost(&delivery.ledger.classification, &documented.classification);
        on_ledger(delivery, "BEFORE UPDATE", lost)
    };
    let mistake = format!("the handling of `{}` is lost in a merge", documented.event);
    let name = format!("lost-{}", documented.event);
    trigger::put(&[ID], &name, &mistake, &trigger)
}

/// The time of delivery.
fn on_stamps(delivery: &Delivery) -> Vec<Sabotage<Lane>> {
    let stamp = ident(&delivery.ledger.delivered_at);
    let put = |name: &str, mistake: &str, body: String| {
        trigger::put(&[ID], name, mistake, &on_ledger(delivery, "BEFORE UPDATE", body))
    };
    vec![
        put(
            "never-stamped",
            "the time of delivery is read and never written",
            format!("NEW.{stamp} := OLD.{stamp};"),
        ),
        put(
            "stamped-by-any-event",
            "every event stamps the time of delivery",
            format!("NEW.{stamp} := coalesce(NEW.{stamp}, clock_timestamp());"),
        ),
        put(
            "stamped-by-the-receivers-clock",
            "the time of delivery is when the event was handled",
            format!("IF NEW.{stamp} IS NOT NULL THEN NEW.{stamp} := clock_timestamp(); END IF;"),
        ),
    ]
}

/// Spellings, forms of ids, forms of times.
fn on_forms(target: &Target) -> Vec<Sabotage<Lane>> {
    let mut sabotages = Vec::new();
    sabotages.extend(one_spelling(target));
    sabotages.extend(brackets_kept(target));
    sabotages.push(events_in(
        &[ID],
        "milliseconds-lost",
        "milliseconds are cut to seconds",
        target,
        |event, delivery| {
            for time in times(event, delivery) {
                if let Some(at) = time.as_i64().filter(|at| *at > MILLISECONDS_FROM) {
                    *time = (at / 1000).into();
                }
            }
        },
    ));
    sabotages.push(events_in(
        &[ID],
        "seconds-as-milliseconds",
        "every time is taken for milliseconds",
        target,
        |event, delivery| {
            for time in times(event, delivery) {
                if let Some(at) = time.as_i64().filter(|at| *at < MILLISECONDS_FROM) {
                    *time = (at / 1000).into();
                }
            }
        },
    ));
    sabotages.extend(on_times(target));
    sabotages
}

/// Where an event is spelled in more than one way, only one of them is known.
fn one_spelling(target: &Target) -> Option<Sabotage<Lane>> {
    let is_other =
        |of: &Documented, name: &str| of.event != name && of.spellings.iter().any(|known| known == name);
    let several = target.delivery.documented.iter().any(|documented| documented.spellings.len() > 1);
    let mistake = "only the name of the documentation is known";
    several.then(|| {
        events_in(&[ID], "one-spelling", mistake, target, move |event, delivery| {
            let name = event.get(&delivery.payload.event).and_then(Value::as_str).unwrap_or_default();
            if delivery.documented.iter().any(|of| is_other(of, name)) {
                event.insert(delivery.payload.event.clone(), "x_unheard_of".into());
            }
        })
    })
}

/// Where ids come in brackets too, they are looked for with them.
fn brackets_kept(target: &Target) -> Option<Sabotage<Lane>> {
    let bracketed = target.delivery.payload.id_forms.iter().any(|form| form.starts_with('<'));
    bracketed.then(|| {
        let mistake = "ids are compared with their brackets";
        events_in(&[ID], "brackets-kept", mistake, target, |event, delivery| {
            if let Some(Value::String(id)) = event.get_mut(&delivery.payload.message_id)
                && id.starts_with('<')
            {
                *id = format!("<bracket{}", &id[1..]);
            }
        })
    })
}

/// Each field of time, gone unread.
fn on_times(target: &Target) -> Vec<Sabotage<Lane>> {
    let mut sabotages = Vec::new();
    for (place, field) in target.delivery.payload.times.iter().enumerate() {
        let last = place + 1 == target.delivery.payload.times.len();
        let name = format!("time-unread-{field}");
        let field = field.clone();
        let mistake = if last {
            "the last resort for a time is not read"
        } else {
            "a time off by the account's zone is believed first"
        };
        sabotages.push(events_in(&[ID], &name, mistake, target, move |event, _| drop(event.remove(&field))));
    }
    sabotages
}

/// From here on a number counts milliseconds since 1970: as seconds it would lie in the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

fn times<'a>(
    event: &'a mut Map<String, Value>,
    delivery: &'a Delivery,
) -> impl Iterator<Item = &'a mut Value> {
    event.iter_mut().filter(|(field, _)| delivery.payload.times.contains(field)).map(|(_, value)| value)
}

type ChangeList = dyn Fn(&mut Vec<Value>) + Send + Sync;

/// What the target says of itself.
fn on_declaration(target: &Target) -> Vec<Sabotage<Lane>> {
    let names = &target.delivery.declared;
    let rewriting_list = |name: &str, mistake: &str, list: &str, change: Box<ChangeList>| {
        let list = list.to_owned();
        listing(&[ID], name, mistake, target, (&names.path, &names.credential), move |declared| {
            if let Some(Value::Array(entries)) = declared.get_mut(&list) {
                change(entries);
            }
        })
    };
    let rewriting = |name: &str, mistake: &str, change: fn(&mut Vec<Value>, &str)| {
        let event = names.event.clone();
        rewriting_list(name, mistake, &names.events, Box::new(move |events| change(events, &event)))
    };
    let classification = names.classification.clone();
    let mistake = "what an event is declared to mean and what it does drift apart";
    let drifted = rewriting_list(
        "declared-otherwise",
        mistake,
        &names.events,
        Box::new(move |events| {
            if let Some((first, others)) = events.split_first_mut()
                && let Some(last) = others.last()
            {
                first[&classification] = last[&classification].clone();
            }
        }),
    );
    let mistake = "the order in which a tie is decided is changed in one place";
    let tie =
        rewriting_list("tie-declared-otherwise", mistake, &names.severity, Box::new(|words| words.reverse()));
    vec![
        drifted,
        tie,
        rewriting("declared-not-handled", "an event is declared and nobody handles it", |events, event| {
            if let Some(mut further) = events.first().cloned() {
                further[event] = "read_aloud".into();
                events.push(further);
            }
        }),
        rewriting("handled-not-declared", "an event is handled and declared nowhere", |events, _| {
            drop(events.pop())
        }),
    ]
}
