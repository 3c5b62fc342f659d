//! `delivery.roundtrip`: every documented event, in every spelling and form, makes of the ledger row what is
//! documented; and the target declares the same events.

use super::desk::{Desk, Message, delivery};
use super::event::Event;
use super::law::{Expected, sketch_row};
use super::post;
use super::tamper::{before_storing, events_in, listing, on_ledger};
use crate::sabotage::trigger;
use sabot_engine::{Check, Context as _, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::delivery::Documented;
use sabot_target::{Delivery, Lane, Target};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) const ID: &str = "delivery.roundtrip";

/// Events on their way at the same time.
const AT_ONCE: usize = 8;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the provider tells of a bounce and nobody hears: its event is spelled otherwise, or was added \
                       to a list and to no handler",
        asserts: "each documented event, in every spelling, with the message id and the time in every form, is \
                  answered 200, is stored, and gives its ledger row the documented classification, with the event's \
                  own time of delivery for those that stamp and none for the others; the events that the target \
                  declares are the documented ones, in both directions",
        remedy: "map every documented spelling to one event, and every event to its classification, in one table from \
                 which the declaration is printed too",
        needs: &[Need::Services, Need::Database, Need::Wires],
        registry_walk: true,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(20),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    declared(cx).await?;
    let desk = Desk::open(cx.lane()).await?;
    let forms = Form::all(desk.delivery);
    let messages = desk.messages(forms.len()).await?;
    let events: Vec<_> =
        forms.iter().zip(&messages).map(|(form, message)| form.event(&desk, message)).collect();
    let replies = desk.post_all(events.iter().map(Event::json).collect(), AT_ONCE).await?;
    let rows = desk.rows(&messages).await?;
    let stored = desk.stored(&messages).await?;
    for (((form, event), message), reply) in forms.iter().zip(&events).zip(&messages).zip(&replies) {
        cx.examined(1);
        let subject = form.to_string();
        let answers = &desk.delivery.answers;
        let told = (reply.status, reply.field(&answers.matched), reply.field(&answers.event));
        if told != (200, true.into(), form.documented.event.clone().into()) {
            let expected = format!("200, matched, `{}`", form.documented.event);
            cx.find(Finding::new(format!("{subject}: the answer"), expected, reply.sketch()));
        }
        let kept = stored.get(&message.id).map(Vec::as_slice).unwrap_or_default();
        let at = form.kept(event.at);
        if !matches!(kept, [one] if one.event == form.documented.event && one.time == at) {
            let expected = format!("`{}` stored once, with its own time", form.documented.event);
            let observed: Vec<_> = kept.iter().map(|one| format!("{} at {}", one.event, one.time)).collect();
            cx.find(Finding::new(format!("{subject}: the stored event"), expected, format!("{observed:?}")));
        }
        let expected = Expected {
            classification: form.documented.classification.clone(),
            delivered_at: form.documented.stamps.then_some(at),
        };
        let row = rows.get(&message.id);
        if !expected.is_met_by(row) {
            let finding =
                Finding::new(format!("{subject}: the ledger row"), expected.sketch(), sketch_row(row));
            cx.find(finding.evidence(format!("the webhook answered {}", reply.sketch())));
        }
    }
    cx.fact("forms of events", forms.len());
    desk.clear(&messages).await
}

/// One way in which one event may come.
struct Form<'a> {
    documented: &'a Documented,
    spelling: &'a str,
    id_form: usize,
    time_field: usize,
    seconds: bool,
    delivery: &'a Delivery,
}

impl<'a> Form<'a> {
    /// Every spelling of every event, and of the first that stamps every form of id and time.
    fn all(delivery: &'a Delivery) -> Vec<Self> {
        let plain = |documented, spelling| Form {
            documented,
            spelling,
            id_form: 0,
            time_field: 0,
            seconds: false,
            delivery,
        };
        let mut forms = Vec::new();
        for documented in &delivery.documented {
            forms.extend(documented.spellings.iter().map(|spelling| plain(documented, spelling)));
        }
        let stamps = delivery.documented.iter().find(|documented| documented.stamps);
        let Some(stamps) = stamps else { return forms };
        for id_form in 0..delivery.payload.id_forms.len() {
            for time_field in 0..delivery.payload.times.len() {
                for seconds in [false, true] {
                    forms.push(Form { id_form, time_field, seconds, ..plain(stamps, &stamps.event) });
                }
            }
        }
        forms
    }

    fn event(&self, desk: &Desk<'a>, message: &'a Message) -> Event<'a> {
        let event = Event::of(self.delivery, self.spelling, message, desk.begun);
        Event { id_form: self.id_form, time_field: self.time_field, seconds: self.seconds, ..event }
    }

    /// The time that is kept of `at`, in microseconds.
    const fn kept(&self, at: i64) -> i64 {
        if self.seconds { at / 1000 * 1_000_000 } else { at * 1000 }
    }
}

impl std::fmt::Display for Form<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let payload = &self.delivery.payload;
        write!(f, "`{}`", self.spelling)?;
        if let Some(form) = payload.id_forms.get(self.id_form).filter(|_| self.id_form > 0) {
            write!(f, ", its message as `{form}`")?;
        }
        let unit = if self.seconds { "seconds" } else { "milliseconds" };
        let field = payload.times.get(self.time_field).map_or("", String::as_str);
        write!(f, ", its time as {unit} in `{field}`")
    }
}

