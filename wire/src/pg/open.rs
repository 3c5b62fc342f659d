//! Opening a connection: what the client asks for before the first typed message, and the way to the server.

use super::core::Core;
use super::message::{ErrorResponse, take_text};
use super::options::Upstream;
use super::statement::ConnectionInfo;
use super::stream::{Shared, Stream};
use super::tls::SslMode;
use crate::tcp::Socket;
use bytes::{Buf, Bytes, BytesMut};
use rustls::pki_types::ServerName;
use std::io;
use std::time::SystemTime;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// The longest start-up message that a server takes, in bytes.
const STARTUP_LIMIT: usize = 10_000;
const PROTOCOL_3: u32 = 3;
const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS_ENCRYPTION: u32 = 80_877_104;
/// The first byte of a TLS handshake, by which PostgreSQL 17 clients may begin at once.
const TLS_HANDSHAKE: u8 = 0x16;

/// What a client came for.
#[derive(Debug)]
pub(crate) enum Opening {
    /// To talk; the start-up message as it was sent.
    Start(Bytes),
    /// To cancel what another connection does.
    Cancel(Bytes),
}

/// Why a connection came to nothing.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Said to the client before closing.
    #[error("{}", .0.message)]
    Say(ErrorResponse),
}

/// Negotiates with a client up to what it came for.
pub(crate) async fn accept(core: &Core, socket: Socket) -> Result<(Stream, Opening), (Stream, OpenError)> {
    let mut stream = match begin(core, socket).await {
        Ok(stream) => stream,
        Err((stream, error)) => return Err((stream, error.into())),
    };
    loop {
        let packet = match read_packet(core, &mut stream).await {
            Ok(packet) => packet,
            Err(error) => return Err((stream, error)),
        };
        let code = packet.get(4..8).map_or(0, |mut code| code.get_u32());
        match (code, packet.len()) {
            (CANCEL, _) => return Ok((stream, Opening::Cancel(packet))),
            (SSL | GSS_ENCRYPTION, 8) => match (stream, &core.acceptor) {
                (Stream::Client(mut plain), Some(acceptor)) if code == SSL => {
                    if let Err(error) = plain.write_all(b"S").await {
                        return Err((Stream::Client(plain), error.into()));
                    }
                    let handle = plain.0.clone();
                    stream = match acceptor.accept(plain).await {
                        Ok(tls) => Stream::ClientTls(Box::new(tls)),
                        Err(error) => return Err((Stream::Client(Shared(handle)), error.into())),
                    };
                }
                (mut unchanged, _) => {
                    if let Err(error) = unchanged.write_all(b"N").await {
                        return Err((unchanged, error.into()));
                    }
                    stream = unchanged;
                }
            },
            _ if code >> 16 == PROTOCOL_3 => return Ok((stream, Opening::Start(packet))),
            _ => {
                let error = core.malformed("client", &format_args!("it speaks version {code:#010x} of it"));
                return Err((stream, OpenError::Say(error)));
            }
        }
    }
}

/// Begins with TLS where the client does.
async fn begin(core: &Core, socket: Socket) -> Result<Stream, (Stream, io::Error)> {
    let Some(acceptor) = &core.acceptor else { return Ok(Stream::Client(Shared(socket))) };
    let mut first = [0];
    let handle = socket.clone();
    let attempt = async {
        if socket.stream().peek(&mut first).await? == 1 && first[0] == TLS_HANDSHAKE {
            return Ok(Stream::ClientTls(Box::new(acceptor.accept(Shared(socket)).await?)));
        }
        Ok(Stream::Client(Shared(socket)))
    };
    attempt.await.map_err(|error| (Stream::Client(Shared(handle)), error))
}

/// Reads one message without a type, as it was sent. Not one byte more, for what follows may be TLS.
async fn read_packet(core: &Core, stream: &mut Stream) -> Result<Bytes, OpenError> {
    let length = stream.read_u32().await?;
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if !(8..=STARTUP_LIMIT).contains(&size) {
        let error = core.malformed("client", &format_args!("its start-up message claims {length} bytes"));
        return Err(OpenError::Say(error));
    }
    let mut packet = BytesMut::zeroed(size);
    packet[..4].copy_from_slice(&length.to_be_bytes());
    stream.read_exact(&mut packet[4..]).await?;
    Ok(packet.freeze())
}

/// What a start-up message says of its connection.
pub(crate) fn describe(number: u64, opened: SystemTime, mut startup: Bytes) -> ConnectionInfo {
    startup.advance(8);
    let (mut user, mut database, mut application_name) = (String::new(), None, String::new());
    while let Some(name) = take_text(&mut startup).filter(|name| !name.is_empty()) {
        let value = String::from_utf8_lossy(&take_text(&mut startup).unwrap_or_default()).into_owned();
        match &*name {
            b"user" => user = value,
            b"database" => database = Some(value),
            b"application_name" => application_name = value,
            _ => {}
        }
    }
    let database = database.unwrap_or_else(|| user.clone());
    ConnectionInfo { number, user, database, application_name, backend_pid: None, opened }
}

/// Connects to the server, with TLS as the options say.
pub(crate) async fn connect(core: &Core) -> Result<Stream, OpenError> {
    let limit = core.options.connect_limit;
    match tokio::time::timeout(limit, reach(core)).await {
        Ok(connected) => connected,
        Err(_) => Err(OpenError::Say(core.unreachable(&format_args!("no connection within {limit:?}")))),
    }
}

async fn reach(core: &Core) -> Result<Stream, OpenError> {
    let unreachable = |error: io::Error| OpenError::Say(core.unreachable(&error));
    let (host, port) = match &core.options.upstream {
        Upstream::Unix(path) => {
            return Ok(Stream::Unix(UnixStream::connect(path).await.map_err(unreachable)?));
        }
        Upstream::Tcp { host, port } => (host, *port),
    };
    let mut tcp = TcpStream::connect((&**host, port)).await.map_err(unreachable)?;
    tcp.set_nodelay(true)?;
    let Some(connector) = &core.connector else { return Ok(Stream::Tcp(tcp)) };
    tcp.write_all(&[0, 0, 0, 8]).await.map_err(unreachable)?;
    tcp.write_u32(SSL).await.map_err(unreachable)?;
    match tcp.read_u8().await.map_err(unreachable)? {
        b'S' => {
            let name = ServerName::try_from(host.clone())
                .map_err(|error| OpenError::Say(core.unreachable(&error)))?;
            let tls = connector.connect(name, tcp).await.map_err(unreachable)?;
            Ok(Stream::ServerTls(Box::new(tls)))
        }
        b'N' if core.options.ssl_mode == SslMode::Prefer => Ok(Stream::Tcp(tcp)),
        b'N' => {
            let mode = core.options.ssl_mode;
            let error = core.unreachable(&format_args!("it has no TLS, which sslmode {mode:?} demands"));
            Err(OpenError::Say(error))
        }
        answer => {
            let error = core.malformed("server", &format_args!("it answered {answer:#04x} to an SSLRequest"));
            Err(OpenError::Say(error))
        }
    }
}
