//! Statements as the wire knows them: a text as the client gave it, as it was sent, and which rules mean it.

use super::board::Matches;
use super::message::Parameter;
use crate::rule::RuleId;
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// A connection through the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// Counted from 1 in the order in which they were accepted.
    pub number: u64,
    /// From the start-up message.
    pub user: String,
    /// From the start-up message; the user's name where it has none.
    pub database: String,
    /// `application_name` as the server last reported it; empty until then where the start-up message has none.
    pub application_name: String,
    /// The process id of the server's backend, once it is known.
    pub backend_pid: Option<i32>,
    /// When it was accepted.
    pub opened: SystemTime,
}

/// One execution of a statement.
#[derive(Debug, Clone)]
pub struct Execution {
    /// The statement as the client gave it.
    pub text: Arc<str>,
    /// The parameters bound to it, where it has any and they could be read.
    pub parameters: Vec<Parameter>,
    /// Which connection it came by.
    pub connection: Arc<ConnectionInfo>,
}

/// A statement that a connection has parsed, or a `Query`.
#[derive(Debug)]
pub(crate) struct Statement {
    /// As the client gave it.
    pub(crate) given: Arc<str>,
    /// As it was sent.
    pub(crate) sent: Arc<str>,
    /// The rules that changed it.
    pub(crate) rewritten_by: Vec<RuleId>,
    matches: Mutex<Option<Arc<Matches>>>,
}

impl Statement {
    pub(crate) fn new(given: Arc<str>, sent: Arc<str>, rewritten_by: Vec<RuleId>) -> Self {
        Self { given, sent, rewritten_by, matches: Mutex::new(None) }
    }

    /// What means this statement, remembered for as long as `current` says so.
    pub(crate) fn matches(
        &self,
        current: impl FnOnce(&Matches) -> bool,
        find: impl FnOnce(&Self) -> Matches,
    ) -> Arc<Matches> {
        let mut known = self.matches.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(matches) if current(matches) => Arc::clone(matches),
            _ => Arc::clone(known.insert(Arc::new(find(self)))),
        }
    }
}

/// A portal: a statement with its parameters bound.
#[derive(Debug, Clone)]
pub(crate) struct Portal {
    pub(crate) statement: Arc<Statement>,
    /// The `Bind`, where a rule needs it.
    pub(crate) bind: Option<Bytes>,
}