/// What the target declares, against what is documented.
async fn declared(cx: &Cx<'_, Lane>) -> Judgement {
    let lane = cx.lane();
    let delivery = delivery(lane);
    let names = &delivery.declared;
    let token = post::secret(lane, &names.credential)?;
    let instance = lane.service(&delivery.webhook.service)?;
    let request = lane.client().get(instance.url(&names.path)).bearer_auth(token);
    let asked =
        request.timeout(delivery.webhook.answers_within).send().await.context("asking what is declared")?;
    let declared: Value = asked.json().await.unwrap_or_default();
    let events = declared.get(&names.events).and_then(Value::as_array).cloned().unwrap_or_default();
    let text =
        |event: &Value, field: &str| event.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    for documented in &delivery.documented {
        cx.examined(1);
        let found = events.iter().find(|event| text(event, &names.event) == documented.event);
        let subject = format!("the declared event `{}`", documented.event);
        let Some(found) = found else {
            cx.find(Finding::new(
                subject,
                "declared, since it is documented",
                "the target does not declare it",
            ));
            continue;
        };
        let spelled: BTreeSet<_> = found
            .get(&names.spellings)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(folded)
            .collect();
        let observed =
            (text(found, &names.classification), found.get(&names.stamps).and_then(Value::as_bool), spelled);
        let spellings = documented.spellings.iter().map(|spelling| folded(spelling)).collect();
        let expected = (documented.classification.clone(), Some(documented.stamps), spellings);
        if observed != expected {
            cx.find(Finding::new(subject, format!("{expected:?}"), format!("{observed:?}")));
        }
    }
    for event in events.iter().map(|event| text(event, &names.event)) {
        if !delivery.documented.iter().any(|documented| documented.event == event) {
            let subject = format!("the declared event `{event}`");
            cx.find(Finding::new(subject, "documented, since it is declared", "it is documented nowhere"));
        }
    }
    let severity = declared.get(&names.severity).cloned().unwrap_or_default();
    if severity != Value::from(delivery.severity.clone()) {
        let expected = delivery.severity.join(", ");
        cx.find(Finding::new("the declared order of a tie", expected, severity.to_string()));
    }
    Ok(())
}

/// A spelling without what providers vary: case and separators.
fn folded(spelling: &str) -> String {
    spelling.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let mut sabotages: Vec<_> = delivery.documented.iter().map(|event| lost(delivery, event)).collect();
    sabotages.extend(on_stamps(delivery));
    sabotages.extend(on_forms(target));
    sabotages.extend(on_declaration(target));
    sabotages
}

/// One event's handling is lost.
fn lost(delivery: &Delivery, documented: &Documented) -> Sabotage<Lane> {
    let (column, event) = (super::sql::ident(&delivery.events.event), super::sql::literal(&documented.event));
    let body = format!("IF NEW.{column} = {event} THEN RETURN NULL; END IF;");
    let mistake = format!("the handling of `{}` is lost in a merge", documented.event);
    let name = format!("lost-{}", documented.event);
    trigger::put(&[ID], &name, &mistake, &before_storing(delivery, body))
}

/// The time of delivery.
fn on_stamps(delivery: &Delivery) -> Vec<Sabotage<Lane>> {
    let stamp = super::sql::ident(&delivery.ledger.delivered_at);
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
    let mut sabotages = vec![
        events_in(
            &[ID],
            "one-spelling",
            "only the name of the documentation is known",
            target,
            |event, delivery| {
                let name = event.get(&delivery.payload.event).and_then(Value::as_str).unwrap_or_default();
                let other =
                    |of: &&Documented| of.event != name && of.spellings.iter().any(|known| known == name);
                if delivery.documented.iter().any(|of| other(&of)) {
                    event.insert(delivery.payload.event.clone(), "x_unheard_of".into());
                }
            },
        ),
        events_in(
            &[ID],
            "brackets-kept",
            "ids are compared with their brackets",
            target,
            |event, delivery| {
                if let Some(Value::String(id)) = event.get_mut(&delivery.payload.message_id)
                    && id.starts_with('<')
                {
                    *id = format!("<bracket{}", &id[1..]);
                }
            },
        ),
        events_in(
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
        ),
        events_in(
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
        ),
    ];
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
    event: &'a mut serde_json::Map<String, Value>,
    delivery: &'a Delivery,
) -> impl Iterator<Item = &'a mut Value> {
    event.iter_mut().filter(|(field, _)| delivery.payload.times.contains(field)).map(|(_, value)| value)
}

/// What the target says of itself.
fn on_declaration(target: &Target) -> Vec<Sabotage<Lane>> {
    let names = &target.delivery.declared;
    let rewriting = |name: &str, mistake: &str, change: fn(&mut Vec<Value>, &str)| {
        let (events, event) = (names.events.clone(), names.event.clone());
        listing(&[ID], name, mistake, target, (&names.path, &names.credential), move |declared| {
            if let Some(Value::Array(events)) = declared.get_mut(&events) {
                change(events, &event);
            }
        })
    };
    vec![
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
