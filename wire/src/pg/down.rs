//! From the server to the client.

use super::core::Core;
use super::frame::{FrameError, Framer, Part, Piece, Side};
use super::message::{self, ErrorResponse};
use super::pending::{After, Pass};
use super::session::Session;
use super::stream::{End, Reader, Writer};
use crate::hold::Decision;
use bytes::{Buf, Bytes, BytesMut};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep_until;

/// Bytes that are gathered before they are written.
const GATHER: usize = 256 * 1024;

/// Bytes of an answer that are withheld; what exceeds them passes, and only the end is withheld.
const WITHHELD: usize = 16 * 1024 * 1024;

/// The direction from the server to the client, the only one that writes to the client.
pub(crate) struct Down {
    core: Arc<Core>,
    session: Arc<Session>,
    reader: Reader,
    writer: Writer,
    framer: Framer,
    out: BytesMut,
    withheld: Option<Withheld>,
    /// The part of a message that is being streamed passes.
    streaming_passes: bool,
}

/// An answer on its way to a client that must not have it yet.
struct Withheld {
    after: Vec<After>,
    answer: BytesMut,
    finished: bool,
}

/// Why processing stopped.
enum Step {
    Read,
    Write,
    Answered,
    Last,
}

impl Down {
    pub(crate) fn new(core: Arc<Core>, session: Arc<Session>, reader: Reader, writer: Writer) -> Self {
        let framer = Framer::new(Side::Server, core.limits());
        let (out, withheld) = (BytesMut::new(), None);
        Self { core, session, reader, writer, framer, out, withheld, streaming_passes: true }
    }

    pub(crate) async fn run(&mut self) -> End {
        loop {
            let step = match self.process() {
                Ok(step) => step,
                Err(error) => return End::Fatal(self.core.malformed("server", &error)),
            };
            if self.flush().await.is_err() {
                return End::ClientGone;
            }
            match step {
                Step::Write => continue,
                Step::Last => return End::Last,
                Step::Answered => match self.decide().await {
                    Some(end) => return end,
                    None => continue,
                },
                Step::Read => {}
            }
            if self.withheld.is_none() && self.session.may_close() {
                return End::Fatal(self.core.closing());
            }
            if let Some(end) = self.read().await {
                return end;
            }
        }
    }

