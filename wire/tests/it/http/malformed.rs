//! What could be read in two ways is never sent on.

use super::peers::{Client, get, soon, trio};
use sabot_wire::http::{HttpWire, HttpWireOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::test]
async fn a_request_with_two_readings_gets_a_400_that_says_why() {
    let (upstream, wire, bystander) = trio().await;
    let mut bystander = bystander;
    let cases = [
        (
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "two possible ends",
        ),
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "not one number"),
        ("GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", "cannot be parsed"),
        ("GET / HTTP/1.1\r\nA : b\r\n\r\n", "cannot be parsed"),
        ("GET / HTTP/1.1\nHost: x\n\n", "line feed alone"),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;\n\r\nhello\r\n0\r\n\r\n",
            "chunked framing",
        ),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello", "chunk size"),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n", "chunked framing"),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n", "transfer-encoding"),
        ("nonsense\r\n\r\n", "cannot be parsed"),
    ];
    for (request, why) in cases {
        let mut client = Client::connect(wire.address()).await;
        client.send(request).await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{request:?}: {answer}");
        assert!(answer.contains(why) && answer.contains("connection: close"), "{request:?}: {answer}");
    }
    assert!(upstream.requests().is_empty());
    assert_eq!(wire.counts().sent, 0);
    assert_eq!(wire.counts().malformed, cases.len() as u64);
    bystander.get("/", "1 /").await; // on the connection that was there before
}

#[tokio::test]
async fn too_long_a_head_is_refused_before_its_end() {
    let (_upstream, wire, mut client) = trio().await;
    client.send(format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(70_000))).await;
    assert!(client.rest().await.contains("longer than 65536 bytes"));
    let mut client = Client::connect(wire.address()).await;
    client.send(format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200))).await;
    assert!(client.rest().await.contains("more than 128 header fields"));
}

#[tokio::test]
async fn a_malformed_response_becomes_a_502_that_says_why() {
    let cases = [
        ("nonsense\r\n\r\n", "cannot be parsed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "two possible ends"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "not one number"),
        ("HTTP/1.1 200 OK\nContent-Length: 0\n\n", "line feed alone"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "chunk size"),
    ];
    for (response, why) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = HttpWire::start(HttpWireOptions::to(listener.local_addr().unwrap())).await.unwrap();
        let mut client = Client::connect(wire.address()).await;
        client.send(get("/")).await;
        let (mut upstream, _) = soon(listener.accept()).await.unwrap();
        let mut request = vec![0; get("/").len()];
        soon(upstream.read_exact(&mut request)).await.unwrap();
        upstream.write_all(response.as_bytes()).await.unwrap();
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 502") && answer.contains(why), "{response:?}: {answer}");
    }
}
