//! Messages that stop until a waiting check has decided.

use super::peers::{Client, get, post, soon, trio};
use sabot_wire::http::{Match, Nth, Response, Rule};

#[tokio::test]
async fn a_held_request_is_not_sent_until_it_is_released() {
    let (upstream, wire, mut client) = trio().await;
    let (rule, mut hold) = Rule::on(Match::any()).nth(Nth::Only(2)).hold_request();
    let rule = wire.set(rule);
    client.get("/first", "1 /first").await;
    client.send(post("/held?a=b", "body")).await;
    let held = soon(hold.next()).await.unwrap();
    let message = held.message();
    assert_eq!((message.connection, message.request.method.as_str()), (1, "POST"));
    assert_eq!((message.request.path(), &message.request.body[..]), ("/held", &b"body"[..]));
    assert_eq!((upstream.requests().len(), wire.counts().sent), (1, 1));
    held.release();
    client.until("2 /held?a=b").await;
    assert_eq!(rule.tally().applied(), 1);
}

#[tokio::test]
async fn a_held_request_is_cut_or_answered() {
    let (upstream, wire, mut client) = trio().await;
    let (rule, mut hold) = Rule::on(Match::any()).hold_request();
    wire.set(rule);
    client.send(get("/")).await;
    soon(hold.next()).await.unwrap().answer(Response::status(418).body("teapot"));
    client.until("teapot").await;
    client.send(get("/")).await;
    soon(hold.next()).await.unwrap().cut();
    assert_eq!(client.rest().await, "");
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn a_held_response_has_been_answered_and_not_given() {
    let (upstream, wire, mut client) = trio().await;
    let (rule, mut hold) = Rule::on(Match::any()).hold_response();
    wire.set(rule);
    client.send(post("/", "body")).await;
    let held = soon(hold.next()).await.unwrap();
    assert_eq!(&held.message().response.as_ref().unwrap().body[..], b"1 /");
    assert_eq!(&held.message().request.body[..], b"body");
    assert_eq!(upstream.requests().len(), 1);
    assert_eq!(wire.counts().responses.success, 0);
    held.release();
    client.until("1 /").await;
    client.send(get("/")).await;
    soon(hold.next()).await.unwrap().answer(Response::status(500).body("instead"));
    client.until("instead").await;
    client.send(get("/")).await;
    soon(hold.next()).await.unwrap().cut();
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn clearing_the_wire_releases_what_is_held_and_ends_the_hold() {
    let (upstream, wire, mut client) = trio().await;
    let (rule, mut hold) = Rule::on(Match::any()).hold_request();
    wire.set(rule);
    client.send(get("/")).await;
    let held = soon(hold.next()).await.unwrap();
    wire.clear().unwrap();
    client.until("1 /").await;
    held.cut();
    assert!(soon(hold.next()).await.is_none());
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn requests_of_several_connections_are_held_side_by_side() {
    let (_upstream, wire, mut first) = trio().await;
    let (rule, mut hold) = Rule::on(Match::any()).hold_request();
    wire.set(rule);
    let mut second = Client::connect(wire.address()).await;
    first.send(get("/a")).await;
    let a = soon(hold.next()).await.unwrap();
    second.send(get("/b")).await;
    let b = soon(hold.next()).await.unwrap();
    assert_ne!(a.message().connection, b.message().connection);
    b.release();
    second.until("1 /b").await;
    a.release();
    first.until("2 /a").await;
}
