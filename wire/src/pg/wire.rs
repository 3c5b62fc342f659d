//! The PostgreSQL wire itself: what it is told, and what it tells.

use super::board::Active;
use super::connection;
use super::core::{Closed, Core};
use super::message::ErrorResponse;
use super::options::PgWireOptions;
use super::pattern::Match;
use super::record::Record;
use super::rule::{Rule, RuleError, check_error};
use super::statement::ConnectionInfo;
use super::tally::{Counter, CounterState, Counts};
use super::tls::{self, TlsError};
use crate::listener::Port;
use crate::rule::{RuleId, Tally};
use crate::tcp::{Gate, Mode};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

/// A wire that cannot be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address can't be listened on.
    #[error("wire `{name}` cannot listen on {address}", address = .address.map_or_else(|| "a free loopback port".to_owned(), |a| a.to_string()))]
    Listen {
        /// The wire.
        name: String,
        /// Where it should listen.
        address: Option<SocketAddr>,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error("wire `{name}` cannot set up TLS")]
    Tls {
        /// The wire.
        name: String,
        /// Why not.
        #[source]
        source: TlsError,
    },
}

/// A running PostgreSQL wire. Dropping it closes its port and every connection.
pub struct PgWire {
    gate: Gate,
    core: Arc<Core>,
    ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for PgWire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.core.options.name;
        f.debug_struct("PgWire").field("name", name).field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Drop for PgWire {
    fn drop(&mut self) {
        // First, so that nothing that was held is still sent on.
        self.gate.close();
        let removed = self.core.board.change(|snapshot| std::mem::take(&mut snapshot.rules));
        removed.iter().for_each(|active| active.remove());
        if let Some(file) = &self.ca_file {
            // Its folder may have gone before.
            drop(std::fs::remove_file(file));
        }
    }
}

impl PgWire {
    /// Starts a wire.
    ///
    /// # Errors
    /// When the address can't be listened on, or TLS can't be set up as the options say.
    #[expect(clippy::unused_async, reason = "an async start cannot be called outside a runtime")]
    pub async fn start(options: PgWireOptions) -> Result<Self, StartError> {
        let name = options.name.clone();
        let (listen, folder) = (options.listen, options.client_tls.clone());
        let fails = |source| StartError::Listen { name: name.clone(), address: listen, source };
        let tls_fails = |source| StartError::Tls { name: name.clone(), source };
        let port = Port::reserve(listen).map_err(fails)?;
        let ca_file =
            folder.map(|folder| folder.join(format!("sabot-wire-{}-ca.pem", port.address().port())));
        let acceptor = ca_file.as_deref().map(tls::acceptor).transpose().map_err(tls_fails)?;
        let connector = tls::connector(&options).map_err(tls_fails)?;
        let core = Arc::new(Core::new(options, acceptor, connector));
        let serving = Arc::clone(&core);
        let gate = Gate::open(port, move |connection| connection::serve(Arc::clone(&serving), connection))
            .map_err(fails)?;
        Ok(Self { gate, core, ca_file })
    }

    /// Where the wire listens, in every mode.
    pub const fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// The certificate of the authority that clients verify this wire by (`sslrootcert`), where it offers TLS.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// The present mode.
    pub fn mode(&self) -> Mode {
        self.gate.mode()
    }

    /// Changes the mode. It holds when this returns, but for a step that another thread is in the middle of: what
    /// that had read by then may still pass.
    ///
    /// # Errors
    /// When the port can't be listened on again after [`Mode::Refuse`].
    pub fn set_mode(&self, mode: Mode) -> io::Result<()> {
        self.gate.set_mode(mode)
    }

    /// Closes every present connection; new ones are served.
    pub fn cut(&self) {
        self.gate.cut();
    }

    /// Has every new connection fail with `error` once it has said who it is; `None` ends that.
    ///
    /// # Errors
    /// When no server would send such an error.
    pub fn fail_startup(&self, error: Option<ErrorResponse>) -> Result<(), RuleError> {
        if let Some(error) = &error {
            check_error(error)?;
        }
        *self.core.startup_failure.lock().unwrap_or_else(PoisonError::into_inner) = error;
        Ok(())
    }

