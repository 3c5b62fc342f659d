//! What the two directions of one connection share.

use super::lexer::{self, Token};
use super::pattern::{Match, Speaker};
use super::pending::{Pending, Undo};
use super::statement::{ConnectionInfo, Portal, Statement};
use crate::rule::RuleId;
use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long after its deadline a connection may still be closed with a word, before it is cut.
const FAREWELL: Duration = Duration::from_millis(250);

/// How many statements prepared by SQL are remembered for one connection.
const SQL_PREPARED: usize = 256;

/// One client's connection, from its start-up message on.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) number: u64,
    info: Mutex<Arc<ConnectionInfo>>,
    /// How often `info` has changed in what a [`Match`] asks for.
    epoch: AtomicU64,
    state: Mutex<State>,
    /// Wakes the direction to the client: there is something to say, or to close.
    pub(crate) wake: Notify,
    /// Wakes the direction to the server: a series has been answered while the connection is to close.
    pub(crate) progress: Notify,
    closing: CancellationToken,
    deadline: Mutex<Option<Instant>>,
    /// The connection is gone.
    pub(crate) closed: CancellationToken,
    /// The offer of channel binding was taken off.
    pub(crate) unbound: AtomicBool,
}

/// What changes with every message.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) pending: Pending,
    pub(crate) statements: HashMap<Box<[u8]>, Arc<Statement>>,
    pub(crate) portals: HashMap<Box<[u8]>, Portal>,
    /// Texts with a `PREPARE` in them. What it prepared may have gone since, for instance by a `DEALLOCATE` or by an
    /// error; too many are kept rather than too few.
    sql_prepared: Vec<Arc<Statement>>,
    /// There were more than are remembered.
    sql_prepared_more: bool,
    /// One of them was sent since everything was answered last.
    sql_prepared_lately: bool,
    /// Of the last `ReadyForQuery`; 0 before the first.
    pub(crate) status: u8,
    /// A series of messages has begun and not yet ended with its `Sync`.
    pub(crate) in_series: bool,
}

impl State {
    pub(crate) fn undo(&mut self, undone: impl IntoIterator<Item = Undo>) {
        for Undo { name, previous } in undone {
            match previous {
                Some(statement) => drop(self.statements.insert(name, statement)),
                None => drop(self.statements.remove(&name)),
            }
        }
    }

    /// Takes note of what a `Query` does to prepared statements.
    pub(crate) fn simple(&mut self, statement: &Arc<Statement>) {
        self.statements.remove(&b""[..]);
        self.note_sql_prepared(statement);
    }

    /// Takes note of a text that prepares a statement.
    pub(crate) fn note_sql_prepared(&mut self, statement: &Arc<Statement>) {
        if !prepares(&statement.given) {
            return;
        }
        self.sql_prepared_lately = true;
        let same = |known: &Arc<Statement>| {
            known.given == statement.given && known.rewritten_by == statement.rewritten_by
        };
        if self.sql_prepared.iter().any(same) {
            return;
        }
        if self.sql_prepared.len() < SQL_PREPARED {
            self.sql_prepared.push(Arc::clone(statement));
        } else {
            self.sql_prepared_more = true;
        }
    }

    /// Takes note of what a command has done to prepared statements. What was sent behind it is not concerned.
    pub(crate) fn completed(&mut self, tag: &[u8]) {
        if !matches!(tag, b"DISCARD ALL\0" | b"DEALLOCATE ALL\0") {
            return;
        }
        if !self.pending.parses() {
            // The one without a name stays.
            self.statements.retain(|name, _| name.is_empty());
        }
        if !self.sql_prepared_lately {
            self.sql_prepared.clear();
            self.sql_prepared_more = false;
        }
    }

    /// Takes note that everything has been answered.
    pub(crate) fn all_answered(&mut self) {
        // Of a series under way, its `PREPARE` has been noted and is not sent yet.
        self.sql_prepared_lately &= self.in_series;
        // Portals live no longer than their transaction.
        if self.status == b'I' {
            self.portals.clear();
        }
    }

    fn settled(&self) -> bool {
        self.status == b'I' && !self.in_series && self.pending.is_empty()
    }

    fn alive(&self) -> impl Iterator<Item = &Arc<Statement>> {
        self.statements.values().chain(&self.sql_prepared)
    }
}

