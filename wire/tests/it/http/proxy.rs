//! The wire as a forward proxy: tunnels and absolute targets.

use super::peers::{Client, Upstream, get, soon};
use sabot_wire::http::{HttpWire, HttpWireOptions, Match, Outcome, Response, Rule};
use std::io::ErrorKind;

const CONNECT: &str = "CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\r\n";

async fn proxy() -> (Upstream, HttpWire, Client) {
    let upstream = Upstream::start().await;
    let wire = HttpWire::start(HttpWireOptions::forward_proxy()).await.unwrap();
    wire.map_host("API.example", upstream.address);
    let client = Client::connect(wire.address()).await;
    (upstream, wire, client)
}

#[tokio::test]
async fn a_tunnel_leads_to_the_mapped_address_and_is_counted_by_host() {
    let (upstream, wire, mut client) = proxy().await;
    let counter = wire.counter(Match::connect("api.example"));
    client.send(CONNECT).await;
    assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    client.get("/through", "1 /through").await;
    assert_eq!(upstream.requests(), [get("/through")]);
    assert_eq!((counter.received(), counter.sent()), (1, 1));
    assert_eq!(wire.tunnels()["api.example:443"], 1);
    let records = wire.records();
    assert_eq!((records.len(), records[0].outcome), (1, Outcome::Tunnelled));
    assert_eq!(records[0].request.target, "api.example:443");
}

#[tokio::test]
async fn bytes_sent_right_behind_connect_go_through_the_tunnel() {
    let (_upstream, _wire, mut client) = proxy().await;
    client.send(format!("{CONNECT}{}", get("/early"))).await;
    client.until("1 /early").await;
}

#[tokio::test]
async fn a_tunnel_is_refused_hung_or_answered_by_rule() {
    let (upstream, wire, mut client) = proxy().await;
    let answer = wire.set(Rule::on(Match::connect("api.example")).answer(Response::status(502).body("no")));
    client.send(CONNECT).await;
    assert!(client.until("no").await.starts_with("HTTP/1.1 502"));
    answer.remove();

    let (notify, mut seen) = Rule::on(Match::connect("api.example")).notify();
    wire.set(notify);
    let hang = wire.set(Rule::on(Match::connect("api.example")).hang());
    client.send(CONNECT).await;
    soon(seen.next()).await.unwrap();
    hang.remove();
    assert_eq!(client.rest().await, "");

    wire.set(Rule::on(Match::connect("api.example")).refuse());
    let mut client = Client::connect(wire.address()).await;
    client.send(CONNECT).await;
    assert_eq!(client.try_rest().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(wire.tunnels()["api.example:443"], 3);
    assert_eq!(wire.counts().sent, 0);
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn a_host_that_is_not_mapped_leads_nowhere() {
    let (_upstream, _wire, mut client) = proxy().await;
    client.send("CONNECT elsewhere.example:443 HTTP/1.1\r\n\r\n").await;
    let answer = client.until("loopback address\n").await;
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("elsewhere.example:443"), "{answer}");
}

#[tokio::test]
async fn an_absolute_target_goes_to_its_host_in_origin_form() {
    let (upstream, wire, mut client) = proxy().await;
    client.send("GET http://api.example/a?b HTTP/1.1\r\nHost:  api.example\r\nx-Odd: 1\r\n\r\n").await;
    client.until("1 /a?b").await;
    client.send("GET http://api.example HTTP/1.1\r\n\r\n").await;
    client.until("2 /").await;
    client.send(format!("GET http://{}/c HTTP/1.1\r\n\r\n", upstream.address)).await;
    client.until("3 /c").await;
    let expected = [
        "GET /a?b HTTP/1.1\r\nHost:  api.example\r\nx-Odd: 1\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET /c HTTP/1.1\r\n\r\n",
    ];
    assert_eq!(upstream.requests(), expected);
    client.send(get("/relative")).await;
    assert!(client.until("names its host\n").await.starts_with("HTTP/1.1 502"));
    assert_eq!(wire.counts().sent, 3);
}

#[tokio::test]
async fn a_held_tunnel_opens_when_it_is_released() {
    let (_upstream, wire, mut client) = proxy().await;
    let (rule, mut hold) = Rule::on(Match::connect("api.example")).hold_request();
    wire.set(rule);
    client.send(CONNECT).await;
    let held = soon(hold.next()).await.unwrap();
    assert_eq!(held.message().request.target, "api.example:443");
    held.release();
    client.until("\r\n\r\n").await;
    client.get("/", "1 /").await;
}
