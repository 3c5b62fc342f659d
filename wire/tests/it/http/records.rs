//! Counts and records.

use super::peers::{Client, Upstream, get, post, trio};
use sabot_wire::http::{HttpWire, HttpWireOptions, Match, Outcome, RecordLimits, Response, Rule};

#[tokio::test]
async fn a_record_tells_an_exchange() {
    let (_upstream, wire, mut client) = trio().await;
    let rule = wire.set(Rule::on(Match::any()).rewrite_response(|response| response.status = 299));
    client.send(post("/a?b=c", "body")).await;
    client.until("1 /a?b=c").await;
    let records = wire.records();
    let [exchange] = &records[..] else { panic!("{records:?}") };
    assert_eq!((exchange.connection, exchange.request.method.as_str()), (1, "POST"));
    assert_eq!(exchange.request.target, "/a?b=c");
    assert_eq!(exchange.request.headers.get("host"), Some("upstream"));
    assert_eq!(exchange.request_body.bytes, b"body");
    let response = exchange.response.as_ref().unwrap();
    assert_eq!((response.status, &exchange.response_body.bytes[..]), (299, &b"1 /a?b=c"[..]));
    assert_eq!(exchange.sent.len(), 1);
    assert!(exchange.sent[0] >= exchange.started);
    assert_eq!(exchange.rules, [rule.id()]);
}

#[tokio::test]
async fn records_are_bounded_and_counters_are_not() {
    let upstream = Upstream::start().await;
    let record = RecordLimits { exchanges: 3, body: 4, bytes: 1 << 20 };
    let options = HttpWireOptions { record, ..HttpWireOptions::to(upstream.address) };
    let wire = HttpWire::start(options).await.unwrap();
    let (all, even) = (wire.counter(Match::any()), wire.counter(Match::prefix("/even")));
    let mut client = Client::connect(wire.address()).await;
    for number in 0..40 {
        let path = if number % 2 == 0 { "/even" } else { "/odd" };
        client.send(post(path, "0123456789")).await;
        client.until(path).await;
    }
    let records = wire.records();
    assert_eq!(records.len(), 3);
    let bodies = records.iter().map(|exchange| &exchange.request_body);
    assert!(bodies.clone().all(|body| body.bytes == b"0123" && body.cut), "{:?}", bodies.collect::<Vec<_>>());
    assert_eq!((all.received(), all.sent(), even.received(), even.sent()), (40, 40, 20, 20));
    assert_eq!(even.responses().success, 20);
    assert_eq!(wire.counts().received, 40);
}

#[tokio::test]
async fn records_are_bounded_in_bytes() {
    let upstream = Upstream::start().await;
    let record = RecordLimits { exchanges: 1000, body: 1000, bytes: 5000 };
    let options = HttpWireOptions { record, ..HttpWireOptions::to(upstream.address) };
    let wire = HttpWire::start(options).await.unwrap();
    let mut client = Client::connect(wire.address()).await;
    for _ in 0..40 {
        client.send(post("/", &"x".repeat(2000))).await;
        client.until(" /").await;
    }
    let kept = wire.records().len();
    assert!((2..=5).contains(&kept), "{kept} of about 1,100 bytes each within 5,000");
}

#[tokio::test]
async fn no_record_shows_a_secret() {
    let (_upstream, wire, mut client) = trio().await;
    wire.set(
        Rule::on(Match::any()).answer(
            Response::status(500)
                .header("X-Note", "has hunter2")
                .header("Set-Cookie", "id=1")
                .body("hunter2 failed"),
        ),
    );
    client
        .send("POST /hooks/hunter2?k=a%2Fb HTTP/1.1\r\nAuthorization: Basic eDp5\r\nX-Api-Key: k1\r\nContent-Length: 12\r\n\r\n a hunter2 b")
        .await;
    client.until("failed").await;
    wire.redact(["hunter2".to_owned(), "a/b".to_owned()]);
    let records = wire.records();
    let exchange = &records[0];
    assert_eq!(exchange.request.target, "/hooks/[redacted]?k=[redacted]");
    assert_eq!(exchange.request.headers.get("authorization"), Some("[redacted]"));
    assert_eq!(exchange.request.headers.get("x-api-key"), Some("[redacted]"));
    assert_eq!(exchange.request_body.bytes, b" a [redacted] b");
    let response = exchange.response.as_ref().unwrap();
    assert_eq!(response.headers.get("x-note"), Some("has [redacted]"));
    assert_eq!(response.headers.get("set-cookie"), Some("[redacted]"));
    assert_eq!(exchange.response_body.bytes, b"[redacted] failed");
    assert!(!format!("{records:?}").contains("hunter2"));
}

#[tokio::test]
async fn outcomes_tell_how_it_went() {
    let (_upstream, wire, mut client) = trio().await;
    client.get("/", "1 /").await;
    wire.set(Rule::on(Match::path("/refuse")).refuse());
    client.send(get("/refuse")).await;
    drop(client.try_rest().await);
    let outcomes = wire.records().iter().map(|exchange| exchange.outcome).collect::<Vec<_>>();
    assert_eq!(outcomes, [Outcome::Answered, Outcome::Reset]);
}

#[tokio::test]
async fn a_counter_counts_from_when_it_was_made() {
    let (_upstream, wire, mut client) = trio().await;
    client.get("/", "1 /").await;
    let counter = wire.counter(Match::any());
    client.get("/", "2 /").await;
    assert_eq!(counter.received(), 1);
}
