//! The client's requests, one by one: which statement each is about.

use super::board::{Active, Matches};
use super::frame::{Part, Piece};
use super::message::{self, BodyError, ErrorResponse};
use super::pending::{Entry, Fate, Kind, Undo};
use super::rewrite::{self, Asked, Refusal};
use super::session::{State, speaker};
use super::statement::{Portal, Statement};
use super::up::{Outcome, Up, Work};
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;

/// What no server takes for SQL. Sent where a rule answers with an error in the server's place: the server then
/// fails the statement, aborts the transaction and skips the rest of the pipeline by its own rules, and only the
/// words of its error are replaced.
const POISON: &str = "sabot_answered_in_place_of_the_server";

impl Up {
    pub(super) async fn query(&mut self, piece: &Piece) -> Outcome {
        let text = message::query_text(piece.body()).map_err(|e| self.malformed(&e))?;
        let statement = match self.admit(&text, |state, statement| state.simple(statement)) {
            Ok(statement) => statement,
            Err(refusal) => {
                let error = self.refused(&refusal);
                self.poison(true, &error);
                return Ok(());
            }
        };
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

    pub(super) fn parse(&mut self, piece: &Piece) -> Outcome {
        let parse = message::Parse::read(piece.body()).map_err(|e| self.malformed(&e))?;
        let note = |state: &mut State, statement: &Arc<Statement>| {
            state.note_sql_prepared(statement);
            let name = Box::<[u8]>::from(&*parse.name);
            let previous = state.statements.insert(name.clone(), Arc::clone(statement));
            let undone = state.pending.push(Kind::Parse(Undo { name, previous }));
            state.undo(undone);
        };
        match self.admit(&parse.text, note) {
            Ok(statement) if statement.rewritten_by.is_empty() => self.send(&piece.bytes),
            Ok(statement) => self.send(&message::parse(&parse.name, &statement.sent, &parse.types)),
            Err(refusal) => {
                let error = self.refused(&refusal);
                self.poison(false, &error);
            }
        }
        Ok(())
    }

    /// Rewrites a text by the rules and takes note of it, by rules that are still in force then: one that is set in
    /// the meantime has looked at this connection before the statement was there to be seen.
    fn admit(
        &mut self,
        text: &[u8],
        note: impl Fn(&mut State, &Arc<Statement>),
    ) -> Result<Arc<Statement>, Refusal> {
        let mut asked = Vec::new();
        loop {
            let statement = Arc::new(self.prepare(text, &mut asked)?);
            let mut state = self.session.state();
            let Some(newer) = self.core.board.newer(&self.snapshot) else {
                note(&mut state, &statement);
                drop(state);
                let acted = |active: &&Arc<Active>| statement.rewritten_by.contains(&active.id);
                self.snapshot.rules.iter().filter(acted).for_each(|active| active.act(self.session.number));
                return Ok(statement);
            };
            drop(state);
            self.adopt(newer);
        }
    }

    /// Rewrites a text by the rules.
    fn prepare(&self, text: &[u8], asked: &mut Asked) -> Result<Statement, Refusal> {
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
            rewrite::rewrite(&self.snapshot, speaker(&info), self.session.number, &given, asked)?;
        Ok(Statement::new(given, sent, rewritten_by))
    }

    fn matches(&self, statement: &Statement) -> Arc<Matches> {
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

    pub(super) fn bind(&mut self, piece: &Piece) -> Result<(), BodyError> {
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

    pub(super) async fn execute(&mut self, piece: &Piece) -> Outcome {
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

    pub(super) fn close(&mut self, piece: &Piece) -> Result<(), BodyError> {
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
}
