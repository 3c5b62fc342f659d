//! `delivery.batch`: of an array of events the good ones are stored, whatever stands beside them.

use super::desk::{Desk, Message};
use super::event::Event;
use super::law::Expected;
use super::parts::looks_at;
use super::post::Reply;
use super::tamper::{answers, before_storing, calls, classified, events_in, inbound};
use crate::sabotage::trigger;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::delivery::Part;
use sabot_target::{Delivery, Lane, Target};
use sabot_wire::http::Rule;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) const ID: &str = "delivery.batch";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the provider sends five hundred events in one request, one of them odd, and all the others are \
                       refused with it",
        asserts: "of an array with good, unknown, other and bad elements the good ones reach the ledger and the answer \
                  counts each sort; the longest array is stored whole; one that is longer or too large is refused \
                  whole with 413; an empty one is 200 with zeros; one without any event is 400",
        remedy: "judge each element by itself, and refuse the whole only where nothing in it is an event",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(15),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    looks_at(cx, Part::Events, "stored events");
    mixed(cx, &desk).await?;
    full(cx, &desk).await?;
    for (what, body, expected) in [
        ("an empty array", json!([]), Counts::default()),
        ("an array of one bad element", json!([null]), Counts { refused: Some(400), ..Counts::default() }),
        ("an array of nothing but bad elements", bad(), Counts { refused: Some(400), ..Counts::default() }),
    ] {
        cx.examined(1);
        expected.judge(cx, desk.delivery, what, &desk.post(&body).await?);
    }
    Ok(())
}

/// What is no event, whatever the provider.
fn bad() -> Value {
    json!([null, true, 17, "an event", [], {}, { "nothing": "that is known" }])
}

/// Good, unknown, other and bad elements in one array, several of one message among them, the newer first.
async fn mixed(cx: &Cx<'_, Lane>, desk: &Desk<'_>) -> Judgement {
    let delivery = desk.delivery;
    let messages = desk.messages(delivery.documented.len()).await?;
    let unknown = desk.unknown();
    let (Some(first), Some(last)) = (delivery.documented.first(), delivery.documented.last()) else {
        return Ok(());
    };
    let mut elements = Vec::new();
    for (documented, message) in delivery.documented.iter().zip(&messages) {
        elements.push(Event::of(delivery, &documented.event, message, desk.begun + 60_000).json());
        elements.push(Event::of(delivery, &last.event, message, desk.begun).json());
    }
    elements.push(Event::of(delivery, &first.event, &unknown, desk.begun).json());
    let others = delivery.undocumented.iter();
    elements.extend(
        others.zip(&messages).map(|(name, message)| Event::of(delivery, name, message, desk.begun).json()),
    );
    let odd = bad().as_array().cloned().unwrap_or_default();
    let expected = Counts {
        refused: None,
        matched: messages.len() * 2,
        unmatched: 1,
        skipped: delivery.undocumented.len().min(messages.len()),
        invalid: odd.len(),
    };
    // The bad ones stand before, among and after the good ones.
    for (place, odd) in odd.into_iter().enumerate() {
        elements.insert((place * 5).min(elements.len()), odd);
    }
    cx.examined(elements.len());
    let what = "an array of all sorts";
    expected.judge(cx, delivery, what, &desk.post(&Value::Array(elements)).await?);
    let rows = desk.rows(&messages).await?;
    for (documented, message) in delivery.documented.iter().zip(&messages) {
        let events = [(documented.event.as_str(), desk.begun + 60_000), (last.event.as_str(), desk.begun)];
        let subject = format!("{what}: the ledger row after `{}`", documented.event);
        Expected::after(delivery, &events).judge(cx, subject, rows.get(&message.id));
    }
    desk.clear(&messages).await?;
    desk.clear(&[unknown]).await
}

/// The longest array is stored whole; one element more, or too many bytes, and nothing of it is.
async fn full(cx: &Cx<'_, Lane>, desk: &Desk<'_>) -> Judgement {
    let (delivery, webhook) = (desk.delivery, &desk.delivery.webhook);
    let Some(first) = delivery.documented.first() else { return Ok(()) };
    let messages = desk.messages(webhook.array_length).await?;
    let event = |message: &Message| Event::of(delivery, &first.event, message, desk.begun).json();
    let good: Vec<_> = messages.iter().map(event).collect();
    let refused = Counts { refused: Some(413), ..Counts::default() };
    let longer: Vec<_> = good.iter().chain(good.first()).cloned().collect();
    let large: Vec<_> = good
        .iter()
        .cloned()
        .map(|event| padded(delivery, event, webhook.array_limit / good.len().max(1)))
        .collect();
    for (what, body) in [("an array of one too many", longer), ("an array of too many bytes", large)] {
        cx.examined(1);
        refused.judge(cx, delivery, what, &desk.post(&Value::Array(body)).await?);
        let stored = desk.stored(&messages).await?.map_or(0, |stored| stored.len());
        if stored > 0 {
            cx.find(Finding::new(format!("{what}: the stored events"), "none", stored.to_string()));
        }
    }
    cx.examined(good.len());
    let expected = Counts { matched: good.len(), ..Counts::default() };
    expected.judge(cx, delivery, "the longest array", &desk.post(&Value::Array(good)).await?);
    let rows = desk.rows(&messages).await?;
    let expected = Expected::after(delivery, &[(&first.event, desk.begun)]);
    let wrong = messages.iter().filter(|message| !expected.is_met_by(rows.get(&message.id))).count();
    if wrong > 0 {
        let observed = format!("{wrong} of {} rows are not", messages.len());
        cx.find(Finding::new(
            "the longest array: the ledger",
            format!("every row {}", expected.sketch()),
            observed,
        ));
    }
    desk.clear(&messages).await
}

