//! A small load generator: keep-alive connections, each sending one request after another.

use crate::Outcome;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a load came to.
pub(crate) struct Load {
    /// Requests per second.
    pub(crate) rate: f64,
    /// The median of their latencies.
    pub(crate) p50: Duration,
    /// The 99th percentile of their latencies.
    pub(crate) p99: Duration,
}

/// Asks `address` for `path` over `connections` connections for `time`.
pub(crate) async fn get(
    address: SocketAddr,
    path: &str,
    connections: usize,
    time: Duration,
) -> Outcome<Load> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n");
    run(address, connections, time, move || request.clone()).await
}

/// Sends bodies to `path` over `connections` connections for `time`, each of them made anew.
pub(crate) async fn post(
    address: SocketAddr,
    path: &str,
    connections: usize,
    time: Duration,
    body: impl Fn() -> String + Clone + Send + 'static,
) -> Outcome<Load> {
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: ");
    let request = move || {
        let body = body();
        format!("{head}{}\r\n\r\n{body}", body.len())
    };
    run(address, connections, time, request).await
}

async fn run(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    request: impl Fn() -> String + Clone + Send + 'static,
) -> Outcome<Load> {
    let begun = Instant::now();
    let clients = (0..connections).map(|_| tokio::spawn(client(address, request.clone(), begun + time)));
    let mut latencies = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        latencies.extend(client.await?.map_err(|error| error.to_string())?);
    }
    let elapsed = begun.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let percentile = |percent| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
    Ok(Load { rate: latencies.len() as f64 / elapsed, p50: percentile(50), p99: percentile(99) })
}

async fn client(
    address: SocketAddr,
    request: impl Fn() -> String,
    end: Instant,
) -> std::io::Result<Vec<Duration>> {
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let mut latencies = Vec::new();
    let mut buffer = Vec::with_capacity(16 * 1024);
    while Instant::now() < end {
        let request = request();
        let sent = Instant::now();
        socket.write_all(request.as_bytes()).await?;
        read_response(&mut socket, &mut buffer).await?;
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}

/// Reads one response with a content length and status 200.
async fn read_response(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    let bad = |what: &str| std::io::Error::other(what.to_owned());
    buffer.clear();
    loop {
        if socket.read_buf(buffer).await? == 0 {
            return Err(bad("the server closed the connection"));
        }
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") {
            return Err(bad(head.lines().next().unwrap_or_default()));
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize =
            length.and_then(|length| length.parse().ok()).ok_or_else(|| bad("no content length"))?;
        while buffer.len() < end + 4 + length {
            if socket.read_buf(buffer).await? == 0 {
                return Err(bad("the server closed the connection"));
            }
        }
        return Ok(());
    }
}
