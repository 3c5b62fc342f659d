//! How a wire treats connections as a whole.

use super::peers::{Client, get, soon, trio};
use sabot_wire::http::{Match, Mode, Rule};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

#[tokio::test]
async fn refusing_is_econnrefused_and_resets_what_is_there() {
    let (upstream, wire, mut client) = trio().await;
    client.get("/", "1 /").await;
    wire.set_mode(Mode::Refuse).unwrap();
    let refused = TcpStream::connect(wire.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(client.try_rest().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    wire.set_mode(Mode::Pass).unwrap();
    let mut client = Client::connect(wire.address()).await;
    client.get("/", "2 /").await;
    assert_eq!(upstream.requests().len(), 2);
}

#[tokio::test]
async fn a_hanging_wire_stalls_old_and_new_connections_and_sends_nothing_later() {
    let (upstream, wire, mut old) = trio().await;
    old.get("/", "1 /").await;
    wire.set_mode(Mode::Hang).unwrap();
    let mut new = Client::connect(wire.address()).await;
    for client in [&mut old, &mut new] {
        client.send(get("/hung")).await;
        let answer = tokio::time::timeout(Duration::from_millis(50), client.stream.read_u8()).await;
        assert!(answer.is_err(), "nothing is answered");
    }
    assert_eq!(wire.counts().received, 1);
    wire.clear().unwrap();
    for mut client in [old, new] {
        drop(client.try_rest().await); // ended, in order or not
    }
    let mut client = Client::connect(wire.address()).await;
    client.get("/after", "2 /after").await;
    assert_eq!(upstream.requests().len(), 2);
}

#[tokio::test]
async fn cutting_closes_present_connections_only() {
    let (_upstream, wire, mut client) = trio().await;
    client.get("/", "1 /").await;
    wire.cut();
    assert_eq!(client.rest().await, "");
    Client::connect(wire.address()).await.get("/", "2 /").await;
}

#[tokio::test]
async fn clearing_makes_the_wire_transparent_again() {
    let (_upstream, wire, _client) = trio().await;
    wire.set(Rule::on(Match::any()).refuse());
    wire.set_mode(Mode::Refuse).unwrap();
    wire.clear().unwrap();
    assert_eq!(wire.mode(), Mode::Pass);
    Client::connect(wire.address()).await.get("/", "1 /").await;
}

#[tokio::test]
async fn a_dropped_wire_leaves_neither_port_nor_connections() {
    let (_upstream, wire, mut client) = trio().await;
    client.get("/", "1 /").await;
    let address = wire.address();
    drop(wire);
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    drop(client.try_rest().await);
}

#[tokio::test]
async fn a_dropped_wire_ends_what_hangs_on_it() {
    let (_upstream, wire, mut client) = trio().await;
    let (notify, mut seen) = Rule::on(Match::any()).notify();
    wire.set(notify);
    wire.set(Rule::on(Match::any()).hang());
    client.send(get("/")).await;
    soon(seen.next()).await.unwrap();
    drop(wire);
    drop(client.try_rest().await);
}

#[tokio::test]
async fn the_upstream_changes_on_a_kept_connection() {
    let (_first, wire, mut client) = trio().await;
    let second = super::peers::Upstream::start().await;
    client.get("/", "1 /").await;
    client.get("/", "2 /").await;
    wire.set_upstream(second.address);
    client.get("/", "1 /").await;
    assert_eq!(second.requests().len(), 1);
    assert_eq!(wire.counts().connections, 1);
}
