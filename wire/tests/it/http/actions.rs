//! What rules do.

use super::peers::{Client, LIMIT, get, post, soon, trio};
use sabot_wire::http::{Cut, HttpWire, HttpWireOptions, Match, Nth, Request, Response, Rule, Shown};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_rule_answers_in_place_of_the_upstream() {
    let (upstream, wire, mut client) = trio().await;
    let rule = wire.set(Rule::on(Match::path("/v3/account")).answer(Response::status(401).body("no")));
    let answer = client.get("/v3/account", "no").await;
    assert_eq!(answer, "HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno");
    client.get("/other", "1 /other").await;
    assert_eq!((rule.tally().matched(), rule.tally().applied()), (1, 1));
    assert_eq!((wire.counts().received, wire.counts().sent), (2, 1));
    assert_eq!((wire.counts().responses.client_error, wire.counts().responses.success), (1, 1));
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_reads_the_body_so_that_the_next_request_is_found() {
    let (_upstream, wire, mut client) = trio().await;
    wire.set(Rule::on(Match::method("POST")).answer(Response::status(503)));
    client.send(post("/a", &"x".repeat(100_000))).await;
    client.until("\r\n\r\n").await;
    assert!(client.get("/b", "1 /b").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn an_answer_to_one_who_awaits_100_continue_ends_the_connection() {
    let (upstream, wire, mut client) = trio().await;
    wire.set(Rule::on(Match::any()).answer(Response::status(413)));
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n").await;
    assert!(client.rest().await.contains("connection: close"));
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn a_wire_without_upstream_says_that_no_rule_answers() {
    let wire = HttpWire::start(HttpWireOptions::alone()).await.unwrap();
    wire.set(Rule::on(Match::path("/echo")).answer_with(|request| Response::json(request.method.clone())));
    let mut client = Client::connect(wire.address()).await;
    let answer = client.get("/", "no upstream\n").await;
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway"), "{answer}");
    assert!(client.get("/echo", "GET").await.starts_with("HTTP/1.1 200"), "on the same connection");
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_is_a_502_that_says_so() {
    let (upstream, wire, client) = trio().await;
    drop(client);
    wire.set_upstream("127.0.0.1:1".parse::<std::net::SocketAddr>().unwrap());
    let mut client = Client::connect(wire.address()).await;
    client.send(get("/")).await;
    let answer = client.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 502") && answer.contains("127.0.0.1:1 cannot be reached"),
        "{answer}"
    );
    assert!(upstream.requests().is_empty());
    assert_eq!(wire.counts().sent, 0);
}

#[tokio::test]
async fn delays_wait_before_the_request_and_before_the_response() {
    let (_upstream, wire, mut client) = trio().await;
    let wait = Duration::from_millis(50);
    let rules = [
        wire.set(Rule::on(Match::any()).delay_request(wait)),
        wire.set(Rule::on(Match::any()).delay_response(wait)),
    ];
    let started = Instant::now();
    client.get("/", "1 /").await;
    assert!(started.elapsed() >= 2 * wait);
    assert!(rules.iter().all(|rule| rule.tally().applied() == 1));
}

#[tokio::test]
async fn removing_a_delay_lets_what_waits_go_on() {
    let (_upstream, wire, mut client) = trio().await;
    let (notify, mut seen) = Rule::on(Match::any()).notify();
    wire.set(notify);
    let delay = wire.set(Rule::on(Match::any()).delay_request(10 * LIMIT));
    client.send(get("/")).await;
    soon(seen.next()).await.unwrap();
    delay.remove();
    client.until("1 /").await;
}

#[tokio::test]
async fn refusing_a_request_resets_its_connection() {
    let (upstream, wire, mut client) = trio().await;
    wire.set(Rule::on(Match::path("/refused")).refuse());
    client.get("/", "1 /").await;
    client.send(get("/refused")).await;
    assert_eq!(client.try_rest().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(upstream.requests().len(), 1);
    assert_eq!((wire.counts().received, wire.counts().sent), (2, 1));
}

#[tokio::test]
async fn a_hanging_request_ends_when_the_rule_is_removed() {
    let (upstream, wire, mut client) = trio().await;
    let (notify, mut seen) = Rule::on(Match::any()).notify();
    wire.set(notify);
    let hang = wire.set(Rule::on(Match::path("/hang")).hang());
    client.send(get("/hang")).await;
    soon(seen.next()).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(50), client.stream.read_u8()).await;
    assert!(waited.is_err(), "nothing is answered");
    hang.remove();
    assert_eq!(client.rest().await, "");
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn nth_picks_the_requests_that_a_rule_acts_on() {
    let (_upstream, wire, mut client) = trio().await;
    let rule = wire.set(Rule::on(Match::any()).nth(Nth::Only(2)).answer(Response::status(500).body("!")));
    client.get("/a", "1 /a").await;
    client.get("/b", "!").await;
    client.get("/c", "2 /c").await;
    assert_eq!((rule.tally().matched(), rule.tally().applied()), (3, 1));
}

#[tokio::test]
async fn rules_change_on_a_kept_connection() {
    let (_upstream, wire, mut client) = trio().await;
    client.get("/a", "1 /a").await;
    let rule = wire.set(Rule::on(Match::any()).answer(Response::status(500).body("!")));
    client.get("/b", "!").await;
    rule.remove();
    client.get("/c", "2 /c").await;
    wire.set(Rule::on(Match::any()).refuse());
    wire.clear().unwrap();
    client.get("/d", "3 /d").await;
    assert_eq!(wire.counts().connections, 1);
}

#[tokio::test]
async fn a_request_is_rewritten_and_delimited_anew() {
    let (upstream, wire, mut client) = trio().await;
    let rule = wire.set(Rule::on(Match::method("POST")).rewrite_request(|request| {
        request.target = "/new".to_owned();
        request.headers.set("X-Added", "1");
        request.body = [&request.body[..], b" and more"].concat().into();
    }));
    client
        .send("POST /old HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        .await;
    client.until("1 /new").await;
    let expected = "POST /new HTTP/1.1\r\nHost: x\r\nX-Added: 1\r\ncontent-length: 12\r\n\r\nabc and more";
    assert_eq!(upstream.requests(), [expected]);
    assert_eq!(rule.tally().applied(), 1);
}

#[tokio::test]
async fn collecting_a_body_tells_the_client_to_go_on() {
    let (upstream, wire, mut client) = trio().await;
    wire.set(Rule::on(Match::any()).rewrite_request(|request| request.headers.append("X", "1")));
    client.send("POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n").await;
    assert_eq!(client.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hi").await;
    client.until("1 /").await;
    assert!(!upstream.requests()[0].contains("100-continue"));
}

#[tokio::test]
async fn a_response_is_rewritten_and_one_left_alone_does_not_count() {
    let (_upstream, wire, mut client) = trio().await;
    let rule = wire.set(Rule::on(Match::any()).rewrite_response(|response| {
        if response.body.ends_with(b"/change") {
            response.status = 299;
            response.body = "changed".into();
        }
    }));
    client.get("/leave", "1 /leave").await;
    let changed = client.get("/change", "changed").await;
    assert_eq!(changed, "HTTP/1.1 299 OK\r\ncontent-length: 7\r\n\r\nchanged");
    assert_eq!((rule.tally().matched(), rule.tally().applied()), (2, 1));
}

#[tokio::test]
async fn rules_compose_in_the_order_in_which_they_were_set() {
    let (upstream, wire, mut client) = trio().await;
    let append = |text: &'static str| {
        Rule::on(Match::any()).rewrite_response(move |response| {
            response.body = [&response.body[..], text.as_bytes()].concat().into();
        })
    };
    wire.set(append(" one"));
    wire.set(Rule::on(Match::path("/answered")).answer(Response::status(200).body("answer")));
    wire.set(append(" two"));
    client.get("/answered", "answer one two").await;
    client.get("/sent", "1 /sent one two").await;
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_stands_in_for_the_upstream_and_other_rules_act_all_the_same() {
    let (upstream, wire, mut client) = trio().await;
    let first = wire.set(Rule::on(Match::any()).answer(Response::status(200).body("first")));
    let second = wire.set(Rule::on(Match::any()).answer(Response::status(200).body("second")));
    let (before, mut requests) = Rule::on(Match::any()).hold_request();
    let (after, mut responses) = Rule::on(Match::any()).hold_response();
    wire.set(before);
    wire.set(after);
    client.send(get("/")).await;
    soon(requests.next()).await.unwrap().release();
    let held = soon(responses.next()).await.unwrap();
    assert_eq!(&held.message().response.as_ref().unwrap().body[..], b"first");
    held.release();
    client.until("first").await;
    assert_eq!((first.tally().applied(), second.tally().applied()), (1, 0));
    wire.set(Rule::on(Match::any()).refuse());
    client.send(get("/")).await;
    soon(requests.next()).await.unwrap().release();
    assert_eq!(client.try_rest().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn a_repeated_request_reaches_the_upstream_n_times() {
    let (upstream, wire, mut client) = trio().await;
    let counter = wire.counter(Match::path("/twice"));
    wire.set(Rule::on(Match::path("/twice")).repeat(3, Shown::First));
    wire.set(Rule::on(Match::path("/last")).repeat(2, Shown::Last));
    client.send(post("/twice", "body")).await;
    client.until("1 /twice").await;
    assert_eq!(upstream.requests(), vec![upstream.requests()[0].clone(); 3]);
    client.get("/last", "5 /last").await;
    assert_eq!((counter.received(), counter.sent(), counter.responses().success), (1, 3, 1));
    assert_eq!((wire.counts().received, wire.counts().sent), (2, 5));
}

#[tokio::test]
async fn a_request_acknowledged_early_is_still_forwarded() {
    let (upstream, wire, mut client) = trio().await;
    let (rule, mut forwards) = Rule::on(Match::any()).acknowledge_early(Response::status(202).body("ack"));
    wire.set(rule);
    client.send(post("/later", "body")).await;
    client.until("ack").await;
    drop(client);
    let forwarded = soon(forwards.next()).await.unwrap();
    assert_eq!(&forwarded.answer.unwrap().body[..], b"1 /later");
    assert_eq!(&forwarded.request.body[..], b"body");
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn an_acknowledged_request_that_cannot_be_forwarded_is_reported() {
    let (_upstream, wire, mut client) = trio().await;
    wire.set_upstream("127.0.0.1:1".parse::<std::net::SocketAddr>().unwrap());
    let (rule, mut forwards) = Rule::on(Match::any()).acknowledge_early(Response::status(202).body("ack"));
    wire.set(rule);
    client.get("/", "ack").await;
    let error = soon(forwards.next()).await.unwrap().answer.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// What the client reads, and what the upstream saw, of a POST with the body `0123456789` that is cut.
async fn cut(place: Cut) -> (String, Vec<String>) {
    let (upstream, wire, mut client) = trio().await;
    let rule = wire.set(Rule::on(Match::path("/cut")).cut(place));
    client.send(post("/cut", "0123456789")).await;
    let read = client.try_rest().await.unwrap_or_default();
    assert_eq!(rule.tally().applied(), 1);
    (read, upstream.requests())
}

#[tokio::test]
async fn a_cut_before_or_within_the_request_keeps_it_from_the_upstream() {
    assert_eq!(cut(Cut::BeforeRequest).await, (String::new(), vec![]));
    assert_eq!(cut(Cut::WithinRequest).await, (String::new(), vec![]));
}

#[tokio::test]
async fn a_cut_after_the_request_loses_only_the_answer() {
    let (read, requests) = cut(Cut::BeforeResponse).await;
    assert_eq!((read.as_str(), requests.len()), ("", 1));
    assert_eq!(cut(Cut::AfterRequest).await.0, "");
}

#[tokio::test]
async fn a_cut_within_the_response_gives_its_head_and_half_of_its_body() {
    let (read, requests) = cut(Cut::WithinResponse).await;
    assert_eq!(read, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n1 /");
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn a_cut_after_the_response_gives_all_of_it() {
    let (read, _) = cut(Cut::AfterResponse).await;
    assert_eq!(read, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n1 /cut");
}

#[tokio::test]
async fn a_request_cut_within_arrives_half() {
    use tokio::net::TcpListener;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = HttpWire::start(HttpWireOptions::to(listener.local_addr().unwrap())).await.unwrap();
    wire.set(Rule::on(Match::any()).cut(Cut::WithinRequest));
    let mut client = Client::connect(wire.address()).await;
    client.send(post("/", "0123456789")).await;
    let (mut stream, _) = soon(listener.accept()).await.unwrap();
    let mut seen = Vec::new();
    soon(stream.read_to_end(&mut seen)).await.unwrap();
    let whole = post("/", "0123456789");
    assert_eq!(String::from_utf8(seen).unwrap(), whole[..whole.len() - 5]);
}

#[tokio::test]
async fn a_body_longer_than_the_bound_is_refused_where_a_rule_needs_it_whole() {
    let (upstream, _, _) = trio().await;
    let options = HttpWireOptions { whole_body: 10, ..HttpWireOptions::to(upstream.address) };
    let wire = HttpWire::start(options).await.unwrap();
    let mut client = Client::connect(wire.address()).await;
    client.send(post("/", "01234567890")).await;
    client.until("1 /").await;
    wire.set(Rule::on(Match::any()).rewrite_request(|_| ()));
    client.send(post("/", "01234567890")).await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("longer than 10 bytes"), "{answer}");
}

#[tokio::test]
async fn a_request_made_head_and_back_leaves_the_connection_whole() {
    let (upstream, wire, mut client) = trio().await;
    let to = |method: &'static str| move |request: &mut Request| method.clone_into(&mut request.method);
    let made = wire.set(Rule::on(Match::path("/made")).rewrite_request(to("HEAD")));
    client.send(get("/made")).await;
    let answer = client.until("\r\n\r\n").await;
    assert!(answer.contains("content-length: 0"), "the client's GET is told of no body: {answer}");
    client.get("/next", "2 /next").await;
    made.remove();
    wire.set(Rule::on(Match::method("HEAD")).rewrite_request(to("GET")));
    client.send("HEAD /unmade HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let answer = client.until("\r\n\r\n").await;
    assert!(answer.to_ascii_lowercase().contains("content-length: 9"), "{answer}");
    client.get("/last", "4 /last").await;
    assert_eq!(upstream.requests().len(), 4);
}

#[tokio::test]
async fn a_switch_of_protocols_outlives_a_rule_on_its_response() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = HttpWire::start(HttpWireOptions::to(listener.local_addr().unwrap())).await.unwrap();
    let rule = wire
        .set(Rule::on(Match::any()).rewrite_response(|response| response.headers.set("x-seen", "by a rule")));
    let mut client = Client::connect(wire.address()).await;
    client.send("GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n").await;
    let (mut upstream, _) = soon(listener.accept()).await.unwrap();
    let mut head = [0; 64];
    assert!(soon(upstream.read(&mut head)).await.unwrap() > 0);
    upstream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\n\r\nhello").await.unwrap();
    let answer = client.until("hello").await;
    assert!(answer.contains("x-seen: by a rule") && !answer.contains("content-length"), "{answer}");
    client.send("there").await;
    let mut there = [0; 5];
    soon(upstream.read_exact(&mut there)).await.unwrap();
    assert_eq!((&there, rule.tally().applied()), (b"there", 1));
}