impl Session {
    pub(crate) fn new(info: ConnectionInfo) -> Self {
        Self {
            number: info.number,
            info: Mutex::new(Arc::new(info)),
            epoch: AtomicU64::new(0),
            state: Mutex::new(State::default()),
            wake: Notify::new(),
            progress: Notify::new(),
            closing: CancellationToken::new(),
            deadline: Mutex::new(None),
            closed: CancellationToken::new(),
            unbound: AtomicBool::new(false),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn info(&self) -> Arc<ConnectionInfo> {
        Arc::clone(&self.info.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn learn_backend(&self, pid: i32) {
        let mut info = self.info.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut info).backend_pid = Some(pid);
    }

    pub(crate) fn rename(&self, application_name: &str) {
        let mut info = self.info.lock().unwrap_or_else(PoisonError::into_inner);
        if info.application_name != application_name {
            application_name.clone_into(&mut Arc::make_mut(&mut info).application_name);
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Has the connection closed as soon as it is idle, at `deadline` in any case.
    pub(crate) fn close(&self, deadline: Instant) {
        self.deadline.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(deadline);
        self.closing.cancel();
        self.wake.notify_one();
        self.progress.notify_one();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// By when to close.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.is_closing() { *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) } else { None }
    }

    /// Waits until the connection should have closed and has not.
    pub(crate) async fn overdue(&self) {
        self.closing.cancelled().await;
        match self.deadline() {
            Some(deadline) => sleep_until(deadline + FAREWELL).await,
            None => pending().await,
        }
    }

    /// Whether the connection is to close, and may: everything is answered, no transaction is open.
    pub(crate) fn may_close(&self) -> bool {
        self.is_closing() && self.state().settled()
    }

    /// Where the connection is to close, waits until it turns out to be within a transaction, and so has to go on.
    /// If it is not, the other direction closes it meanwhile.
    pub(crate) async fn hold_back_while_closing(&self) {
        while self.is_closing() {
            {
                let state = self.state();
                if state.pending.is_empty() && state.status != b'I' {
                    return;
                }
            }
            self.progress.notified().await;
        }
    }

    /// Whether a statement that `matcher` means, and that `rule` has not rewritten, is prepared on it.
    pub(crate) fn has_parsed(&self, matcher: &Match, rule: RuleId) -> bool {
        let info = self.info();
        let speaker = speaker(&info);
        let state = self.state();
        state.sql_prepared_more
            || state.alive().any(|statement| {
                !statement.rewritten_by.contains(&rule) && matcher.applies(speaker, &statement.given)
            })
    }

    /// Whether a statement that `rule` rewrote is prepared on it.
    pub(crate) fn has_rewritten(&self, rule: RuleId) -> bool {
        let state = self.state();
        state.sql_prepared_more || state.alive().any(|statement| statement.rewritten_by.contains(&rule))
    }
}

pub(crate) fn speaker(info: &ConnectionInfo) -> Speaker<'_> {
    Speaker { user: &info.user, database: &info.database, application: &info.application_name }
}

/// Whether a `PREPARE` stands in `text` where a statement may begin.
fn prepares(text: &str) -> bool {
    let word = b"prepare";
    if !text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word)) {
        return false;
    }
    let (lexemes, unclosed) = lexer::lex_prefix(text);
    let is = |at: usize, word: &str| {
        lexemes.get(at).is_some_and(|lexeme| text[lexeme.start..lexeme.end].eq_ignore_ascii_case(word))
    };
    let begins = |at: usize| at == 0 || lexemes[at - 1].token == Token::Semicolon;
    // What this lexer can't read, a server with other settings may.
    unclosed.is_some()
        || (0..lexemes.len()).any(|at| begins(at) && is(at, "prepare") && !is(at + 1, "transaction"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(text: &str) -> Arc<Statement> {
        Arc::new(Statement::new(text.into(), text.into(), Vec::new()))
    }

    #[test]
    fn a_prepare_is_found_wherever_a_statement_begins() {
        for text in
            ["PREPARE p AS SELECT 1", "/* a */ prepare p AS SELECT 1", "BEGIN;-- b\n\tPrepare p AS SELECT 1"]
        {
            assert!(prepares(text), "{text}");
        }
        for text in ["SELECT 'PREPARE'", "SELECT prepare", "PREPARE TRANSACTION 'x'", "SELECT '; PREPARE p'"]
        {
            assert!(!prepares(text), "{text}");
        }
    }

    #[test]
    fn only_what_the_server_has_done_forgets_statements() {
        let mut state = State::default();
        state.statements.insert(Box::from(*b"s"), statement("SELECT 1"));
        state.simple(&statement("PREPARE p AS SELECT 1"));
        state.all_answered();
        state.simple(&statement("DISCARD ALL"));
        assert_eq!(state.alive().count(), 2, "it may fail");
        state.completed(b"DISCARD ALL\0");
        assert_eq!(state.alive().count(), 0);

        state.simple(&statement("DEALLOCATE ALL; PREPARE p AS SELECT 1"));
        state.completed(b"DEALLOCATE ALL\0");
        assert_eq!(state.alive().count(), 1, "it comes after");
    }

    #[test]
    fn more_than_can_be_remembered_counts_as_concerned() {
        let session = Session::new(ConnectionInfo {
            number: 1,
            user: String::new(),
            database: String::new(),
            application_name: String::new(),
            backend_pid: None,
            opened: std::time::SystemTime::UNIX_EPOCH,
        });
        for n in 0..=SQL_PREPARED {
            assert!(!session.has_parsed(&Match::contains("sought"), RuleId::next()));
            session.state().simple(&statement(&format!("PREPARE p{n} AS SELECT 1")));
        }
        assert!(session.has_parsed(&Match::contains("sought"), RuleId::next()));
    }
}
