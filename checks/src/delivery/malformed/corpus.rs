//! What is no event, and what is one all the same.

use super::super::desk::Message;
use super::super::event::Event;
use super::super::post::JSON;
use sabot_target::Delivery;
use sabot_target::delivery::Part;
use serde_json::{Value, json};

/// A field that the provider does not have yet.
pub(in super::super) const UNKNOWN: &str = "x_new";

/// What must become of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is no event.
    Refused,
    /// Nobody looks whether it is one.
    TooLarge,
    /// It is one.
    Taken,
}

/// One body.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) what: String,
    pub(super) content_type: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) fate: Fate,
    /// The message that it is about, where it is an event.
    pub(super) message: Option<Message>,
}

impl Body {
    fn refused(what: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let (what, bytes) = (what.into(), bytes.into());
        Self { what, content_type: JSON, bytes, fate: Fate::Refused, message: None }
    }

    /// As it is to be judged by the limit of a target; none where it is too large for one that has no limit.
    fn within(self, delivery: &Delivery) -> Option<Self> {
        let exceeds = self.fate == Fate::TooLarge
            || self.fate == Fate::Refused && self.bytes.len() > delivery.webhook.event_limit;
        match (exceeds, delivery.has(Part::EventLimit)) {
            (true, true) => Some(Self { fate: Fate::TooLarge, ..self }),
            (true, false) => (self.fate != Fate::TooLarge).then_some(self),
            (false, _) => Some(self),
        }
    }

    /// Its start, for evidence.
    pub(super) fn sketch(&self) -> String {
        let start = String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(120)]);
        format!("{} bytes that begin with {}", self.bytes.len(), start.escape_debug())
    }
}

/// Every body; those that look like an event name `message`.
pub(super) fn corpus(delivery: &Delivery, message: &Message, at: i64) -> Vec<Body> {
    let name = delivery.documented.first().map_or("", |documented| documented.event.as_str());
    let good = Event::of(delivery, name, message, at).json();
    let mut bodies = not_json(&good);
    bodies.extend(wrong_shape(delivery, &good));
    bodies.extend(wrong_times(delivery, &good));
    bodies.extend(large(delivery, &good));
    bodies.extend(odd(delivery, message, &good));
    bodies.into_iter().filter_map(|body| body.within(delivery)).collect()
}

/// What no parser of JSON takes.
fn not_json(good: &Value) -> Vec<Body> {
    let text = good.to_string();
    let mut bodies: Vec<_> = [
        ("nothing", ""),
        ("blanks", " \r\n\t "),
        ("a word", "delivered?"),
        ("a form", "a=1&b=2"),
        ("markup", "<?xml version=\"1.0\"?><e/>"),
        ("single quotes", "{'a': 1}"),
        ("a comment", "{} // done"),
        ("a comma too many", "{\"a\":1,}"),
        ("not a number", "{\"a\":NaN}"),
        ("an endless number", "{\"a\":Infinity}"),
        ("a leading zero", "{\"a\":01}"),
        ("an open string", "\"abc"),
        ("an open object", "{"),
        ("a raw line break in a string", "{\"a\":\"b\nc\"}"),
        ("a lone surrogate", "{\"a\":\"\\ud800\"}"),
        ("a bad escape", "{\"a\":\"\\x41\"}"),
        ("a zero byte", "\0"),
    ]
    .map(|(what, body)| Body::refused(what, body))
    .into();
    bodies.extend([
        Body::refused("two events without an array", format!("{text}{text}")),
        Body::refused("an event and a bracket", format!("{text}]")),
        Body::refused("an event after a byte order mark", format!("\u{feff}{text}")),
        Body::refused("not UTF-8", [b"{\"a\":\"".as_slice(), &[0xff, 0xfe], b"\"}"].concat()),
        Body::refused(
            "an event in UTF-16",
            text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
        ),
        Body::refused("a bomb of brackets", "[".repeat(15_000)),
        Body::refused("a bomb of objects", "{\"a\":".repeat(3_000)),
        Body::refused("a deep array", format!("{}{}", "[".repeat(7_000), "]".repeat(7_000))),
    ]);
    for (what, content_type) in [("text", "text/plain"), ("a form", "application/x-www-form-urlencoded")] {
        bodies.push(Body { content_type, ..Body::refused(format!("{what} by its content type"), "a=1&b=2") });
    }
    // An event cut short, wherever.
    let cuts = [1, 2, text.len() / 4, text.len() / 2, text.len() * 3 / 4, text.len() - 1];
    bodies.extend(
        cuts.map(|cut| Body::refused(format!("an event cut after {cut} bytes"), &text.as_bytes()[..cut])),
    );
    bodies
}

