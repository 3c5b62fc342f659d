//! What is answered, and what it does to the rows.

use sabot_delivery::{Brevo, Provider as _};
use serde_json::{Value, json};

use crate::fixture::{Fixture, SECRET, event, send, send_raw, yesterday};

#[tokio::test]
async fn every_declared_event_in_every_spelling_reaches_its_row() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let mut id = 0;
    for declared in Brevo.declared() {
        for spelling in declared.spellings {
            id += 1;
            let message = format!("{id}@mailin.fr");
            fixture.accepted(id, &message).await;
            let answer = send(&receiver, &event(spelling, &message, yesterday())).await;
            assert_eq!(answer, (200, json!({"ok": true, "matched": true, "event": declared.event})));
            let row = fixture.row(id).await;
            assert_eq!(row.classification, declared.classification.as_str(), "{spelling}");
            assert_eq!(row.delivered_at, declared.stamps_delivered_at.then(yesterday), "{spelling}");
        }
    }
}

#[tokio::test]
async fn a_replay_leaves_the_row_untouched_and_the_events_do_not_grow() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    fixture.accepted(1, "m").await;
    let (delivered, bounce) =
        (event("delivered", "m", yesterday()), event("hard_bounce", "m", yesterday() + time::Duration::HOUR));
    for body in [&delivered, &bounce] {
        send(&receiver, body).await;
    }
    let before = fixture.row(1).await;
    for body in [&delivered, &bounce, &json!([delivered, bounce, delivered])] {
        assert_eq!(send(&receiver, body).await.0, 200);
    }
    assert_eq!(fixture.row(1).await, before);
    assert_eq!((before.classification.as_str(), before.delivered_at), ("bounced_hard", Some(yesterday())));
    assert_eq!(fixture.count("delivery_events").await, 2);
}

#[tokio::test]
async fn the_time_of_delivery_outlives_the_events_that_told_it() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    fixture.accepted(1, "m").await;
    send(&receiver, &event("delivered", "m", yesterday())).await;
    fixture.client.execute("DELETE FROM delivery_events", &[]).await.unwrap();
    send(&receiver, &event("complaint", "m", yesterday() + time::Duration::HOUR)).await;
    let row = fixture.row(1).await;
    assert_eq!((row.classification.as_str(), row.delivered_at), ("complaint", Some(yesterday())));
}

#[tokio::test]
async fn an_event_of_an_unknown_message_or_outside_the_table_is_kept() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    fixture.accepted(1, "m").await;
    let before = fixture.row(1).await;
    let unknown = send(&receiver, &event("delivered", "nobody's", yesterday())).await;
    assert_eq!(unknown, (200, json!({"ok": true, "matched": false, "event": "delivered"})));
    for name in ["opened", "unique_opened", "click", "request", "proxy_open", "something_new"] {
        let answer = send(&receiver, &event(name, "m", yesterday())).await;
        assert_eq!(answer, (200, json!({"ok": true, "skipped": true, "event": name})));
    }
    assert_eq!(send_raw(&receiver, br#"{"event":"list_addition"}"#).await.0, 200);
    assert_eq!(fixture.row(1).await, before);
    let raw = "delivery_events WHERE event = 'click' AND raw LIKE '%814119%'";
    assert_eq!((fixture.count("delivery_events").await, fixture.count(raw).await), (8, 1));
}

#[tokio::test]
async fn of_an_array_the_good_are_stored_and_the_bad_counted() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    fixture.accepted(1, "m").await;
    let huge = json!({"event": "delivered", "pad": "x".repeat(17_000)});
    let batch = json!([event("delivered", "m", yesterday()), event("blocked", "other", yesterday()),
        event("opened", "m", yesterday()), 5, null, {"event": "delivered"}, huge, []]);
    let counted = json!({"ok": true, "accepted": 2, "matched": 1, "skipped": 1, "invalid": 5});
    assert_eq!(send(&receiver, &batch).await, (200, counted));
    assert_eq!(fixture.row(1).await.classification, "delivered");
    let zeros = json!({"ok": true, "accepted": 0, "matched": 0, "skipped": 0, "invalid": 0});
    assert_eq!(send(&receiver, &json!([])).await, (200, zeros));
    assert_eq!(send(&receiver, &json!([1, {}, "x"])).await.0, 400);
    let many = |n| Value::Array((0..n).map(|n| event("delivered", &format!("m{n}"), yesterday())).collect());
    assert_eq!(send(&receiver, &many(500)).await.1["accepted"], 500);
    let (status, body) = send(&receiver, &many(501)).await;
    assert_eq!((status, body["error"]["code"].as_str()), (413, Some("too_many")));
    assert_eq!(fixture.count("delivery_events").await, 503);
}