    /// Sets a rule, after those that are set. For a rewrite, closes the connections on which a matching statement
    /// is prepared, and returns when they are gone.
    ///
    /// # Errors
    /// When the rule could never do what it says, or a connection that a rewrite concerns can't be closed; the rule
    /// is not set then.
    pub async fn set(&self, rule: Rule) -> Result<RuleHandle, RuleError> {
        rule.check()?;
        let active = Arc::new(Active {
            id: RuleId::next(),
            rule,
            tally: Tally::default(),
            tally_since: Tally::default(),
            since: self.core.last_connection(),
            executions: AtomicU64::new(0),
            refusals: Mutex::new(Vec::new()),
        });
        self.core.board.change(|snapshot| snapshot.rules.push(Arc::clone(&active)));
        if active.rule.action.rewrites() {
            let matcher = &active.rule.matcher;
            let concerned = |session: &super::session::Session| session.has_parsed(matcher, active.id);
            let Closed { open, .. } = self.core.close_sessions(concerned).await;
            if open > 0 {
                let handle = RuleHandle { active, core: Arc::clone(&self.core) };
                let _ = handle.remove().await;
                return Err(RuleError::StillOpen { connections: open });
            }
        }
        Ok(RuleHandle { active, core: Arc::clone(&self.core) })
    }

    /// Makes the wire transparent again: no rule, mode pass, connections that hang closed; returns when the
    /// connections with rewritten statements are gone. Counters go on.
    ///
    /// # Errors
    /// When the port can't be listened on again after [`Mode::Refuse`], or a connection with a rewritten statement
    /// can't be closed ([`io::ErrorKind::TimedOut`]).
    pub async fn clear(&self) -> io::Result<()> {
        *self.core.startup_failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let removed = self.core.board.change(|snapshot| std::mem::take(&mut snapshot.rules));
        removed.iter().for_each(|active| active.remove());
        self.set_mode(Mode::Pass)?;
        let concerned = |session: &super::session::Session| {
            removed.iter().any(|active| active.rule.action.rewrites() && session.has_rewritten(active.id))
        };
        match self.core.close_sessions(concerned).await.open {
            0 => Ok(()),
            open => {
                let why =
                    format!("{open} connection(s) with rewritten statements could not be closed; cut them");
                Err(io::Error::new(io::ErrorKind::TimedOut, why))
            }
        }
    }

    /// Counts the executions that `matcher` means, from now on and for as long as the counter is kept.
    pub fn counter(&self, matcher: Match) -> Counter {
        let state = Arc::new(CounterState::new(matcher, self.core.last_connection()));
        let registered = Arc::downgrade(&state);
        self.core.board.change(|snapshot| {
            snapshot.counters.retain(|counter| counter.strong_count() > 0);
            snapshot.counters.push(registered);
        });
        Counter(state)
    }

    /// What has passed so far.
    pub fn counts(&self) -> Counts {
        self.core.totals.counts()
    }

    /// The present connections, in the order in which they were accepted.
    pub fn connections(&self) -> Vec<Arc<ConnectionInfo>> {
        let mut infos = self.core.all_sessions().iter().map(|session| session.info()).collect::<Vec<_>>();
        infos.sort_by_key(|info| info.number);
        infos
    }

    /// The last statements that came by, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.core.recorder.records()
    }

    /// Registers secrets (of four bytes or more) that no record shows.
    pub fn redact(&self, secrets: impl IntoIterator<Item = String>) {
        self.core.recorder.redact(secrets);
    }
}

/// A rule that is set. Dropping the handle leaves it set.
#[derive(Clone)]
pub struct RuleHandle {
    active: Arc<Active>,
    core: Arc<Core>,
}

impl std::fmt::Debug for RuleHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.active.fmt(f)
    }
}

impl RuleHandle {
    /// The rule's number.
    pub fn id(&self) -> RuleId {
        self.active.id
    }

    /// What the rule has seen: executions, or of a rewrite texts.
    pub fn tally(&self) -> &Tally {
        &self.active.tally
    }

    /// What it has seen on connections opened since it was set: by this it is judged whether it has landed.
    pub fn tally_since(&self) -> &Tally {
        &self.active.tally_since
    }

    /// Executions of statements that this rule has rewritten.
    pub fn executions(&self) -> u64 {
        self.active.executions.load(Ordering::SeqCst)
    }

    /// Why the rule was not applied where it should have been: the first 32 reasons.
    pub fn refusals(&self) -> Vec<String> {
        self.active.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Removes the rule. What it delays or holds goes on, what it hangs is reset; connections on which a statement
    /// that it rewrote is prepared are closed. Returns their number when they are gone, or can't be closed.
    pub async fn remove(&self) -> Closed {
        let id = self.active.id;
        self.core.board.change(|snapshot| snapshot.rules.retain(|active| active.id != id));
        self.active.remove();
        if self.active.rule.action.rewrites() {
            self.core.close_sessions(|session| session.has_rewritten(id)).await
        } else {
            Closed::default()
        }
    }
}