/// JSON that is no event: other values, and events whose fields are missing or of another type.
fn wrong_shape(delivery: &Delivery, good: &Value) -> Vec<Body> {
    let values = [json!(null), json!(true), json!(0), json!(1.5), json!("an event"), json!({})];
    let mut bodies: Vec<_> = values
        .iter()
        .map(|value| Body::refused(format!("the bare value {value}"), value.to_string()))
        .collect();
    bodies.push(Body::refused("an event within an object", json!({ "items": [good] }).to_string()));
    bodies.push(Body::refused("an event as a string", json!(good.to_string()).to_string()));
    if !delivery.has(Part::Batch) {
        bodies.push(Body::refused("an array of an event", json!([good]).to_string()));
    }
    let payload = &delivery.payload;
    for field in [&payload.event, &payload.message_id] {
        let mut without = good.clone();
        without.as_object_mut().map(|event| event.remove(field));
        bodies.push(Body::refused(format!("an event without `{field}`"), without.to_string()));
        for wrong in
            [json!(null), json!(true), json!(7), json!(""), json!(" "), json!([]), json!(["x"]), json!({})]
        {
            bodies.push(with(good, field, &wrong));
        }
    }
    for wrong in [json!(7), json!(["ann@example.com"]), json!({ "address": "ann@example.com" })] {
        bodies.push(with(good, &payload.recipient, &wrong));
    }
    bodies
}

/// Events whose time is none, in every field that has one.
fn wrong_times(delivery: &Delivery, good: &Value) -> Vec<Body> {
    let all = |value: Option<&Value>| {
        let mut event = good.clone();
        for field in &delivery.payload.times {
            match value {
                Some(value) => event[field] = value.clone(),
                None => drop(event.as_object_mut().map(|event| event.remove(field))),
            }
        }
        event.to_string()
    };
    let mut bodies = vec![Body::refused("an event without a time", all(None))];
    for wrong in [
        json!(null),
        json!(false),
        json!("yesterday"),
        json!("2026-05-20 14:37:07"),
        json!([1_779_280_627]),
        json!({}),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e300),
    ] {
        bodies.push(Body::refused(format!("an event of time {wrong}"), all(Some(&wrong))));
    }
    let huge = all(Some(&json!(0))).replace(":0", &format!(":{}", "9".repeat(400)));
    bodies.push(Body::refused("an event of a time of 400 digits", huge));
    bodies
}

/// What is too large to be looked at.
fn large(delivery: &Delivery, good: &Value) -> Vec<Body> {
    let event = delivery.webhook.event_limit;
    // What is to be too large for an event alone need not be too large for an array.
    let array = if delivery.has(Part::Batch) { delivery.webhook.array_limit } else { 4 * event };
    let large = |what: &str, bytes: Vec<u8>| Body { fate: Fate::TooLarge, ..Body::refused(what, bytes) };
    let padded = |bytes: usize| with(good, &delivery.payload.reason, &json!("x".repeat(bytes))).bytes;
    let mut bodies = vec![
        large("an event too large", padded(event)),
        large("an event much too large", padded(4 * array)),
        large("rubbish too large", vec![b'x'; event + 1]),
        large("blanks without end", vec![b' '; array + 1]),
    ];
    if delivery.has(Part::Batch) {
        bodies.push(large("an array too large", [b"[".as_slice(), &vec![b'1'; array], b"]"].concat()));
    }
    bodies
}

