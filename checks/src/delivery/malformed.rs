//! `delivery.malformed`: whatever comes that is no event is refused, at once, and touches nothing.

pub(super) mod corpus;

use super::desk::{Desk, Message};
use super::event::Event;
use super::law::{Expected, sketch_row};
use super::parts::looks_at;
use super::post::{self, Reply};
use super::tamper::{answers, calls, inbound};
use corpus::{Body, Fate, corpus};
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::delivery::{Answers, Part};
use sabot_target::{Delivery, Lane, Target};
use sabot_wire::http::{Match, Rule};
use serde_json::{Map, Value};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(super) const ID: &str = "delivery.malformed";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "somebody finds the webhook and sends it rubbish: it crashes, or hangs, or asks for more, or \
                       takes half of it for an event",
        asserts: "a corpus of what is no event (not JSON, cut short, wrong types, fields missing, deep, huge, empty, \
                  not UTF-8, another content type) is refused with 400, what is too large with 413, each with an error \
                  envelope and in time; oddities of a true event (unknown fields, other escapes) are taken; no body \
                  brings a 5xx, a silence, or a change to the row that it names; and a good event after all that \
                  counts",
        remedy: "bound the body before it is read and its depth before it is parsed, and refuse with 400 what lacks a \
                 field or has it in another type",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(30),
        no_cause: Some(
            "what refuses a body stands before the database and has no setting: only the wire can show what a parser \
             that lets it through would do",
        ),
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let delivery = desk.delivery;
    looks_at(cx, Part::Events, "stored events");
    looks_at(cx, Part::Batch, "arrays of events");
    looks_at(cx, Part::EventLimit, "bodies that are too large");
    if envelope(&delivery.answers).next().is_none() {
        cx.fact("not looked at: what a refusal says", "the target's answers have no such field");
    }
    let messages = desk.messages(1).await?;
    let Some(message) = messages.first() else { return Ok(()) };
    let before = desk.row(message).await?;
    let bodies = corpus(delivery, message, desk.begun);
    for body in bodies.iter().filter(|body| body.fate != Fate::Taken) {
        cx.examined(1);
        let reply = send(&desk, body).await?;
        refused(cx, &desk, body, &reply);
        let after = desk.row(message).await?;
        if before != after {
            let (was, is) = (sketch_row(before.as_ref()), sketch_row(after.as_ref()));
            cx.find(Finding::new(format!("{}: the ledger row", body.what), was, is));
            break;
        }
    }
    let kept = desk.stored_of(message).await?.map_or(0, |stored| stored.len());
    if kept > 0 && !cx.is_red() {
        cx.find(Finding::new("the events stored of all that", "none", kept.to_string()));
    }
    oddities(cx, &desk, &bodies).await?;
    good_again(cx, &desk, message).await?;
    cx.fact("bodies tried", bodies.len());
    desk.clear(&messages).await
}

async fn send(desk: &Desk<'_>, body: &Body) -> Judgement<Reply> {
    post::post(desk.lane, desk.receiver()?, &desk.call, body.content_type, body.bytes.clone()).await
}

/// The fields of a refusal that there are.
fn envelope(answers: &Answers) -> impl Iterator<Item = &String> {
    let fields = [&answers.error, &answers.error_code, &answers.error_message];
    fields.into_iter().filter(|name| !name.is_empty())
}

fn refused(cx: &Cx<'_, Lane>, desk: &Desk<'_>, body: &Body, reply: &Reply) {
    let answers = &desk.delivery.answers;
    let status = if body.fate == Fate::TooLarge { 413 } else { 400 };
    if reply.status != status {
        let finding = Finding::new(format!("{}: the answer", body.what), status.to_string(), reply.sketch());
        cx.find(finding.evidence(body.sketch()));
        return;
    }
    let error = if answers.error.is_empty() { reply.json() } else { reply.field(&answers.error) };
    let holds = |field: &str| error.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let text = |field: &str| field.is_empty() || holds(field);
    if !text(&answers.error_code) || !text(&answers.error_message) {
        let names = envelope(answers).map(|name| format!("`{name}`")).collect::<Vec<_>>();
        let expected = format!("each of {}", names.join(", "));
        cx.find(Finding::new(format!("{}: the body of the answer", body.what), expected, reply.sketch()));
    }
}

/// Events that are odd and true: taken, each on a message of its own.
async fn oddities(cx: &Cx<'_, Lane>, desk: &Desk<'_>, bodies: &[Body]) -> Judgement {
    for body in bodies.iter().filter(|body| body.fate == Fate::Taken) {
        cx.examined(1);
        let (reply, answers) = (send(desk, body).await?, &desk.delivery.answers);
        if !answers.is_taken(reply.status) {
            let expected = format!("{}: it is an event", answers.told());
            let finding = Finding::new(format!("{}: the answer", body.what), expected, reply.sketch());
            cx.find(finding.evidence(body.sketch()));
        }
    }
    let odd: Vec<_> = bodies.iter().filter_map(|body| body.message.clone()).collect();
    desk.clear(&odd).await
}

