//! Bytes from one socket to the other and back, as they come.

use super::socket::Socket;
use bytes::BytesMut;
use std::io;

/// One end of a relay: its socket, and what was read from it but not passed on yet.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) socket: Socket,
    pub(crate) unsent: BytesMut,
}

impl Side {
    pub(crate) fn new(socket: Socket) -> Self {
        Self { socket, unsent: BytesMut::new() }
    }
}

/// How many bytes may pass, and whether the relay ends after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admission {
    pub(crate) bytes: usize,
    pub(crate) last: bool,
}

/// Relays both ways until both sides have finished. `admit` is asked before bytes are passed on (`true` for those
/// that the client sent). A side that resets its connection resets the other's too.
pub(crate) async fn relay<A>(client: Side, upstream: Side, admit: A)
where
    A: Fn(bool, usize) -> Admission,
{
    let (there, back) = (client.socket.clone(), upstream.socket.clone());
    let outcome = tokio::try_join!(
        pump(&there, client.unsent, &back, |offered| admit(true, offered)),
        pump(&back, upstream.unsent, &there, |offered| admit(false, offered)),
    );
    if outcome.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset) {
        there.reset_on_close();
        back.reset_on_close();
    }
}

async fn pump(
    from: &Socket,
    mut buffer: BytesMut,
    to: &Socket,
    admit: impl Fn(usize) -> Admission,
) -> io::Result<()> {
    loop {
        if !buffer.is_empty() {
            let admission = admit(buffer.len());
            to.write(&buffer[..admission.bytes]).await?;
            if admission.last {
                return Err(io::ErrorKind::Interrupted.into());
            }
            buffer.clear();
        }
        if from.read(&mut buffer).await? == 0 {
            to.finish();
            return Ok(());
        }
    }
}
