//! What the two directions of one connection share.

use super::pattern::Match;
use super::pattern::Speaker;
use super::pending::{Pending, Undo};
use super::statement::{ConnectionInfo, Portal, Statement};
use crate::rule::RuleId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

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
    closing: AtomicBool,
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
    /// Statements that begin with `PREPARE`.
    sql_prepared: Vec<Arc<Statement>>,
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
        let mut words = statement.given.split_ascii_whitespace().map(|word| word.trim_end_matches(';'));
        let mut next = || words.next().unwrap_or_default().to_ascii_uppercase();
        match (next().as_str(), next().as_str()) {
            ("PREPARE", name) if name != "TRANSACTION" && self.sql_prepared.len() < SQL_PREPARED => {
                self.sql_prepared.push(Arc::clone(statement));
            }
            ("DEALLOCATE" | "DISCARD", "ALL") => {
                self.statements.clear();
                self.sql_prepared.clear();
            }
            _ => {}
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
            closing: AtomicBool::new(false),
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
        self.closing.store(true, Ordering::Release);
        self.wake.notify_one();
        self.progress.notify_one();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// By when to close.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.is_closing() { *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) } else { None }
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
        self.state().alive().any(|statement| {
            !statement.rewritten_by.contains(&rule) && matcher.applies(speaker, &statement.given)
        })
    }

    /// Whether a statement that `rule` rewrote is prepared on it.
    pub(crate) fn has_rewritten(&self, rule: RuleId) -> bool {
        self.state().alive().any(|statement| statement.rewritten_by.contains(&rule))
    }
}

pub(crate) fn speaker(info: &ConnectionInfo) -> Speaker<'_> {
    Speaker { user: &info.user, database: &info.database, application: &info.application_name }
}
