//! What is an event and what is none.

use serde_json::{Value, json};
use time::macros::datetime;

use super::*;
use crate::brevo::{Brevo, DECLARED};
use crate::provider::Provider as _;

fn payload() -> Value {
    json!({"event": "delivered", "email": "Ann@example.com", "id": 814_119, "message-id": "<1.2@mailin.fr>",
        "date": "2023-05-31 16:37:07", "ts": 1_685_543_827, "ts_event": 1_685_543_827,
        "ts_epoch": 1_685_543_827_123_i64, "tags": ["a"], "new field": {"deep": [null]}})
}

fn with(field: &str, value: Value) -> Value {
    let mut payload = payload();
    payload[field] = value;
    payload
}

fn without(fields: &[&str]) -> Value {
    let mut payload = payload();
    fields.iter().for_each(|field| drop(payload.as_object_mut().unwrap().remove(*field)));
    payload
}

fn read(payload: &Value) -> Result<Event, Malformed> {
    Brevo.read(&payload.to_string())
}

#[test]
fn every_spelling_of_every_declared_event_is_read() {
    let mut spellings = 0;
    for declared in DECLARED {
        for spelling in declared.spellings {
            for written in [(*spelling).to_owned(), spelling.to_uppercase(), spelling.replace('_', "-")] {
                let event = read(&with("event", written.into())).unwrap();
                assert_eq!((event.declared, event.name.as_str()), (Some(declared), declared.event));
                spellings += 1;
            }
        }
    }
    assert!(spellings >= 39, "{spellings}");
}

#[test]
fn the_id_is_the_same_with_and_without_its_brackets() {
    for id in ["<1.2@mailin.fr>", "1.2@mailin.fr", " <1.2@mailin.fr> "] {
        assert_eq!(read(&with("message-id", id.into())).unwrap().provider_id, "1.2@mailin.fr");
    }
}

#[test]
fn the_time_is_the_first_of_the_four_in_seconds_or_milliseconds() {
    let event = read(&payload()).unwrap();
    assert_eq!(event.time, datetime!(2023-05-31 14:37:07.123 UTC));
    let times = [("ts_epoch", 1), ("s_epoch", 2), ("ts_event", 3), ("ts", 4)];
    let mut gone = vec!["ts_epoch", "ts_event", "ts"];
    let mut base = without(&gone);
    for (name, second) in times {
        base[name] = (1_700_000_000 + second).into();
    }
    for (name, second) in times {
        assert_eq!(read(&base).unwrap().time.unix_timestamp(), 1_700_000_000 + second, "{name}");
        base.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(read(&base), Err(Malformed::NoTime));
    gone.truncate(1);
    assert_eq!(read(&without(&gone)).unwrap().time, datetime!(2023-05-31 14:37:07 UTC));
    assert_eq!(read(&with("ts_epoch", 1_604_933_654.into())).unwrap().time.unix_timestamp(), 1_604_933_654);
    assert_eq!(read(&with("ts_epoch", Value::Null)).unwrap().time, datetime!(2023-05-31 14:37:07 UTC));
}

#[test]
fn what_is_not_of_the_documented_type_is_no_declared_event() {
    for field in ["ts_epoch", "s_epoch", "ts_event", "ts"] {
        for wrong in
            [json!("1685543827"), json!("soon"), json!(1.5), json!(-1), json!(0), json!([1]), json!(true)]
        {
            assert_eq!(read(&with(field, wrong.clone())), Err(Malformed::Invalid(field)), "{wrong}");
        }
    }
    assert_eq!(read(&with("ts", 9_999_999_999_999_999_i64.into())), Err(Malformed::Invalid("ts")));
    for field in ["message-id", "email"] {
        for wrong in [json!(5), json!(""), json!(" "), json!({}), json!("a\0b")] {
            assert_eq!(read(&with(field, wrong.clone())), Err(Malformed::Invalid(field)), "{wrong}");
        }
        assert_eq!(read(&without(&[field])), Err(Malformed::Missing(field)));
    }
    assert_eq!(
        read(&with("message-id", "x".repeat(MAX_ID + 1).into())),
        Err(Malformed::Invalid("message-id"))
    );
    assert_eq!(read(&with("event", 5.into())), Err(Malformed::Invalid("event")));
    assert_eq!(read(&with("event", "e".repeat(65).into())), Err(Malformed::Invalid("event")));
    assert_eq!(read(&without(&["event"])), Err(Malformed::Missing("event")));
}

#[test]
fn what_is_no_object_is_no_event() {
    let twice = r#"{"event":"delivered","event":"blocked"}"#;
    for text in ["", "null", "5", "\"delivered\"", "[]", "[\"delivered\",\"a\"]", "{", "{}x", twice] {
        assert_eq!(Brevo.read(text), Err(Malformed::NotAnObject), "{text}");
    }
    let half = r#"{"event":"delivered","email":"\ud800","message-id":"1","ts":1685543827}"#;
    assert_eq!(Brevo.read(half), Err(Malformed::Invalid("email")));
}

#[test]
fn an_event_outside_the_table_needs_only_a_name() {
    let event = Brevo.read(r#"{"event":"List Addition","message-id":7,"ts":"x","link":null}"#).unwrap();
    assert_eq!(
        (event.name.as_str(), event.declared, event.provider_id.as_str()),
        ("list_addition", None, "")
    );
    let other = Brevo.read(r#"{"event":"list_addition","message-id":8}"#).unwrap();
    assert_ne!(event.key(), other.key());
    let click = read(&with("event", "click".into())).unwrap();
    assert_eq!((click.provider_id.as_str(), click.link.as_str()), ("1.2@mailin.fr", ""));
}

#[test]
fn the_reference_is_the_tag_that_is_a_uuid() {
    let reference = "6e8bc430-9c3a-51d9-b1a6-8a1c2f7b9d10";
    let expected = Some(reference.parse().unwrap());
    let read_with = |field: &str, value: Value| {
        let mut payload = without(&["tags"]);
        payload[field] = value;
        read(&payload).unwrap().reference
    };
    let list = json!(["team.created", reference, "6e8bc430-9c3a-51d9-b1a6-8a1c2f7b9d11"]);
    assert_eq!(read_with("tags", list.clone()), expected);
    assert_eq!(read_with("tag", list.to_string().into()), expected);
    assert_eq!(read(&with("event", "request".into())).unwrap().reference, None);
    let other = format!("{{\"event\":\"request\",\"tags\":{list}}}");
    assert_eq!(Brevo.read(&other).unwrap().reference, expected);
    let unreadable =
        [json!(null), json!(reference), json!([5, [reference]]), json!({"a": reference}), json!(7)];
    for none in unreadable.into_iter().chain([json!([]), json!([reference.replace('-', "")]), json!("a\0")]) {
        assert_eq!((read_with("tags", none.clone()), read_with("tag", none)), (None, None));
    }
}

#[test]
fn nothing_of_the_payload_shows_in_debug() {
    let shown = format!("{:?}", read(&payload()).unwrap());
    assert!(!shown.to_lowercase().contains("ann") && !shown.contains("mailin"), "{shown}");
}
