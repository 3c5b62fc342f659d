//! With no rule, the very bytes pass, however they are cut into pieces, and no faster than they are read.

use super::peers::{Client, LIMIT, get, soon};
use proptest::prelude::*;
use sabot_wire::http::{HttpWire, HttpWireOptions};
use std::sync::LazyLock;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A request and the bytes that answer it.
#[derive(Debug, Clone)]
struct Exchange {
    request: Vec<u8>,
    response: Vec<u8>,
}

/// Exchanges on one connection, and how the bytes are cut.
#[derive(Debug, Clone)]
struct Session {
    exchanges: Vec<Exchange>,
    /// The last response ends with the connection.
    last_undelimited: Option<Vec<u8>>,
    /// All requests are sent before an answer is awaited.
    pipelined: bool,
    client_pieces: Vec<usize>,
    upstream_pieces: Vec<usize>,
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    let name = "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}";
    let value = prop_oneof![
        "[ -~\t]{0,30}".prop_map(String::into_bytes),
        prop::collection::vec(0x80u8..=0xff, 0..8),
    ];
    ("X-", name, "[ \t]{0,3}", value, "[ \t]{0,2}").prop_map(|(prefix, name, before, value, after)| {
        [prefix.as_bytes(), name.as_bytes(), b":", before.as_bytes(), &value, after.as_bytes(), b"\r\n"]
            .concat()
    })
}

fn headers() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(header(), 0..5).prop_map(|headers| headers.concat())
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 0..200),
        1 => (50_000usize..150_000, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ]
}

fn field(name: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![Just(name.to_owned()), Just(name.to_ascii_lowercase()), Just(name.to_ascii_uppercase())]
}

/// The header that delimits a body, and the body in that framing.
fn body() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let length = (field("Content-Length"), content())
        .prop_map(|(name, content)| (format!("{name}: {}\r\n", content.len()).into_bytes(), content));
    let chunk =
        (prop::collection::vec(any::<u8>(), 1..300), "(;[a-z]{1,5}(=\"[ -!#-~]{0,6}\")?){0,2}", 0usize..3);
    let chunked = (field("Transfer-Encoding"), prop::collection::vec(chunk, 0..5), headers(), any::<bool>());
    let chunked = chunked.prop_map(|(name, chunks, trailers, upper)| {
        let mut body = Vec::new();
        for (content, extensions, zeros) in chunks {
            let size = if upper { format!("{:X}", content.len()) } else { format!("{:x}", content.len()) };
            body.extend_from_slice(format!("{}{size}{extensions}\r\n", "0".repeat(zeros)).as_bytes());
            body.extend_from_slice(&content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\n");
        body.extend_from_slice(&trailers);
        body.extend_from_slice(b"\r\n");
        (format!("{name}:  Chunked\r\n").into_bytes(), body)
    });
    prop_oneof![length, chunked]
}

fn interim() -> impl Strategy<Value = Vec<u8>> {
    let one = headers().prop_map(|headers| [b"HTTP/1.1 103 Early Hints\r\n", &headers[..], b"\r\n"].concat());
    prop::collection::vec(one, 0..2).prop_map(|all| all.concat())
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let bodiless = prop::sample::select(vec!["GET", "HEAD", "DELETE", "OPTIONS"]);
    let rest = || {
        (
            "/[!-~&&[^#]]{0,30}",
            prop::sample::select(vec!["", "", "", "\r\n", "\r\n\r\n"]),
            headers(),
            headers(),
        )
    };
    let request = prop_oneof![
        (bodiless, rest()).prop_map(|(method, rest)| (method, rest, (vec![], vec![]))),
        (Just("POST"), rest(), body()),
    ];
    let status = prop::sample::select(vec![200u16, 201, 204, 304, 404, 500, 599]);
    let response = (interim(), status, "[ -~]{0,12}", headers(), body());
    (request, response).prop_map(|(request, response)| {
        let (method, (target, empty, before, after), (framing, body)) = request;
        let line = format!("{empty}{method} {target} HTTP/1.1\r\n");
        let request = [line.as_bytes(), &before, &framing, &after, b"\r\n", &body].concat();
        let (interim, status, reason, headers, (framing, body)) = response;
        let line = format!("HTTP/1.1 {status} {reason}\r\n");
        // To HEAD, and with these codes, headers may state a length without a body following.
        let body = if method == "HEAD" || matches!(status, 204 | 304) { Vec::new() } else { body };
        let response = [&interim, line.as_bytes(), &headers, &framing, b"\r\n", &body].concat();
        Exchange { request, response }
    })
}

fn session() -> impl Strategy<Value = Session> {
    let pieces = || prop::collection::vec(prop_oneof![3 => 1usize..40, 1 => 1000usize..70_000], 1..12);
    let undelimited = (headers(), content())
        .prop_map(|(headers, content)| [b"HTTP/1.1 200 OK\r\n", &headers[..], b"\r\n", &content].concat());
    let parts = (
        prop::collection::vec(exchange(), 1..5),
        prop::option::of(undelimited),
        any::<bool>(),
        pieces(),
        pieces(),
    );
    parts.prop_map(|(exchanges, last_undelimited, pipelined, client_pieces, upstream_pieces)| Session {
        exchanges,
        last_undelimited,
        pipelined,
        client_pieces,
        upstream_pieces,
    })
}

/// Writes `bytes` in pieces of these lengths, over and over.
async fn write(stream: &mut TcpStream, bytes: &[u8], pieces: &mut impl Iterator<Item = usize>) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(pieces.next().unwrap()));
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
        rest = after;
    }
}

async fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// Plays a session through a wire and compares both directions byte for byte.
async fn play(session: Session) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = HttpWire::start(HttpWireOptions::to(listener.local_addr().unwrap())).await.unwrap();
    let mut exchanges = session.exchanges;
    if let Some(response) = session.last_undelimited.clone() {
        exchanges.push(Exchange { request: get("/last").into_bytes(), response });
    }
    let (script, undelimited) = (exchanges.clone(), session.last_undelimited.is_some());
    let upstream = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        stream.set_nodelay(true).unwrap();
        let mut pieces = session.upstream_pieces.into_iter().cycle();
        for exchange in &script {
            assert_eq!(read(&mut stream, exchange.request.len()).await, exchange.request);
            write(&mut stream, &exchange.response, &mut pieces).await;
        }
        if !undelimited {
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "nothing but the requests");
        }
    });
    let mut stream = TcpStream::connect(wire.address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut pieces = session.client_pieces.into_iter().cycle();
    if session.pipelined {
        let (mut reading, mut writing) = stream.into_split();
        let requests = exchanges.iter().flat_map(|exchange| exchange.request.clone()).collect::<Vec<_>>();
        let responses = exchanges.iter().flat_map(|exchange| exchange.response.clone()).collect::<Vec<_>>();
        let send = async {
            for piece in requests.chunks(pieces.next().unwrap()) {
                writing.write_all(piece).await.unwrap();
            }
        };
        let mut given = vec![0; responses.len()];
        let (_, read) = tokio::join!(send, reading.read_exact(&mut given));
        read.unwrap();
        assert_eq!(given, responses);
        stream = reading.reunite(writing).unwrap();
    } else {
        for exchange in &exchanges {
            write(&mut stream, &exchange.request, &mut pieces).await;
            assert_eq!(read(&mut stream, exchange.response.len()).await, exchange.response);
        }
    }
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "nothing but the responses");
    upstream.await.unwrap();
    assert_eq!(wire.counts().sent, exchanges.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn any_session_in_any_pieces_passes_byte_for_byte(session in session()) {
        RUNTIME.block_on(async { timeout(LIMIT, play(session)).await.expect("within the time limit") });
    }
}

/// A wire, a client on it, and the upstream's end of the connection that `request` has opened.
async fn opened(request: &str) -> (HttpWire, Client, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = HttpWire::start(HttpWireOptions::to(listener.local_addr().unwrap())).await.unwrap();
    let mut client = Client::connect(wire.address()).await;
    client.send(request).await;
    let (mut upstream, _) = soon(listener.accept()).await.unwrap();
    assert_eq!(soon(read(&mut upstream, request.len())).await, request.as_bytes());
    (wire, client, upstream)
}