/// Events that are odd and true; each is about a message of its own.
fn odd(delivery: &Delivery, message: &Message, good: &Value) -> Vec<Body> {
    let deep = (0..60).fold(json!("end"), |inner, _| json!([inner]));
    let reason = &delivery.payload.reason;
    let fits = delivery.webhook.event_limit.saturating_sub(good.to_string().len() + 100);
    [
        ("an event with unknown fields", with(good, UNKNOWN, &json!({ "a": [1, 2, null] }))),
        ("an event with a nest in an unknown field", with(good, "x_deep", &deep)),
        ("an event with a zero character in its reason", with(good, reason, &json!("mailbox\0full"))),
        (
            "an event with signs of every kind in its reason",
            with(good, reason, &json!("'; DROP --\n\u{1F4EE}\u{202E}")),
        ),
        ("an event as large as may be", with(good, reason, &json!("x".repeat(fits)))),
    ]
    .into_iter()
    .enumerate()
    .map(|(place, (what, body))| {
        let id = format!("odd{place}.{}", message.id);
        let text = String::from_utf8_lossy(&body.bytes).replace(&message.id, &id);
        let message = Some(Message { id, ..message.clone() });
        Body { what: what.into(), bytes: text.into_bytes(), fate: Fate::Taken, message, ..body }
    })
    .collect()
}

/// `good` with another value in one field.
fn with(good: &Value, field: &str, value: &Value) -> Body {
    let mut event = good.clone();
    event[field] = value.clone();
    let told: String = value.to_string().chars().take(40).collect();
    Body::refused(format!("an event with `{field}` {told}"), event.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sabot_target::Target;
    use std::collections::BTreeSet;

    fn bodies_of(delivery: &Delivery) -> Vec<Body> {
        let message = Message { id: "1@example".into(), recipient: "ann@example.com".into(), audit_id: -1 };
        corpus(delivery, &message, 1_779_280_627_123)
    }

    #[test]
    fn nothing_is_asked_of_limits_that_are_not_promised() {
        let mut delivery = Target::embedded().delivery;
        let arrays = |bodies: &[Body]| bodies.iter().filter(|body| body.bytes.starts_with(b"[{")).count();
        let whole = bodies_of(&delivery);
        assert_eq!(arrays(&whole), 0, "an array of an event may be taken");
        delivery.without = vec![Part::Batch];
        let alone = bodies_of(&delivery);
        assert_eq!(arrays(&alone), 1);
        let what = |bodies: &[Body], what: &str| bodies.iter().any(|body| body.what == what);
        assert!(what(&whole, "an array too large") && !what(&alone, "an array too large"));
        delivery.without = vec![Part::Batch, Part::EventLimit];
        assert!(bodies_of(&delivery).iter().all(|body| body.fate != Fate::TooLarge));
        delivery.without.clear();
        delivery.webhook.event_limit = 2_000;
        let bomb = bodies_of(&delivery).into_iter().find(|body| body.what == "a bomb of brackets").unwrap();
        assert_eq!(bomb.fate, Fate::TooLarge);
    }

    #[test]
    fn each_body_is_of_its_fate() {
        let delivery = Target::embedded().delivery;
        let bodies = bodies_of(&delivery);
        assert!(bodies.len() > 80, "{}", bodies.len());
        assert_eq!(bodies.iter().map(|body| &body.what).collect::<BTreeSet<_>>().len(), bodies.len());
        for body in &bodies {
            let limit = delivery.webhook.event_limit;
            match body.fate {
                Fate::TooLarge => assert!(body.bytes.len() > limit, "{}", body.what),
                Fate::Refused | Fate::Taken => assert!(body.bytes.len() <= limit, "{}", body.what),
            }
            let json = serde_json::from_slice::<Value>(&body.bytes);
            if body.fate == Fate::Taken {
                assert!(json.unwrap().get(&delivery.payload.event).is_some(), "{}", body.what);
            }
        }
    }
}
