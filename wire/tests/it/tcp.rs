//! The wire that relays bytes.

use sabot_wire::tcp::{Mode, TcpWire, TcpWireOptions};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

async fn soon<T>(happens: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), happens).await.expect("within the time limit")
}

async fn wire() -> (TcpListener, TcpWire) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = TcpWire::start(TcpWireOptions::to(listener.local_addr().unwrap())).await.unwrap();
    (listener, wire)
}

/// Both ends of a new connection through the wire.
async fn connected(listener: &TcpListener, wire: &TcpWire) -> (TcpStream, TcpStream) {
    let (client, upstream) =
        soon(async { tokio::join!(TcpStream::connect(wire.address()), listener.accept()) }).await;
    (client.unwrap(), upstream.unwrap().0)
}

async fn pass(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    soon(from.write_all(bytes)).await.unwrap();
    let mut read = vec![0; bytes.len()];
    soon(to.read_exact(&mut read)).await.unwrap();
    assert_eq!(read, bytes);
}

/// Reads to the end, orderly or not.
async fn rest(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut read = Vec::new();
    soon(stream.read_to_end(&mut read)).await.map(|_| read)
}

#[tokio::test]
async fn bytes_pass_both_ways_and_are_counted() {
    let (listener, wire) = wire().await;
    let (mut client, mut upstream) = connected(&listener, &wire).await;
    pass(&mut client, &mut upstream, &vec![7; 300_000]).await;
    pass(&mut upstream, &mut client, b"answer").await;
    let counts = wire.counts();
    assert_eq!((counts.accepted, counts.connected), (1, 1));
    assert_eq!((counts.to_upstream, counts.to_client), (300_000, 6));
}

#[tokio::test]
async fn each_side_finishes_for_itself() {
    let (listener, wire) = wire().await;
    let (mut client, mut upstream) = connected(&listener, &wire).await;
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut upstream).await.unwrap(), b"");
    pass(&mut upstream, &mut client, b"still here").await;
    drop(upstream);
    assert_eq!(rest(&mut client).await.unwrap(), b"");
}

#[tokio::test]
async fn a_reset_is_passed_on() {
    let (listener, wire) = wire().await;
    let (mut client, upstream) = connected(&listener, &wire).await;
    upstream.set_zero_linger().unwrap();
    drop(upstream);
    assert_eq!(rest(&mut client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_resets_the_client() {
    let (listener, wire) = wire().await;
    drop(listener);
    let mut client = TcpStream::connect(wire.address()).await.unwrap();
    assert_eq!(rest(&mut client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!((wire.counts().accepted, wire.counts().connected), (1, 0));
}

#[tokio::test]
async fn refusing_is_econnrefused_and_passing_serves_again() {
    let (listener, wire) = wire().await;
    let (mut client, mut upstream) = connected(&listener, &wire).await;
    wire.set_mode(Mode::Refuse).unwrap();
    let refused = TcpStream::connect(wire.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(rest(&mut client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    drop(rest(&mut upstream).await);
    wire.set_mode(Mode::Pass).unwrap();
    let (mut client, mut upstream) = connected(&listener, &wire).await;
    pass(&mut client, &mut upstream, b"again").await;
}

#[tokio::test]
async fn from_hanging_to_refusing_and_back() {
    let (listener, wire) = wire().await;
    let (mut client, _upstream) = connected(&listener, &wire).await;
    wire.set_mode(Mode::Hang).unwrap();
    wire.set_mode(Mode::Refuse).unwrap();
    assert_eq!(rest(&mut client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    wire.set_mode(Mode::Hang).unwrap();
    let connected_before = wire.counts().connected;
    let mut client = TcpStream::connect(wire.address()).await.unwrap();
    soon(async {
        while wire.counts().accepted < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    wire.clear().unwrap();
    assert_eq!(rest(&mut client).await.unwrap(), b"");
    assert_eq!(wire.counts().connected, connected_before, "it was accepted and never served");
    let (mut client, mut upstream) = connected(&listener, &wire).await;
    pass(&mut client, &mut upstream, b"again").await;
}

#[tokio::test]
async fn who_waits_to_be_accepted_while_it_hangs_is_never_served() {
    let (_listener, wire) = wire().await;
    wire.set_mode(Mode::Hang).unwrap();
    // On this one thread nobody accepts until something is awaited.
    let mut client = std::net::TcpStream::connect(wire.address()).unwrap();
    std::io::Write::write_all(&mut client, b"hung").unwrap();
    wire.set_mode(Mode::Pass).unwrap();
    client.set_nonblocking(true).unwrap();
    let mut client = TcpStream::from_std(client).unwrap();
    assert_eq!(rest(&mut client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!((wire.counts().accepted, wire.counts().connected), (0, 0));
}

#[tokio::test]
async fn hanging_stalls_connections_and_passes_nothing_on_afterwards() {
    let (listener, wire) = wire().await;
    let (mut client, mut upstream) = connected(&listener, &wire).await;
    pass(&mut client, &mut upstream, b"before").await;
    wire.set_mode(Mode::Hang).unwrap();
    client.write_all(b"hung").await.unwrap();
    assert!(timeout(Duration::from_millis(50), upstream.read_u8()).await.is_err());
    wire.set_mode(Mode::Pass).unwrap();
    drop(rest(&mut client).await);
    assert_eq!(rest(&mut upstream).await.unwrap(), b"");
    assert_eq!(wire.counts().to_upstream, 6);
}

#[tokio::test]
async fn cutting_closes_all_connections_and_serves_new_ones() {
    let (listener, wire) = wire().await;
    let (mut first, _one) = connected(&listener, &wire).await;
    let (mut second, _two) = connected(&listener, &wire).await;
    wire.cut();
    for client in [&mut first, &mut second] {
        assert_eq!(rest(client).await.unwrap(), b"");
    }
    let (mut client, mut upstream) = connected(&listener, &wire).await;
    pass(&mut client, &mut upstream, b"new").await;
}

#[tokio::test]
async fn a_cut_after_n_bytes_lets_exactly_so_many_pass() {
    let (listener, wire) = wire().await;
    let (mut bystander, _other) = connected(&listener, &wire).await;
    let (mut client, mut upstream) = connected(&listener, &wire).await;
    wire.cut_after(10);
    pass(&mut upstream, &mut client, b"abcd").await;
    client.write_all(b"0123456789").await.unwrap();
    assert_eq!(rest(&mut upstream).await.unwrap(), b"012345");
    assert_eq!(rest(&mut bystander).await.unwrap(), b"", "all connections are closed");
    let (mut client, mut upstream) = connected(&listener, &wire).await;
    pass(&mut client, &mut upstream, b"after the cut").await;
}

#[tokio::test]
async fn a_dropped_wire_leaves_neither_port_nor_connections() {
    let (listener, wire) = wire().await;
    let (mut client, _upstream) = connected(&listener, &wire).await;
    let address = wire.address();
    drop(wire);
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(rest(&mut client).await.unwrap(), b"");
}

#[tokio::test]
async fn a_reader_that_does_not_read_stalls_the_writer() {
    let (listener, wire) = wire().await;
    let (mut client, _upstream) = connected(&listener, &wire).await;
    let piece = vec![0; 64 * 1024];
    let mut taken = 0;
    while let Ok(written) = timeout(Duration::from_millis(500), client.write(&piece)).await {
        taken += written.unwrap();
        assert!(taken < 64 << 20, "{taken} bytes were taken that nobody read");
    }
}