#[tokio::test]
async fn a_body_waits_for_100_continue_and_then_flows() {
    let head = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let (_wire, mut client, mut upstream) = opened(head).await;
    upstream.write_all(b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n").await.unwrap();
    assert_eq!(client.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n");
    client.send("body").await;
    assert_eq!(soon(read(&mut upstream, 4)).await, b"body");
    upstream.write_all(b"HTTP/1.1 204 Done\r\n\r\n").await.unwrap();
    client.until("204 Done\r\n\r\n").await;
}

#[tokio::test]
async fn an_answer_comes_before_the_request_has_ended() {
    let (_wire, mut client, mut upstream) = opened("POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\nhalf").await;
    upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
    client.until("ok").await;
    client.send(format!("rest{}", get("/next"))).await;
    assert_eq!(
        soon(read(&mut upstream, 4 + get("/next").len())).await,
        format!("rest{}", get("/next")).as_bytes()
    );
}

#[tokio::test]
async fn an_upgrade_becomes_a_relay_of_bytes() {
    let request = "GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n";
    let (_wire, mut client, mut upstream) = opened(request).await;
    upstream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\nhello").await.unwrap();
    assert!(client.until("hello").await.starts_with("HTTP/1.1 101"));
    client.send("not \n HTTP").await;
    assert_eq!(soon(read(&mut upstream, 10)).await, b"not \n HTTP");
    upstream.write_all(b"bye").await.unwrap();
    drop(upstream);
    assert_eq!(client.rest().await, "bye");
}

#[tokio::test]
async fn a_client_that_has_finished_sending_still_gets_its_answer() {
    let (_wire, mut client, mut upstream) = opened(&get("/")).await;
    client.stream.shutdown().await.unwrap();
    assert_eq!(soon(upstream.read(&mut [0])).await.unwrap(), 0, "the end is passed on");
    upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
    assert!(client.rest().await.ends_with("\r\n\r\nok"));
}

#[tokio::test]
async fn an_upstream_that_closes_without_an_answer_closes_on_the_client() {
    let (_wire, client, upstream) = opened(&get("/")).await;
    drop(upstream);
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_body_that_the_upstream_breaks_off_is_broken_off() {
    let (_wire, client, mut upstream) = opened(&get("/")).await;
    upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
    drop(upstream);
    assert!(client.rest().await.ends_with("half"));
}

#[tokio::test]
async fn a_client_that_goes_is_gone_for_the_upstream() {
    let (_wire, client, mut upstream) = opened(&get("/")).await;
    drop(client);
    assert_eq!(soon(upstream.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn an_idle_connection_that_the_upstream_closes_is_closed() {
    let (_wire, mut client, mut upstream) = opened(&get("/")).await;
    upstream.write_all(b"HTTP/1.1 204 OK\r\n\r\n").await.unwrap();
    client.until("204 OK\r\n\r\n").await;
    upstream.write_all(b"HTTP/1.1 408 Too slow\r\n\r\n").await.unwrap();
    drop(upstream);
    assert_eq!(client.rest().await, "HTTP/1.1 408 Too slow\r\n\r\n");
}

#[tokio::test]
async fn an_upstream_that_answers_early_and_closes_ends_the_exchange() {
    let (_wire, client, mut upstream) = opened("POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\nhalf").await;
    upstream.write_all(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    drop(upstream);
    assert!(client.rest().await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn a_client_that_sends_ahead_is_stalled() {
    let (_wire, mut client, _upstream) = opened(&get("/")).await;
    let taken = fill(&mut client.stream).await;
    assert!(taken < BUFFERED, "{taken} bytes were taken ahead of the answer");
}

/// Writes until nothing more is taken; how much was.
async fn fill(stream: &mut TcpStream) -> usize {
    let piece = vec![b'x'; 64 * 1024];
    let mut taken = 0;
    while taken < 1 << 30 {
        match timeout(Duration::from_millis(500), stream.write(&piece)).await {
            Ok(written) => taken += written.unwrap(),
            Err(_) => break,
        }
    }
    taken
}

/// Far more than the buffers of two loopback connections take, and far less than is offered.
const BUFFERED: usize = 64 << 20;

#[tokio::test]
async fn a_slow_reader_stalls_its_sender() {
    let length = 1u64 << 30;
    let head = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
    let (_wire, mut client, mut upstream) = opened(&head).await;
    let taken = fill(&mut client.stream).await;
    assert!(taken < BUFFERED, "{taken} bytes were taken that nobody read");
    soon(read(&mut upstream, taken)).await;

    upstream
        .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let taken = fill(&mut upstream).await;
    assert!(taken < BUFFERED, "{taken} bytes were taken that nobody read");
    soon(read(&mut client.stream, taken)).await;
}
