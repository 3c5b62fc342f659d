//! What all connections of a wire share.

use super::board::Board;
use super::frame::Limits;
use super::message::ErrorResponse;
use super::options::PgWireOptions;
use super::record::Recorder;
use super::session::Session;
use super::tally::Totals;
use crate::rule::RuleId;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// How much longer than its grace a connection's close is waited for: two last words of 2 s, and some.
const CLOSE_SLACK: Duration = Duration::from_secs(6);

/// What became of the connections that a rewrite concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use = "on a connection that is still open nothing has changed"]
pub struct Closed {
    /// They are gone.
    pub closed: usize,
    /// They could not be closed in time, as while the wire hangs: statements on them are as they were prepared.
    pub open: usize,
}

/// What all connections of a wire share.
pub(crate) struct Core {
    pub(crate) options: PgWireOptions,
    pub(crate) board: Board,
    pub(crate) totals: Totals,
    pub(crate) recorder: Recorder,
    pub(crate) acceptor: Option<TlsAcceptor>,
    pub(crate) connector: Option<TlsConnector>,
    pub(crate) startup_failure: Mutex<Option<ErrorResponse>>,
    sessions: Mutex<HashMap<u64, Arc<Session>>>,
}

/// A session in the list for as long as this lives.
pub(crate) struct Listed<'a> {
    core: &'a Core,
    session: Arc<Session>,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.core.sessions().remove(&self.session.number);
        self.session.closed.cancel();
        self.session.progress.notify_one();
    }
}

impl Core {
    pub(crate) fn new(
        options: PgWireOptions,
        acceptor: Option<TlsAcceptor>,
        connector: Option<TlsConnector>,
    ) -> Self {
        Self {
            recorder: Recorder::new(options.records),
            options,
            board: Board::default(),
            totals: Totals::default(),
            acceptor,
            connector,
            startup_failure: Mutex::new(None),
            sessions: Mutex::new(HashMap::new()),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<u64, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn list(&self, session: &Arc<Session>) -> Listed<'_> {
        self.sessions().insert(session.number, Arc::clone(session));
        Listed { core: self, session: Arc::clone(session) }
    }

    pub(crate) fn all_sessions(&self) -> Vec<Arc<Session>> {
        self.sessions().values().map(Arc::clone).collect()
    }

    /// The number of the connection accepted last.
    pub(crate) fn last_connection(&self) -> u64 {
        self.totals.connections.load(Ordering::SeqCst)
    }

    /// Closes the sessions that `concerned` means, waits until they are gone, and says how many they were, and how
    /// many of them are not gone after all.
    pub(crate) async fn close_sessions(&self, concerned: impl Fn(&Session) -> bool) -> Closed {
        let deadline = Instant::now() + self.options.close_grace;
        let mut sessions = self.all_sessions();
        sessions.retain(|session| concerned(session));
        for session in &sessions {
            session.close(deadline);
        }
        let mut open = 0;
        for session in &sessions {
            if timeout_at(deadline + CLOSE_SLACK, session.closed.cancelled()).await.is_err() {
                tracing::warn!(wire = self.options.name, connection = session.number, "still open");
                open += 1;
            }
        }
        Closed { closed: sessions.len() - open, open }
    }

    pub(crate) const fn limits(&self) -> Limits {
        Limits { collected: self.options.max_statement, message: self.options.max_message }
    }

    fn says(&self, text: impl Display) -> String {
        format!("sabot wire `{}`: {text}", self.options.name)
    }

    /// What `side` sent is not the protocol.
    pub(crate) fn malformed(&self, side: &str, error: &impl Display) -> ErrorResponse {
        ErrorResponse::fatal("08P01", self.says(format_args!("the {side} broke the protocol: {error}")))
    }

    /// The connection is closed so that its statements are prepared anew, in the words by which a server is shut
    /// down: pools take them for a reason to connect again.
    pub(crate) fn closing(&self) -> ErrorResponse {
        ErrorResponse::fatal("57P01", "terminating connection due to administrator command").detail(
            self.says("a rule that rewrites a statement prepared on this connection was set or removed"),
        )
    }

    /// The client would bind its login to the TLS connection, of which there are two.
    pub(crate) fn bound(&self) -> ErrorResponse {
        ErrorResponse::fatal(
            "28000",
            self.says("SCRAM channel binding cannot pass a wire that has TLS on both sides"),
        )
        .hint("Set channel_binding=disable in the client's connection settings, or have it connect without TLS.")
    }

    pub(crate) fn refused_rewrite(&self, rule: RuleId, reason: &str) -> ErrorResponse {
        ErrorResponse::error("XX000", self.says(format_args!("{rule:?} was not applied: {reason}")))
            .hint("A rewrite keeps the parameters, their types and the number of statements.")
    }

    pub(crate) fn unreachable(&self, error: &impl Display) -> ErrorResponse {
        ErrorResponse::fatal("08006", self.says(format_args!("the server cannot be reached: {error}")))
    }
}