/// The webhook is as well as before.
async fn good_again(cx: &Cx<'_, Lane>, desk: &Desk<'_>, message: &Message) -> Judgement {
    let delivery = desk.delivery;
    let Some(stamps) = delivery.documented.iter().find(|documented| documented.stamps) else { return Ok(()) };
    let reply = desk.post(&Event::of(delivery, &stamps.event, message, desk.begun).json()).await?;
    if !delivery.answers.is_taken(reply.status) {
        let expected = delivery.answers.told();
        cx.find(Finding::new("a good event after all that: the answer", expected, reply.sketch()));
    }
    let expected = Expected::after(delivery, &[(&stamps.event, desk.begun)]);
    expected.judge(cx, "a good event after all that", desk.row(message).await?.as_ref());
    Ok(())
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let put_right = |name: &str, mistake: &str, status: u16| {
        answers(&[ID], name, mistake, target, move |response| {
            if response.status == 400 {
                response.status = status;
            }
        })
    };
    let again = delivery.webhook.repeated.first().copied().unwrap_or(429);
    let mut sabotages = vec![
        put_right("success", "what can't be read is logged and answered 200", delivery.answers.taken()),
        put_right("internal-error", "the parser panics", 500),
        put_right("come-again", "what can't be read is asked for again, for ever", again),
    ];
    sabotages.extend(envelope_gone(target));
    sabotages.extend(size_unlimited(target));
    sabotages.extend([lenient(target), strict(target), poisoned(target), hangs(target)]);
    sabotages
}

/// None where refusals have no envelope.
fn envelope_gone(target: &Target) -> Option<Sabotage<Lane>> {
    let first = envelope(&target.delivery.answers).next()?.clone();
    Some(answers(&[ID], "envelope-gone", "a refusal is a bare line of text", target, move |response| {
        let body: Map<String, Value> = serde_json::from_slice(&response.body).unwrap_or_default();
        if response.status >= 400 && body.contains_key(&first) {
            response.body = "bad request".into();
        }
    }))
}

/// None where an event may be of any size.
fn size_unlimited(target: &Target) -> Option<Sabotage<Lane>> {
    let Delivery { webhook, answers, .. } = target.delivery.clone();
    let (limit, taken) = (webhook.event_limit, answers.taken());
    let mistake = "a body is read to its end, whatever its size";
    target.delivery.has(Part::EventLimit).then(|| {
        inbound(&[ID], "size-unlimited", mistake, target, move |_| {
            let large = calls(&webhook).and(Match::when(move |head| {
                let length = head
                    .header("content-length")
                    .and_then(|length| std::str::from_utf8(length).ok()?.parse().ok());
                length.is_some_and(|length: usize| length > limit)
            }));
            Rule::on(large).rewrite_response(move |response| {
                if response.status == 413 {
                    response.status = taken;
                }
            })
        })
    })
}

/// What is missing is filled in.
fn lenient(target: &Target) -> Sabotage<Lane> {
    let mistake = "a field that is missing or of another type is filled with a default";
    super::tamper::events_in(&[ID], "lenient", mistake, target, |event, delivery| {
        for time in &delivery.payload.times {
            if !event.get(time).is_some_and(Value::is_i64) {
                event.insert(time.clone(), 1_700_000_000.into());
            }
        }
    })
}

/// A field that nobody knows makes an event none.
fn strict(target: &Target) -> Sabotage<Lane> {
    let mistake = "unknown fields are refused: the day the provider adds one, every event is lost";
    super::tamper::events_in(&[ID], "strict", mistake, target, |event, delivery| {
        if event.contains_key(corpus::UNKNOWN) {
            event.remove(&delivery.payload.event);
        }
    })
}

/// After one bad body nothing works any more.
fn poisoned(target: &Target) -> Sabotage<Lane> {
    let Delivery { webhook, answers, .. } = target.delivery.clone();
    let mistake = "a bad body makes a handler panic while it holds a lock: every later event fails";
    inbound(&[ID], "poisoned", mistake, target, move |_| {
        let poisoned = AtomicBool::new(false);
        let answers = answers.clone();
        Rule::on(calls(&webhook)).rewrite_response(move |response| match response.status {
            400 => poisoned.store(true, Ordering::SeqCst),
            status if answers.is_taken(status) && poisoned.load(Ordering::SeqCst) => response.status = 500,
            _ => {}
        })
    })
}

/// What is no JSON is awaited for ever.
fn hangs(target: &Target) -> Sabotage<Lane> {
    let webhook = target.delivery.webhook.clone();
    let mistake = "a body of another content type is never answered";
    inbound(&[ID], "hangs", mistake, target, move |_| {
        let other = calls(&webhook).and(!Match::header("content-type", post::JSON));
        Rule::on(other).hang()
    })
}