/// `event` with a reason of `bytes` bytes.
fn padded(delivery: &Delivery, mut event: Value, bytes: usize) -> Value {
    event[&delivery.payload.reason] = "x".repeat(bytes).into();
    event
}

/// What an answer to an array must say.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    /// The status with which it is refused; none where it is taken.
    refused: Option<u16>,
    matched: usize,
    unmatched: usize,
    skipped: usize,
    invalid: usize,
}

impl Counts {
    fn judge(&self, cx: &Cx<'_, Lane>, delivery: &Delivery, what: &str, reply: &Reply) {
        let answers = &delivery.answers;
        let (met, expected) = match self.refused {
            Some(status) => (reply.status == status, status.to_string()),
            None => (answers.is_taken(reply.status) && self.are_told(delivery, reply), self.sketch(delivery)),
        };
        if !met {
            cx.find(Finding::new(format!("{what}: the answer"), expected, reply.sketch()));
        }
    }

    /// Whether the answer counts so, in the fields that it has.
    fn are_told(&self, delivery: &Delivery, reply: &Reply) -> bool {
        let answers = &delivery.answers;
        let count = |name: &str| reply.field(name).as_u64().and_then(|count| usize::try_from(count).ok());
        let counts = |name: &str, wanted: usize| name.is_empty() || count(name) == Some(wanted);
        let good = self.matched + self.unmatched;
        // Whether what is skipped counts as accepted is left open.
        let accepted = counts(&answers.accepted, good) || counts(&answers.accepted, good + self.skipped);
        accepted
            && (answers.ok.is_empty() || reply.field(&answers.ok) == true)
            && counts(&answers.matched, self.matched)
            && counts(&answers.skipped, self.skipped)
            && counts(&answers.invalid, self.invalid)
    }

    fn sketch(&self, delivery: &Delivery) -> String {
        let Self { matched, unmatched, skipped, invalid, .. } = self;
        let taken = delivery.answers.told();
        format!("{taken}, {matched} matched, {unmatched} not, {skipped} skipped, {invalid} invalid")
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let mut sabotages = if delivery.has(Part::Events) { on_storing(delivery) } else { Vec::new() };
    sabotages.extend(uncounted(target));
    sabotages.extend([
        events_in(
            &[ID],
            "bytes-unlimited",
            "the limit of an array's size is lifted",
            target,
            |event, delivery| {
                event.remove(&delivery.payload.reason);
            },
        ),
        array_rule(target, "refused-whole", "one bad element refuses the whole array", |elements, _| {
            elements.iter().any(|element| !element.is_object()).then(|| json!([null]))
        }),
        array_rule(
            target,
            "cut-short",
            "what an array has too many is cut off in silence",
            |elements, most| (elements.len() > most).then(|| Value::Array(elements[..most].to_vec())),
        ),
        array_rule(target, "empty-refused", "an empty array is a bad request", |elements, _| {
            elements.is_empty().then(|| json!([null]))
        }),
        array_rule(target, "nothing-accepted", "what holds no event is a success", |elements, _| {
            (!elements.is_empty() && elements.iter().all(|element| !element.is_object())).then(|| json!([]))
        }),
    ]);
    sabotages
}

/// What stands in the way of events that are to be stored.
fn on_storing(delivery: &Delivery) -> Vec<Sabotage<Lane>> {
    let column = crate::sql::ident(&delivery.events.event);
    let takes_along = format!(
        "IF {} IS NULL THEN RAISE EXCEPTION 'an event of another sort'; END IF;",
        classified(delivery, &format!("NEW.{column}"))
    );
    // Counted within the transaction, and forgotten with it.
    let first_hundred = "PERFORM set_config('sabotage.stored', \
         (coalesce(nullif(current_setting('sabotage.stored', true), ''), '0')::int + 1)::text, true); \
         IF current_setting('sabotage.stored')::int > 100 THEN RETURN NULL; END IF;";
    vec![
        trigger::put(
            &[ID],
            "one-takes-all-along",
            "one element that the database refuses undoes the transaction of all",
            &before_storing(delivery, takes_along),
        ),
        trigger::put(
            &[ID],
            "first-hundred",
            "a page size of a hundred is left in, and the rest is forgotten",
            &before_storing(delivery, first_hundred.into()),
        ),
    ]
}

/// None where answers do not count what was no event.
fn uncounted(target: &Target) -> Option<Sabotage<Lane>> {
    let invalid = Some(target.delivery.answers.invalid.clone()).filter(|invalid| !invalid.is_empty())?;
    let mistake = "nobody is told of the elements that were none";
    Some(answers(&[ID], "bad-uncounted", mistake, target, move |response| {
        let mut answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if answer.get(&invalid).and_then(Value::as_u64).is_some_and(|count| count > 0) {
            answer[&invalid] = 0.into();
            response.body = answer.to_string().into();
        }
    }))
}

/// Puts another body in the place of an array.
fn array_rule(
    target: &Target,
    name: &str,
    mistake: &str,
    change: fn(&[Value], usize) -> Option<Value>,
) -> Sabotage<Lane> {
    let webhook = target.delivery.webhook.clone();
    let most = webhook.array_length;
    inbound(&[ID], name, mistake, target, move |_| {
        Rule::on(calls(&webhook)).rewrite_request(move |request| {
            if let Ok(Value::Array(elements)) = serde_json::from_slice(&request.body)
                && let Some(other) = change(&elements, most)
            {
                request.body = other.to_string().into();
            }
        })
    })
}
