//! One connection from its first byte to its last.

use super::core::Core;
use super::down::Down;
use super::frame::Framer;
use super::message::{self, ErrorResponse};
use super::open::{self, OpenError, Opening};
use super::pending::Kind;
use super::session::Session;
use super::stream::{End, Reader, Stream, Writer};
use super::up::Up;
use crate::tcp::Connection;
use bytes::Bytes;
use std::io;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::time::timeout;

/// How long a client may take to say what it wants; the server's own limit is as long.
const OPENING_LIMIT: Duration = Duration::from_secs(60);

/// How long a client that has been given its last message may go on sending. Closing at once would reset the
/// connection, and take that message from it.
const LAST_WORD: Duration = Duration::from_secs(2);

/// How long a server may take to finish what a client that was cut off has sent.
const FINISH_LIMIT: Duration = Duration::from_secs(60);

/// Serves one accepted connection.
pub(crate) async fn serve(core: Arc<Core>, connection: Connection) {
    let opened = SystemTime::now();
    core.totals.connections.fetch_max(connection.number, Ordering::SeqCst);
    let accepted = timeout(OPENING_LIMIT, open::accept(&core, connection.socket.clone())).await;
    match accepted {
        Ok(Ok((client, Opening::Cancel(packet)))) => cancel(&core, client, &packet).await,
        Ok(Ok((client, Opening::Start(startup)))) => {
            let session = Arc::new(Session::new(open::describe(connection.number, opened, startup.clone())));
            let _listed = core.list(&session);
            Box::pin(talk(&core, &session, &connection, client, startup)).await;
        }
        Ok(Err((client, OpenError::Say(error)))) => say(client, &error).await,
        Ok(Err((_, OpenError::Io(error)))) => {
            tracing::debug!(wire = core.options.name, connection = connection.number, %error, "not opened");
        }
        Err(_) => connection.socket.reset_on_close(),
    }
}

/// Passes a request to cancel on, and waits for the server to have taken it.
async fn cancel(core: &Core, mut client: Stream, packet: &Bytes) {
    let Ok(mut server) = open::connect(core).await else { return };
    if server.write_all(packet).await.is_ok() && server.flush().await.is_ok() {
        core.totals.cancels.fetch_add(1, Ordering::SeqCst);
        // The server answers nothing but closes once it has signalled, and then so does the wire.
        drop(timeout(core.options.connect_limit, server.read_u8()).await);
    }
    drop(client.shutdown().await);
}

async fn talk(
    core: &Arc<Core>,
    session: &Arc<Session>,
    connection: &Connection,
    client: Stream,
    startup: Bytes,
) {
    let failure = core.startup_failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(error) = failure {
        return say(client, &error).await;
    }
    let mut server = match open::connect(core).await {
        Ok(server) => server,
        Err(OpenError::Say(error)) => return say(client, &error).await,
        Err(OpenError::Io(error)) => return say(client, &core.unreachable(&error)).await,
    };
    if server.write_all(&startup).await.is_err() || server.flush().await.is_err() {
        return connection.socket.reset_on_close();
    }
    session.state().pending.push(Kind::Startup);
    let (client_reader, client_writer) = split(client);
    let (server_reader, server_writer) = split(server);
    let mut up = Up::new(Arc::clone(core), Arc::clone(session), client_reader, server_writer);
    let mut down = Down::new(Arc::clone(core), Arc::clone(session), server_reader, client_writer);
    let end = relay(session, &mut up, &mut down).await;
    tracing::trace!(wire = core.options.name, connection = session.number, ?end, "ended");
    finish(session, connection, end, up, down).await;
}

/// Runs both directions until one has ended the connection. Where it should have closed and can't, because the client
/// does not read or a message is held, it is cut.
async fn relay(session: &Session, up: &mut Up, down: &mut Down) -> End {
    tokio::select! {
        biased;
        end = both(up, down) => end,
        () = session.overdue() => End::Cut,
    }
}

async fn both(up: &mut Up, down: &mut Down) -> End {
    let mut down = pin!(down.run());
    let ended = {
        let mut up = pin!(up.run());
        tokio::select! {
            biased;
            end = &mut up => end,
            end = &mut down => end,
        }
    };
    match ended {
        End::ClientClosed => down.await,
        end => end,
    }
}

async fn finish(session: &Session, connection: &Connection, end: End, up: Up, down: Down) {
    let boundary = down.at_boundary();
    let (client_reader, server_writer) = up.into_parts();
    let (server_reader, mut client_writer, framer, out) = down.into_parts();
    match end {
        End::ClientGone | End::ClientClosed | End::Cut => {}
        End::Reset => connection.socket.reset_on_close(),
        End::CutSent => {
            // For the client this is the end; the socket itself goes with this connection.
            connection.socket.finish();
            drop((client_reader, client_writer));
            session.closed.cancel();
            drop(timeout(FINISH_LIMIT, let_finish(session, server_reader, framer)).await);
        }
        End::ServerClosed | End::Last => {
            drop(server_writer);
            last_word(session, client_reader, client_writer, &[]).await;
        }
        End::Fatal(error) => {
            say_goodbye(server_writer).await;
            let mut words = out.to_vec();
            if boundary {
                words.extend_from_slice(&error.encode());
            }
            if boundary || !words.is_empty() {
                last_word(session, client_reader, client_writer, &words).await;
            } else {
                drop(client_writer.shutdown().await);
            }
        }
    }
}

/// Tells the server in order that its client is gone, where it still listens.
async fn say_goodbye(mut server: Writer) {
    let goodbye = async {
        server.write_all(&message::terminate()).await?;
        server.shutdown().await
    };
    drop(timeout(LAST_WORD, goodbye).await);
}

/// Reads what the server answers until it has answered everything.
async fn let_finish(session: &Session, mut server: Reader, mut framer: Framer) {
    loop {
        while let Ok(Some(piece)) = framer.next() {
            if matches!(piece.part, super::frame::Part::Whole | super::frame::Part::First) {
                session.state().pending.answered(piece.tag);
            }
        }
        let done = session.state().pending.is_empty();
        if done || !matches!(server.read_buf(framer.space()).await, Ok(1..)) {
            return;
        }
    }
}

/// Closes a connection that never came to talk.
async fn say(client: Stream, error: &ErrorResponse) {
    let (reader, writer) = split(client);
    if close(writer, &error.encode()).await.is_ok() {
        linger(reader).await;
    }
}

/// Writes a connection's last bytes and closes it in order.
async fn last_word(session: &Session, reader: Reader, writer: Writer, words: &[u8]) {
    if close(writer, words).await.is_ok() {
        // Who waits for the connection to close need not wait for the client to notice.
        session.closed.cancel();
        linger(reader).await;
    }
}

async fn close(mut writer: Writer, words: &[u8]) -> io::Result<()> {
    let closing = async {
        writer.write_all(words).await?;
        writer.flush().await?;
        writer.shutdown().await
    };
    timeout(LAST_WORD, closing).await?
}

async fn linger(mut reader: Reader) {
    drop(timeout(LAST_WORD, tokio::io::copy(&mut reader, &mut tokio::io::sink())).await);
}
