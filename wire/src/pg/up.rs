//! From the client to the server.

use super::board::{Active, Matches, Snapshot};
use super::core::Core;
use super::frame::{Framer, Part, Piece, Side};
use super::message::{self, BodyError};
use super::pending::{Entry, Kind};
use super::session::Session;
use super::statement::Statement;
use super::stream::{End, Reader, Writer};
use crate::rule::RuleId;
use bytes::{Bytes, BytesMut};
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes that are gathered before they are written.
const GATHER: usize = 256 * 1024;

/// The direction from the client to the server, the only one that writes to the server.
pub(crate) struct Up {
    pub(super) core: Arc<Core>,
    pub(super) session: Arc<Session>,
    reader: Reader,
    writer: Writer,
    framer: Framer,
    out: BytesMut,
    /// How much of `out` belongs to series that are complete.
    complete: usize,
    pub(super) series: Series,
    pub(super) snapshot: Arc<Snapshot>,
}

/// What the rules have to do when the series of messages up to the next `Sync` ends.
#[derive(Default)]
pub(super) struct Series {
    begun: bool,
    /// A rule has failed it: the rest is not even sent.
    pub(super) failed: bool,
    /// The client is cut off at its end.
    pub(super) cut: bool,
    /// It is acknowledged early, by this rule.
    pub(super) early: Option<Arc<Active>>,
    /// Sent again after it: `Bind` and `Execute`.
    pub(super) repeats: Vec<Bytes>,
}

/// The statement that is executed next.
pub(super) struct Work {
    pub(super) statement: Arc<Statement>,
    pub(super) matches: Arc<Matches>,
    /// The `Query` or `Execute`, as it will be sent.
    pub(super) message: Bytes,
    /// The `Bind`; `None` of a `Query`.
    pub(super) bind: Option<Bytes>,
    pub(super) portal: Option<Bytes>,
}

impl Work {
    pub(super) const fn is_query(&self) -> bool {
        self.portal.is_none()
    }
}

/// Why processing of a message ended the connection.
pub(super) type Outcome = Result<(), End>;

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::ServerClosed
    }
}

impl Up {
    pub(crate) fn new(core: Arc<Core>, session: Arc<Session>, reader: Reader, writer: Writer) -> Self {
        let snapshot = core.board.snapshot();
        let mut framer = Framer::new(Side::Client, core.limits());
        framer.collect_binds = snapshot.needs_binds();
        let (out, series) = (BytesMut::new(), Series::default());
        Self { core, session, reader, writer, framer, out, complete: 0, series, snapshot }
    }

    pub(crate) fn into_parts(self) -> (Reader, Writer) {
        (self.reader, self.writer)
    }

    pub(crate) async fn run(&mut self) -> End {
        match self.relay().await {
            Ok(()) => End::ClientClosed,
            // What the server has said before it went is the other direction's to read.
            Err(End::ServerClosed) => pending().await,
            Err(end) => end,
        }
    }

