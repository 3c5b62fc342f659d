//! The two ends of a wire: a client that sends and reads bytes, and an upstream that answers each request.

use sabot_wire::http::{HttpWire, HttpWireOptions};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// How long anything that must happen may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Awaits what must happen.
pub(crate) async fn soon<T>(happens: impl Future<Output = T>) -> T {
    timeout(LIMIT, happens).await.expect("within the time limit")
}

/// A client's connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Reads until what has been read ends with `end`, and returns all of it.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        while !self.read.ends_with(end.as_bytes()) {
            let read = soon(self.stream.read_buf(&mut self.read)).await.unwrap();
            assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&self.read));
        }
        String::from_utf8(std::mem::take(&mut self.read)).unwrap()
    }

    /// Reads to the orderly end of the connection.
    pub(crate) async fn rest(mut self) -> String {
        self.try_rest().await.unwrap()
    }

    /// Reads to the end of the connection, orderly or not.
    pub(crate) async fn try_rest(&mut self) -> std::io::Result<String> {
        soon(self.stream.read_to_end(&mut self.read)).await?;
        Ok(String::from_utf8(std::mem::take(&mut self.read)).unwrap())
    }

    /// Sends a bodiless GET and returns the response, which must end with `end`.
    pub(crate) async fn get(&mut self, path: &str, end: &str) -> String {
        self.send(get(path)).await;
        self.until(end).await
    }
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: upstream\r\n\r\n")
}

pub(crate) fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: upstream\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// An upstream that answers every request, in turn, with 200 and a body that names the request's path and how many
/// requests there have been: `1 /path`. It remembers the requests as they arrived.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen)));
            }
        });
        Self { address, requests, task }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<String>>>) {
    let mut buffer = Vec::new();
    loop {
        while let Some(length) = whole(&buffer) {
            let request = String::from_utf8(buffer.drain(..length).collect()).unwrap();
            let path = request.split(' ').nth(1).unwrap().to_owned();
            let to_head = request.starts_with("HEAD ");
            let number = {
                let mut seen = seen.lock().unwrap();
                seen.push(request);
                seen.len()
            };
            let body = format!("{number} {path}");
            let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if !to_head {
                answer.push_str(&body);
            }
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
        if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
            return;
        }
    }
}

/// Length of the request at the front of `buffer`, once it is there; only `Content-Length` is understood.
fn whole(buffer: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(buffer).ok()?;
    let head = text.find("\r\n\r\n")? + 4;
    let length = text[..head].lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let end = head + length.unwrap_or(0);
    (buffer.len() >= end).then_some(end)
}

/// An upstream, a wire to it and a client on the wire.
pub(crate) async fn trio() -> (Upstream, HttpWire, Client) {
    let upstream = Upstream::start().await;
    let wire = HttpWire::start(HttpWireOptions::to(upstream.address)).await.unwrap();
    let client = Client::connect(wire.address()).await;
    (upstream, wire, client)
}