    async fn read(&mut self) -> Option<End> {
        let deadline = self.session.deadline();
        let expired = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.session.wake.notified() => None,
            read = self.reader.read_buf(self.framer.space()) => match read {
                Ok(0) => Some(End::ServerClosed),
                Ok(_) => None,
                Err(_) => Some(End::Reset),
            },
            () = expired => Some(End::Fatal(self.core.closing())),
        }
    }

    /// Whether the client has been given whole messages only, once `out` is written.
    pub(crate) const fn at_boundary(&self) -> bool {
        !self.framer.mid_message()
    }

    /// What the client has still to be given, and the halves.
    pub(crate) fn into_parts(self) -> (Reader, Writer, Framer, BytesMut) {
        (self.reader, self.writer, self.framer, self.out)
    }

    async fn flush(&mut self) -> std::io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        // Advances as it writes, so that a cancelled write leaves what is still to come.
        while self.out.has_remaining() {
            if self.writer.write_buf(&mut self.out).await? == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
        }
        self.writer.flush().await
    }

    fn process(&mut self) -> Result<Step, FrameError> {
        loop {
            if self.answered_by_flush() {
                return Ok(Step::Answered);
            }
            if self.say_made() {
                return Ok(Step::Last);
            }
            let Some(piece) = self.framer.next()? else { return Ok(Step::Read) };
            if self.pass(&piece) {
                return Ok(Step::Answered);
            }
            if self.out.len() > GATHER {
                return Ok(Step::Write);
            }
        }
    }

    /// Says what is the wire's own to say now; `true` where nothing may follow.
    fn say_made(&mut self) -> bool {
        loop {
            let made = self.session.state().pending.take_made();
            let Some((bytes, last)) = made else { return false };
            self.give(&bytes);
            if last {
                return true;
            }
        }
    }

    /// An answer to an `Execute` is complete without a `Sync` where the client asked for it by a `Flush`.
    fn answered_by_flush(&self) -> bool {
        self.withheld.as_ref().is_some_and(|withheld| withheld.finished)
            && self.session.state().pending.flush_is_next()
    }

    fn give(&mut self, bytes: &[u8]) {
        match &mut self.withheld {
            Some(withheld) if withheld.after.iter().any(|after| matches!(after, After::Vanish)) => {}
            Some(withheld) => {
                if withheld.answer.len() + bytes.len() > WITHHELD {
                    self.out.unsplit(withheld.answer.split());
                }
                withheld.answer.extend_from_slice(bytes);
            }
            None => self.out.extend_from_slice(bytes),
        }
    }

    /// Passes one piece; `true` where a withheld answer is complete with it.
    fn pass(&mut self, piece: &Piece) -> bool {
        if matches!(piece.part, Part::Middle | Part::Last) {
            if self.streaming_passes {
                self.give(&piece.bytes);
            }
            return false;
        }
        let mut verdict = {
            let mut state = self.session.state();
            let verdict = state.pending.answered(piece.tag);
            if piece.tag == b'C' && piece.part == Part::Whole {
                state.completed(&piece.body());
            }
            if piece.tag == b'Z' {
                state.status = piece.bytes.get(5).copied().unwrap_or(b'I');
                if state.pending.is_empty() {
                    state.all_answered();
                    self.session.progress.notify_one();
                }
            }
            verdict
        };
        self.session.state().undo(verdict.undone.drain(..));
        if let Some(after) = verdict.after.take() {
            let none = || Withheld { after: Vec::new(), answer: BytesMut::new(), finished: false };
            self.withheld.get_or_insert_with(none).after.push(after);
        }
        self.streaming_passes = verdict.pass == Pass::Yes;
        match verdict.pass {
            Pass::Yes => match self.learn(piece) {
                Some(instead) => self.give(&instead),
                None => self.give(&piece.bytes),
            },
            Pass::No => {}
            Pass::Instead(instead) => self.give(&instead),
        }
        let Some(withheld) = &mut self.withheld else { return false };
        withheld.finished |= verdict.finished;
        piece.tag == b'Z'
    }

    /// Takes note of what the server says about itself; gives what to say in its place.
    fn learn(&self, piece: &Piece) -> Option<Bytes> {
        match piece.tag {
            b'K' => {
                let pid = piece.body().try_get_i32().ok()?;
                self.session.learn_backend(pid);
                None
            }
            b'S' => {
                let (name, value) = message::setting(piece.body())?;
                if name == "application_name" {
                    self.session.rename(&String::from_utf8_lossy(&value));
                }
                None
            }
            b'R' => {
                let offer = message::without_channel_binding(piece.body())?;
                self.session.unbound.store(true, Ordering::Release);
                Some(offer)
            }
            _ => None,
        }
    }

    /// Does what was to be done after an answer that is now complete.
    async fn decide(&mut self) -> Option<End> {
        let Withheld { after, answer, .. } = self.withheld.take()?;
        for after in after {
            let After::Hold { holder, execution } = after else { return Some(End::Cut) };
            match holder.hold(*execution).await {
                Decision::Release => {}
                Decision::Cut => return Some(End::Cut),
                Decision::Answer(error) => return self.replace(&answer, &error),
            }
        }
        self.out.unsplit(answer);
        None
    }

    fn replace(&mut self, answer: &[u8], error: &ErrorResponse) -> Option<End> {
        self.out.extend_from_slice(&error.encode());
        if error.is_fatal() {
            return Some(End::Last);
        }
        // The ReadyForQuery that closes the answer stays; where a Flush closed it there is none.
        let ready =
            answer.len().checked_sub(6).map(|at| &answer[at..]).filter(|end| end.starts_with(b"Z\0\0\0\x05"));
        self.out.extend_from_slice(ready.unwrap_or_default());
        None
    }
}
