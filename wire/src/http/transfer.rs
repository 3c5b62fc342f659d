//! Moving messages: streamed as they come, half of one, or collected as a whole.

use super::body::Body;
use super::head::{self, Malformed, ResponseFacts};
use super::message::Response;
use super::probe::Probe;
use crate::tcp::{Side, Socket};
use bytes::{Buf, Bytes, BytesMut};
use std::io;
use std::pin::pin;

/// How much of what a client sends ahead is read while its present request is under way, in bytes.
const AHEAD: usize = 64 * 1024;

/// How a connection ends, or leaves HTTP.
#[derive(Debug)]
pub(super) enum End {
    /// In order: one side has finished, and so the other is told.
    Finished,
    /// At once.
    Cut,
    /// At once, with a reset.
    Reset,
    /// After the response that was just given.
    AfterResponse,
    /// After this answer of the wire's own, for what came was malformed or too large.
    Refusal(Response),
    /// What follows are bytes of another protocol, both ways.
    Switched,
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::ConnectionReset { Self::Reset } else { Self::Cut }
    }
}

/// Why a message could not be moved to its end.
#[derive(Debug)]
pub(super) enum Broken {
    Malformed(Malformed),
    /// The sender finished in the middle.
    Ended,
    /// Reading failed.
    From(io::Error),
    /// Writing failed.
    To(io::Error),
    /// A message that is needed as a whole is longer than this.
    TooLong(usize),
}

impl From<Malformed> for Broken {
    fn from(why: Malformed) -> Self {
        Self::Malformed(why)
    }
}

/// What is to be sent to the upstream.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// The head at the front of what the client has sent, and the body behind it as it comes.
    Streamed { head: usize, body: Body },
    /// A message that is there as a whole.
    Whole(Bytes),
}

/// Streams one message: `head` bytes at the front of `buffer`, and the body as it comes. `first` is called before
/// anything is written, `tap` with the content of the body.
pub(super) async fn stream(
    from: &Socket,
    buffer: &mut BytesMut,
    to: &Socket,
    mut head: usize,
    body: &mut Body,
    first: impl FnOnce(&[u8]),
    mut tap: impl FnMut(&[u8]),
) -> Result<(), Broken> {
    let mut first = Some(first);
    loop {
        let progress = body.advance(&buffer[head..], &mut tap)?;
        let passing = head + progress.consumed;
        if let Some(first) = first.take() {
            first(&buffer[..head]);
        }
        to.write(&buffer[..passing]).await.map_err(Broken::To)?;
        buffer.advance(passing);
        head = 0;
        if progress.done {
            return Ok(());
        }
        if from.read(buffer).await.map_err(Broken::From)? == 0 {
            return if body.ends_with_connection() { Ok(()) } else { Err(Broken::Ended) };
        }
    }
}

/// Streams the head and half of the body; where there is no body, half of the head. Of a body of unknown length,
/// half of its first piece.
pub(super) async fn stream_half(
    from: &Socket,
    buffer: &mut BytesMut,
    to: &Socket,
    head: usize,
    body: &Body,
) -> io::Result<()> {
    if body.is_empty() {
        return to.write(&buffer[..head / 2]).await;
    }
    to.write(&buffer[..head]).await?;
    buffer.advance(head);
    if buffer.is_empty() && from.read(buffer).await? == 0 {
        return Ok(());
    }
    let mut half = body
        .known_length()
        .map_or(buffer.len() / 2, |bytes| usize::try_from(bytes / 2).unwrap_or(usize::MAX));
    loop {
        let piece = half.min(buffer.len());
        to.write(&buffer[..piece]).await?;
        buffer.advance(piece);
        half -= piece;
        if half == 0 || from.read(buffer).await? == 0 {
            return Ok(());
        }
    }
}

/// Reads the body behind `head` bytes at the front of `buffer` as a whole, and takes both off it.
pub(super) async fn collect(
    from: &Socket,
    buffer: &mut BytesMut,
    head: usize,
    body: &mut Body,
    limit: usize,
) -> Result<(Bytes, Bytes), Broken> {
    let head = buffer.split_to(head).freeze();
    let mut content = BytesMut::new();
    loop {
        let progress = body.advance(buffer, |bytes| content.extend_from_slice(bytes))?;
        buffer.advance(progress.consumed);
        if content.len() > limit {
            return Err(Broken::TooLong(limit));
        }
        if progress.done {
            return Ok((head, content.freeze()));
        }
        if from.read(buffer).await.map_err(Broken::From)? == 0 {
            let whole = body.ends_with_connection();
            return if whole { Ok((head, content.freeze())) } else { Err(Broken::Ended) };
        }
    }
}

/// Reads and forgets the body behind `head` bytes at the front of `buffer`.
pub(super) async fn skip(
    from: &Socket,
    buffer: &mut BytesMut,
    head: usize,
    body: &mut Body,
    mut tap: impl FnMut(&[u8]),
) -> Result<(), Broken> {
    buffer.advance(head);
    loop {
        let progress = body.advance(buffer, &mut tap)?;
        buffer.advance(progress.consumed);
        if progress.done {
            return Ok(());
        }
        if from.read(buffer).await.map_err(Broken::From)? == 0 {
            return if body.ends_with_connection() { Ok(()) } else { Err(Broken::Ended) };
        }
    }
}

