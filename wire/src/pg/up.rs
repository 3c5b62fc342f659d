//! From the client to the server.

use super::board::{Active, Matches, Snapshot};
use super::core::Core;
use super::frame::{Framer, Part, Piece, Side};
use super::message::{self, BodyError, ErrorResponse};
use super::pending::{Entry, Fate, Kind, Undo};
use super::rewrite::{self, Refusal};
use super::session::{Session, speaker};
use super::statement::{Portal, Statement};
use super::stream::{End, Reader, Writer};
use crate::rule::RuleId;
use bytes::{Buf, Bytes, BytesMut};
use std::borrow::Cow;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes that are gathered before they are written.
const GATHER: usize = 256 * 1024;

/// What no server takes for SQL. Sent where a rule answers with an error in the server's place: the server then
/// fails the statement, aborts the transaction and skips the rest of the pipeline by its own rules, and only the
/// words of its error are replaced.
const POISON: &str = "sabot_answered_in_place_of_the_server";

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
    failed: bool,
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
        let framer = Framer::new(Side::Client, core.limits());
        let snapshot = core.board.snapshot();
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
            self.framer.collect_binds = newer.needs_binds();
            self.snapshot = newer;
        }
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
        let bulk = matches!(piece.tag, b'd' | b'c' | b'f' | b'p' | b'X');
        if !bulk && !self.series.begun && piece.part != Part::Last && piece.part != Part::Middle {
            if self.session.is_closing() {
                self.flush().await?;
                self.session.hold_back_while_closing().await;
            }
            self.series.begun = true;
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

    fn end_series(&mut self) {
        self.complete = self.out.len();
        self.series = Series::default();
    }

    /// Ends the connection where the client was to be cut off once everything has been sent.
    async fn end_cut(&mut self) -> Outcome {
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

    async fn query(&mut self, piece: &Piece) -> Outcome {
        let text = message::query_text(piece.body()).map_err(|e| self.malformed(&e))?;
        let statement = match self.prepare(&text) {
            Ok(statement) => statement,
            Err(refusal) => {
                let error = self.refused(&refusal);
                self.poison(true, &error);
                return Ok(());
            }
        };
        let statement = Arc::new(statement);
        self.register(|state| state.simple(&statement));
        let message = if statement.rewritten_by.is_empty() {
            piece.bytes.clone()
        } else {
            message::query(&statement.sent)
        };
        let matches = self.matches(&statement);
        self.perform(Work { statement, matches, message, bind: None, portal: None }).await?;
        if !self.series.failed {
            self.end_series();
        }
        Ok(())
    }

    fn parse(&mut self, piece: &Piece) -> Outcome {
        let parse = message::Parse::read(piece.body()).map_err(|e| self.malformed(&e))?;
        loop {
            let statement = match self.prepare(&parse.text) {
                Ok(statement) => statement,
                Err(refusal) => {
                    let error = self.refused(&refusal);
                    self.poison(false, &error);
                    return Ok(());
                }
            };
            let rewritten = !statement.rewritten_by.is_empty();
            let message = if rewritten {
                message::parse(&parse.name, &statement.sent, &parse.types)
            } else {
                piece.bytes.clone()
            };
            let name = Box::<[u8]>::from(&*parse.name);
            let mut state = self.session.state();
            // A rule set in the meantime has looked at this connection before the statement was there to be seen.
            if let Some(newer) = self.core.board.newer(&self.snapshot) {
                drop(state);
                self.framer.collect_binds = newer.needs_binds();
                self.snapshot = newer;
                continue;
            }
            let previous = state.statements.insert(name.clone(), Arc::new(statement));
            let undone = state.pending.push(Kind::Parse(Undo { name, previous }));
            state.undo(undone);
            drop(state);
            self.send(&message);
            return Ok(());
        }
    }

    /// Rewrites a text by the rules.
    fn prepare(&self, text: &[u8]) -> Result<Statement, Refusal> {
        // What is no UTF-8 can be matched as far as it goes, and is never rewritten: the replacement character in it
        // is refused.
        let given: Arc<str> = match String::from_utf8_lossy(text) {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        };
        if !self.snapshot.rewrites() {
            return Ok(Statement::new(Arc::clone(&given), given, Vec::new()));
        }
        let info = self.session.info();
        let (sent, rewritten_by) =
            rewrite::rewrite(&self.snapshot, speaker(&info), self.session.number, &given)?;
        Ok(Statement::new(given, sent, rewritten_by))
    }

    /// Notes a `Query` under the same rules as a `Parse`; it leaves nothing behind that a new rule would need to see
    /// but what it prepares by SQL, so that no second look at the rules is due.
    fn register(&self, note: impl FnOnce(&mut super::session::State)) {
        note(&mut self.session.state());
    }

    pub(super) fn matches(&self, statement: &Statement) -> Arc<Matches> {
        let info = self.session.info();
        self.snapshot.matches(statement, speaker(&info), self.session.epoch())
    }

    fn refused(&self, refusal: &Refusal) -> ErrorResponse {
        let Refusal { active, reason } = refusal;
        active.refuse(reason.clone());
        self.core.refused_rewrite(active.id, reason)
    }

    /// Has the server fail the statement, and its error replaced by `error`.
    pub(super) fn poison(&mut self, query: bool, error: &ErrorResponse) {
        let fate = Fate::Substitute(error.encode());
        if query {
            self.request(Entry::new(Kind::Query, fate), &message::query(POISON));
            self.end_series();
        } else {
            let undo = Undo { name: Box::from(POISON.as_bytes()), previous: None };
            self.request(
                Entry::new(Kind::Parse(undo), fate),
                &message::parse(POISON.as_bytes(), POISON, &[0, 0]),
            );
            self.series.failed = true;
        }
    }

    fn bind(&mut self, piece: &Piece) -> Result<(), BodyError> {
        let (portal, name) = message::bind_names(&mut piece.body())?;
        let mut state = self.session.state();
        if let Some(statement) = state.statements.get(&*name).map(Arc::clone) {
            let wanted = self.snapshot.needs_binds() && piece.part == Part::Whole;
            // A copy, since a slice would keep the whole of what was read with it.
            let bind = wanted.then(|| Bytes::copy_from_slice(&piece.bytes));
            state.portals.insert(Box::from(&*portal), Portal { statement, bind });
        } else {
            state.portals.remove(&*portal);
        }
        drop(state);
        self.request(Kind::Bind, &piece.bytes);
        Ok(())
    }

    async fn execute(&mut self, piece: &Piece) -> Outcome {
        let (_, portal) = message::target(b'E', piece.body()).map_err(|e| self.malformed(&e))?;
        let known = self.session.state().portals.get(&*portal).cloned();
        // Of a portal that was declared by SQL, or of none, the wire knows no statement.
        let Some(Portal { statement, bind }) = known else {
            self.request(Kind::Execute, &piece.bytes);
            return Ok(());
        };
        let matches = self.matches(&statement);
        let message = piece.bytes.clone();
        self.perform(Work { statement, matches, message, bind, portal: Some(portal) }).await
    }

    fn close(&mut self, piece: &Piece) -> Result<(), BodyError> {
        let (sort, name) = message::target(b'C', piece.body())?;
        let mut state = self.session.state();
        let previous = if sort == b'S' {
            state.statements.remove(&*name)
        } else {
            state.portals.remove(&*name);
            None
        };
        drop(state);
        self.request(Kind::Close(Undo { name: Box::from(&*name), previous }), &piece.bytes);
        Ok(())
    }

    async fn sync(&mut self, bytes: &[u8]) -> Outcome {
        let early = self.series.early.take().is_some_and(|active| self.acknowledge_early(&active));
        let repeats = std::mem::take(&mut self.series.repeats);
        let fate = match (early, repeats.is_empty()) {
            (true, _) => Fate::Swallow,
            (false, true) => Fate::Pass,
            (false, false) => Fate::SwallowReady,
        };
        self.request(Entry::new(Kind::Sync, fate), bytes);
        let last = repeats.len();
        for (index, repeat) in repeats.iter().enumerate() {
            self.repeat_series(repeat, early, index + 1 == last);
        }
        self.end_cut().await?;
        self.end_series();
        Ok(())
    }

    /// Sends `Close`, `Bind` and `Execute` of a repeat with a `Sync` of its own.
    fn repeat_series(&mut self, messages: &[u8], early: bool, last: bool) {
        let undo =
            Undo { name: Box::default(), previous: self.session.state().statements.get(&b""[..]).cloned() };
        self.request(Entry::new(Kind::Close(undo), Fate::Swallow), &[]);
        self.request(Entry::new(Kind::Bind, Fate::Swallow), &[]);
        self.request(Entry::new(Kind::Execute, Fate::Swallow), messages);
        let fate = if last && !early { Fate::OnlyReady } else { Fate::Swallow };
        self.request(Entry::new(Kind::Sync, fate), &message::sync());
    }

    fn acknowledge_early(&self, active: &Active) -> bool {
        let mut state = self.session.state();
        let current = state.status;
        let done = state.pending.acknowledge_series(|command| status_after(command, current));
        drop(state);
        if done {
            active.act(self.session.number);
            self.session.wake.notify_one();
        } else {
            active.refuse("the series describes a statement or executes another one besides, which only the server can answer".to_owned());
        }
        done
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

/// The transaction status once `command` has been done.
pub(super) fn status_after(command: &str, current: u8) -> u8 {
    match command.split(' ').next() {
        Some("COMMIT" | "ROLLBACK") => b'I',
        Some("BEGIN" | "START") => b'T',
        _ if current == b'T' => b'T',
        _ => b'I',
    }
}

/// What repeats an execution: the portal anew, with the same parameters.
pub(super) fn repeat_of(portal: &[u8], bind: &[u8], execute: &[u8]) -> Bytes {
    let mut bytes = BytesMut::from(message::close_portal(portal));
    bytes.extend_from_slice(bind);
    bytes.extend_from_slice(execute);
    bytes.freeze()
}

/// The first half of a message.
pub(super) fn half(message: &Bytes) -> Bytes {
    let mut half = message.clone();
    half.truncate(message.remaining() / 2);
    half
}
