//! The receiver on a socket.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::fixture::{Fixture, PATIENCE, SECRET, event, yesterday};

struct Served {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(fixture: &Fixture) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app: Router = Router::new().merge(fixture.receiver().routes());
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    Served { address, server: tokio::spawn(async move { axum::serve(listener, service).await.unwrap() }) }
}

impl Served {
    /// Sends this and no more, and reads until the head and the body of the answer are there.
    async fn raw(&self, request: &[u8]) -> (u16, String) {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let read = async {
            while !(answer.windows(4).any(|four| four == b"\r\n\r\n") && answer.ends_with(b"}")) {
                if socket.read_buf(&mut answer).await.unwrap() == 0 {
                    break;
                }
            }
        };
        timeout(PATIENCE, read).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }

    async fn post(&self, path: &str, body: &str) -> (u16, String) {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.raw(format!("{head}{body}").as_bytes()).await
    }
}

#[tokio::test]
async fn the_secret_is_the_rest_of_the_path_and_nothing_less() {
    let fixture = Fixture::new().await;
    let served = serve(&fixture).await;
    let body = event("delivered", "m", yesterday()).to_string();
    let (status, answer) = served.post(&format!("/webhooks/brevo/{SECRET}"), &body).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("application/json"), "{answer}");
    let encoded = SECRET.replace('-', "%2D");
    assert_eq!(served.post(&format!("/webhooks/brevo/{encoded}"), &body).await.0, 200);
    for wrong in [
        "",
        "/",
        "/wrong",
        &format!("/{SECRET}/"),
        &format!("/{SECRET}/x"),
        "/%ff%fe",
        &format!("//{SECRET}"),
    ] {
        let (status, answer) = served.post(&format!("/webhooks/brevo{wrong}"), &body).await;
        assert_eq!(status, 401, "{wrong}: {answer}");
    }
    assert_eq!(fixture.count("delivery_events").await, 1);
}

#[tokio::test]
async fn who_has_no_secret_is_answered_before_the_body_comes() {
    let fixture = Fixture::new().await;
    let served = serve(&fixture).await;
    let head = "POST /webhooks/brevo/wrong HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n";
    assert_eq!(served.raw(head.as_bytes()).await.0, 401);
}

#[tokio::test]
async fn what_is_too_large_is_answered_with_the_rest_unread() {
    let fixture = Fixture::new().await;
    let served = serve(&fixture).await;
    let begun = |length: &str, start: &str| {
        format!("POST /webhooks/brevo/{SECRET} HTTP/1.1\r\nhost: x\r\n{length}\r\n\r\n{start}")
    };
    // The announced length alone; the first character, which says that it is one event; and what comes unannounced.
    let chunk = format!("{:x}\r\n{{{}", 20_001, "x".repeat(20_000));
    for request in [
        begun("content-length: 2000000", ""),
        begun("content-length: 20000", "{"),
        begun("transfer-encoding: chunked", &chunk),
    ] {
        let (status, answer) = served.raw(request.as_bytes()).await;
        assert_eq!(status, 413, "{answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_or_never_comes_stores_nothing() {
    let fixture = Fixture::new().await;
    let served = serve(&fixture).await;
    let body = event("delivered", "m", yesterday()).to_string();
    let head = format!(
        "POST /webhooks/brevo/{SECRET} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        body.len() + 1
    );
    let mut socket = TcpStream::connect(served.address).await.unwrap();
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut rest = Vec::new();
    let _answered = timeout(Duration::from_secs(30), socket.read_to_end(&mut rest)).await.unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 2") && !rest.starts_with(b"HTTP/1.1 5"));
    assert_eq!(fixture.count("delivery_events").await, 0);
}