/// Sends one request while its response comes back, since an upstream may answer before it has read everything.
/// Watches over the client all the while: one that has finished sending is passed on as such, one that has gone ends
/// the exchange.
pub(super) async fn exchange<T>(
    client: &mut Side,
    upstream: &Socket,
    outgoing: Outgoing,
    probe: &Probe,
    download: impl Future<Output = Result<T, End>>,
) -> Result<T, End> {
    let mut download = pin!(download);
    let Side { socket, unsent } = client;
    {
        let mut upload = pin!(upload(socket, unsent, upstream, outgoing, probe));
        let uploaded = tokio::select! {
            biased;
            uploaded = &mut upload => uploaded,
            response = &mut download => {
                let response = response?;
                // Answered early. The rest of the request still has to go, or the next one could not be found;
                // an upstream that closes instead doesn't want it.
                let mut beyond = BytesMut::new();
                return tokio::select! {
                    biased;
                    uploaded = upload => uploaded.map(|()| response).map_err(|_| End::AfterResponse),
                    _ = upstream.read(&mut beyond) => Err(End::AfterResponse),
                };
            }
        };
        match uploaded {
            Ok(()) | Err(Broken::To(_)) => {} // an upstream that stopped reading may have said why
            Err(Broken::Malformed(why)) if !probe.has_responded() => {
                return Err(probe.malformed(&why));
            }
            Err(Broken::Malformed(_) | Broken::TooLong(_)) => return Err(End::Cut),
            Err(Broken::Ended) => upstream.finish(),
            Err(Broken::From(error)) => return Err(error.into()),
        }
    }
    tokio::select! {
        biased;
        response = &mut download => response,
        gone = watch(socket, unsent, upstream) => Err(gone),
    }
}

async fn upload(
    client: &Socket,
    unsent: &mut BytesMut,
    upstream: &Socket,
    outgoing: Outgoing,
    probe: &Probe,
) -> Result<(), Broken> {
    match outgoing {
        Outgoing::Whole(bytes) => {
            probe.sending();
            upstream.write(&bytes).await.map_err(Broken::To)
        }
        Outgoing::Streamed { head, mut body } => {
            let first = |_: &[u8]| probe.sending();
            let tap = |content: &[u8]| probe.request_content(content);
            stream(client, unsent, upstream, head, &mut body, first, tap).await
        }
    }
}

/// Reads ahead from the client, so that its end is noticed. Ends only when the client has gone.
async fn watch(client: &Socket, unsent: &mut BytesMut, upstream: &Socket) -> End {
    while unsent.len() < AHEAD {
        match client.read(unsent).await {
            Ok(0) => {
                upstream.finish();
                break;
            }
            Ok(_) => {}
            Err(error) => return error.into(),
        }
    }
    std::future::pending().await
}

/// Reads the head of the final response, and passes interim ones on to `interim`.
pub(super) async fn response_head(
    upstream: &mut Side,
    interim: Option<&Socket>,
    to_head: bool,
) -> Result<ResponseFacts, End> {
    loop {
        let mut scanned = 0;
        let end = loop {
            match head::end(&upstream.unsent, &mut scanned) {
                Ok(Some(end)) => break end,
                Ok(None) => {}
                Err(why) => return Err(refusal(&why)),
            }
            if upstream.socket.read(&mut upstream.unsent).await? == 0 {
                if let Some(client) = interim {
                    client.write(&upstream.unsent).await?;
                }
                return Err(End::Finished);
            }
        };
        let facts = head::response(&upstream.unsent[..end], to_head).map_err(|why| refusal(&why))?;
        if !(100..200).contains(&facts.status) || facts.status == 101 {
            return Ok(facts);
        }
        if let Some(client) = interim {
            client.write(&upstream.unsent[..end]).await?;
        }
        upstream.unsent.advance(end);
    }
}

/// Reads the final response as a whole.
pub(super) async fn whole_response(
    upstream: &mut Side,
    interim: Option<&Socket>,
    to_head: bool,
    limit: usize,
) -> Result<(ResponseFacts, Response), End> {
    let mut facts = response_head(upstream, interim, to_head).await?;
    let collected = collect(&upstream.socket, &mut upstream.unsent, facts.head, &mut facts.body, limit).await;
    match collected {
        Ok((head, content)) => Ok((facts, Response::parse(&head, content))),
        Err(Broken::Malformed(why)) => Err(refusal(&why)),
        Err(Broken::TooLong(limit)) => {
            let why = format!("a rule needs the whole response, and its body is longer than {limit} bytes");
            Err(End::Refusal(Response::complaint(502, &why)))
        }
        Err(Broken::Ended) => Err(End::Finished),
        Err(Broken::From(error) | Broken::To(error)) => Err(error.into()),
    }
}

fn refusal(why: &Malformed) -> End {
    End::Refusal(Response::complaint(502, &format_args!("the upstream's response is malformed: {why}")))
}
