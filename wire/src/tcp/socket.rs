//! One connected socket, usable in both directions at once without being split.
//!
//! Halves that shut down when they are dropped would turn a reset into an orderly end; here the end of a
//! connection is always a decision.

use bytes::BytesMut;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::coop::consume_budget;

/// How much is read at a time, in bytes.
const READ: usize = 32 * 1024;

/// How long connecting to an upstream may take; all of ours are on this machine.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A shared handle on a connected socket; the connection closes with the last of its handles.
#[derive(Debug, Clone)]
pub(crate) struct Socket(Arc<TcpStream>);

/// Connects to `address`, within a time limit.
pub(crate) async fn connect(address: SocketAddr) -> io::Result<Socket> {
    match tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
        Ok(stream) => Ok(Socket::new(stream?)),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "connecting took longer than 5 s")),
    }
}

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // Small messages pass at once; a socket on which this fails is about to report why.
        drop(stream.set_nodelay(true));
        Self(Arc::new(stream))
    }

    /// Appends what has arrived to `buffer`; 0 means that the other side has finished sending.
    pub(crate) async fn read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        consume_budget().await;
        if buffer.capacity() - buffer.len() < READ / 4 {
            buffer.reserve(READ);
        }
        loop {
            match self.0.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.0.readable().await?,
                result => return result,
            }
        }
    }

    /// Writes all of `bytes`, waiting for as long as the other side doesn't read.
    pub(crate) async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        consume_budget().await;
        while !bytes.is_empty() {
            match self.0.try_write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.0.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says that nothing more will be sent. A socket that has gone needs no telling.
    pub(crate) fn finish(&self) {
        let _ = rustix::net::shutdown(&*self.0, rustix::net::Shutdown::Write);
    }

    /// The socket itself, for what else speaks on it.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.0
    }

    /// Makes the coming close a reset (`ECONNRESET` for the other side) instead of an orderly end.
    pub(crate) fn reset_on_close(&self) {
        drop(self.0.set_zero_linger());
    }
}