    async fn relay(&mut self) -> Outcome {
        loop {
            self.renew();
            while let Some(piece) =
                self.framer.next().map_err(|e| End::Fatal(self.core.malformed("client", &e)))?
            {
                self.take(piece).await?;
                if self.out.len() > GATHER {
                    self.flush().await?;
                }
                self.renew();
            }
            self.flush().await?;
            match self.reader.read_buf(self.framer.space()).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(_) => return Err(End::ClientGone),
            }
        }
        self.writer.shutdown().await.map_err(End::from)
    }

    fn renew(&mut self) {
        if let Some(newer) = self.core.board.newer(&self.snapshot) {
            self.adopt(newer);
        }
    }

    pub(super) fn adopt(&mut self, newer: Arc<Snapshot>) {
        self.framer.collect_binds = newer.needs_binds();
        self.snapshot = newer;
    }

    pub(super) async fn flush(&mut self) -> Outcome {
        self.complete = 0;
        if !self.out.is_empty() {
            self.writer.write_all(&self.out).await?;
            self.writer.flush().await?;
            self.out.clear();
        }
        Ok(())
    }

    /// Sends all but what has been read of the present series, so that the server knows nothing of it yet.
    pub(super) async fn flush_complete(&mut self) -> Outcome {
        let rest = self.out.split_off(self.complete);
        self.flush().await?;
        self.out = rest;
        Ok(())
    }

    async fn take(&mut self, piece: Piece) -> Outcome {
        let begins = matches!(piece.tag, b'Q' | b'P' | b'B' | b'E' | b'D' | b'C' | b'F');
        if begins && !self.series.begun && matches!(piece.part, Part::Whole | Part::First) {
            self.begin_series().await?;
        }
        if self.series.failed && !matches!(piece.tag, b'S' | b'X') {
            return Ok(());
        }
        match (piece.part, piece.tag) {
            (Part::Middle | Part::Last, _) => self.send(&piece.bytes),
            (_, b'Q') => return self.query(&piece).await,
            (_, b'P') => return self.parse(&piece),
            (_, b'B') => self.bind(&piece).map_err(|e| self.malformed(&e))?,
            (_, b'E') => return self.execute(&piece).await,
            (_, b'D') => {
                let (sort, _) = message::target(b'D', piece.body()).map_err(|e| self.malformed(&e))?;
                self.request(Kind::Describe { statement: sort == b'S' }, &piece.bytes);
            }
            (_, b'C') => self.close(&piece).map_err(|e| self.malformed(&e))?,
            (_, b'S') => return self.sync(&piece.bytes).await,
            (_, b'H') => {
                self.request(Kind::Flush, &piece.bytes);
                self.session.wake.notify_one();
                return self.end_cut().await;
            }
            (_, b'F') => {
                self.request(Kind::Function, &piece.bytes);
                self.end_series();
            }
            (_, b'c' | b'f') => self.request(Kind::CopyEnd, &piece.bytes),
            (_, b'p') => self.authenticate(&piece)?,
            _ => self.send(&piece.bytes),
        }
        Ok(())
    }

    pub(super) fn malformed(&self, error: &BodyError) -> End {
        End::Fatal(self.core.malformed("client", error))
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Sends a message and notes that it will be answered.
    pub(super) fn request(&mut self, entry: impl Into<Entry>, bytes: &[u8]) {
        self.send(bytes);
        let mut state = self.session.state();
        let undone = state.pending.push(entry);
        state.undo(undone);
    }

    /// Begins a series, unless the connection is to be closed before it.
    async fn begin_series(&mut self) -> Outcome {
        if self.session.is_closing() {
            self.flush().await?;
            self.session.hold_back_while_closing().await;
        }
        self.series.begun = true;
        self.session.state().in_series = true;
        Ok(())
    }

    pub(super) fn end_series(&mut self) {
        self.complete = self.out.len();
        self.series = Series::default();
        self.session.state().in_series = false;
        if self.session.is_closing() {
            self.session.wake.notify_one();
        }
    }

    /// Ends the connection where the client was to be cut off once everything has been sent.
    pub(super) async fn end_cut(&mut self) -> Outcome {
        if self.series.cut {
            self.flush().await?;
            return Err(End::CutSent);
        }
        Ok(())
    }

    fn authenticate(&mut self, piece: &Piece) -> Outcome {
        let unbound = self.session.unbound.load(Ordering::Acquire);
        if unbound && self.session.state().status == 0 && message::wants_channel_binding(piece.body()) {
            return Err(End::Fatal(self.core.bound()));
        }
        self.send(&piece.bytes);
        Ok(())
    }

    /// Reads and forgets what the client sends, until it goes.
    pub(super) async fn swallow(&mut self) -> End {
        loop {
            let space = self.framer.space();
            space.clear();
            if !matches!(self.reader.read_buf(space).await, Ok(1..)) {
                return End::ClientGone;
            }
        }
    }

    pub(super) fn abandon_series(&mut self) {
        self.out.truncate(self.complete);
        self.session.state().pending.abandon_series();
    }

    pub(super) fn count_rewritten(&self, rewritten_by: &[RuleId]) {
        for active in self.snapshot.rules.iter().filter(|active| rewritten_by.contains(&active.id)) {
            active.executions.fetch_add(1, Ordering::SeqCst);
        }
    }
}