#[tokio::test]
async fn what_is_malformed_is_400_and_touches_nothing() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    fixture.accepted(1, "m").await;
    let before = fixture.row(1).await;
    let good = event("delivered", "m", yesterday());
    let mut corpus: Vec<Vec<u8>> =
        ["", " ", "null", "5", "\"x\"", "true", "{", "{}", "[", "[1]", "{\"event\"", "<xml/>"]
            .map(|text| text.as_bytes().to_vec())
            .to_vec();
    corpus.push(b"{\"event\":\"delivered\xff\"}".to_vec());
    corpus.push(format!("{good}{good}").into_bytes());
    corpus.push(format!("\u{feff}{good}").into_bytes());
    corpus.push(format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes());
    corpus.push(format!("{{\"event\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000)).into_bytes());
    let mut deep = good.to_string();
    deep.truncate(deep.len() - 1);
    corpus.push(format!("{deep},\"x\":{}{}}}", "[".repeat(200), "]".repeat(200)).into_bytes());
    for (field, wrong) in [
        ("event", json!(1)),
        ("event", json!("")),
        ("message-id", json!(["m"])),
        ("message-id", json!("m\u{0}")),
        ("email", json!({})),
        ("ts_epoch", json!("soon")),
        ("ts_event", json!(1e300)),
        ("ts", json!(-5)),
        ("link", json!(5)),
    ] {
        let mut body = good.clone();
        body[field] = wrong;
        corpus.push(body.to_string().into_bytes());
    }
    for body in &corpus {
        let (status, answer) = send_raw(&receiver, body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("malformed")), "{shown}");
    }
    let body = good.to_string().into_bytes();
    for kind in [&b"text/plain"[..], b"application/x-www-form-urlencoded", b"application/jsonp", b"\xff"] {
        assert_eq!(receiver.receive(SECRET, None, Some(kind), &body).await.status, 400);
    }
    assert_eq!((fixture.row(1).await, fixture.count("delivery_events").await), (before, 0));
    for kind in [None, Some(&b"application/json; charset=utf-8"[..]), Some(b"APPLICATION/JSON")] {
        assert_eq!(receiver.receive(SECRET, None, kind, &body).await.status, 200);
    }
}

#[tokio::test]
async fn what_is_too_large_is_413() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let padded = |length: usize| {
        let mut body = event("delivered", "m", yesterday());
        body["pad"] = "".into();
        let short = body.to_string().len();
        body["pad"] = "x".repeat(length - short).into();
        body.to_string().into_bytes()
    };
    assert_eq!(send_raw(&receiver, &padded(16 * 1024)).await.0, 200);
    assert_eq!(send_raw(&receiver, &padded(16 * 1024 + 1)).await.1["error"]["code"], "too_large");
    let array = format!("[{}]", " ".repeat(1024 * 1024));
    assert_eq!(send_raw(&receiver, array.as_bytes()).await.0, 413);
}

#[tokio::test]
async fn a_link_or_id_of_any_length_is_stored_or_refused_and_spoils_nobody_elses_event() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let mut click = event("click", "m", yesterday());
    click["link"] = format!("https://example.com/{}", "ü%".repeat(3_000)).into();
    let other = event("delivered", "n", yesterday());
    let ((one, _), (two, _)) = tokio::join!(send(&receiver, &click), send(&receiver, &other));
    assert_eq!((one, two), (200, 200));
    // Hardly compressible, as long as an id may be.
    let long: String =
        (0..998_u32).map(|n| char::from(33 + (n.wrapping_mul(2_654_435_761) >> 25) as u8 % 90)).collect();
    let mut longest = event("delivered", "m", yesterday());
    longest["message-id"] = format!("<{}>", long.replace(['<', '>'], "x")).into();
    assert_eq!(send(&receiver, &longest).await.0, 200);
}

#[tokio::test]
async fn without_a_valid_secret_nothing_is_read_and_the_call_is_told_once() {
    use sabot_delivery::{Receiver, Secrets};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let fixture = Fixture::new().await;
    let told = Arc::new(AtomicUsize::new(0));
    let counted = told.clone();
    let secrets = Secrets::new([SECRET, "the-previous-secret"]).unwrap();
    let tell = move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let receiver = Receiver::with_refusals(Brevo, secrets, fixture.database.config(), tell);
    let source = Some([203, 0, 113, 7].into());
    let body = event("delivered", "m", yesterday()).to_string().into_bytes();
    let upper = SECRET.to_uppercase();
    let wrong = ["", &SECRET[1..], &SECRET[..SECRET.len() - 1], &upper, "a-secret-of-the-webhook!"];
    for wrong in wrong {
        for body in [&body[..], b"not json", &[b'x'; 20_000]] {
            let answer = receiver.receive(wrong, source, Some(b"text/plain"), body).await;
            assert_eq!(answer.status, 401);
            assert!(!answer.body.contains(SECRET), "{}", answer.body);
        }
    }
    assert_eq!((told.load(Ordering::Relaxed), fixture.count("delivery_events").await), (1, 0));
    for right in [SECRET, "the-previous-secret"] {
        assert_eq!(receiver.receive(right, source, None, &body).await.status, 200);
    }
}
