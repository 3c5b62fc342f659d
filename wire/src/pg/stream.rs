//! The streams that a wire joins, plain or encrypted, and the ways in which a connection ends.

use super::message::ErrorResponse;
use crate::tcp::Socket;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{client, server};

/// A connection to a client or a server.
#[derive(Debug)]
pub(crate) enum Stream {
    Client(Shared),
    ClientTls(Box<server::TlsStream<Shared>>),
    Tcp(TcpStream),
    Unix(UnixStream),
    ServerTls(Box<client::TlsStream<TcpStream>>),
}

pub(crate) type Reader = ReadHalf<Stream>;
pub(crate) type Writer = WriteHalf<Stream>;

/// How a connection through the wire came to its end.
#[derive(Debug)]
pub(crate) enum End {
    /// The client closed its side, or can no longer be written to.
    ClientGone,
    /// The client said its last; the server may still answer.
    ClientClosed,
    /// The server closed its side.
    ServerClosed,
    /// The client has been given its last message.
    Last,
    /// The client is given this as its last message.
    Fatal(ErrorResponse),
    /// Both sides are closed without a word.
    Cut,
    /// The client's side is closed without a word; the server finishes what it was sent.
    CutSent,
    /// The client's side is reset.
    Reset,
}

macro_rules! delegate {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Client($stream) => $call,
            Stream::ClientTls($stream) => $call,
            Stream::Tcp($stream) => $call,
            Stream::Unix($stream) => $call,
            Stream::ServerTls($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

/// A socket whose other handles decide how it ends.
#[derive(Debug)]
pub(crate) struct Shared(pub(crate) Socket);

impl AsyncRead for Shared {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.0.stream();
        loop {
            ready!(stream.poll_read_ready(cx))?;
            match stream.try_read(buf.initialize_unfilled()) {
                Ok(read) => {
                    buf.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Shared {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.0.stream();
        loop {
            ready!(stream.poll_write_ready(cx))?;
            match stream.try_write(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.finish();
        Poll::Ready(Ok(()))
    }
}
