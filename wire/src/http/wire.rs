//! The HTTP wire itself: what it is told, and what it tells.

use super::connection;
use super::count::{Counted, Counter, Counts, Totals};
use super::matcher::Match;
use super::record::{Exchange, RecordLimits, Recorder};
use super::redact::Secrets;
use super::route::Upstream;
use super::rule::{Installed, Rule, RuleHandle};
use crate::listener::Port;
use crate::tcp::{Gate, Mode};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use tokio_util::sync::CancellationToken;

/// Where an HTTP wire listens, what it leads to, and what it may keep.
#[derive(Debug, Clone)]
pub struct HttpWireOptions {
    /// The loopback address to listen on; a free port where `None`.
    pub listen: Option<SocketAddr>,
    /// What requests are sent on to.
    pub upstream: Upstream,
    /// How much of what passes is recorded.
    pub record: RecordLimits,
    /// The longest body, in bytes, of a message that a rule needs as a whole. A longer request is answered with 413,
    /// a longer response replaced by a 502, either of which says so.
    pub whole_body: usize,
}

impl HttpWireOptions {
    /// A wire on a free loopback port to one server.
    pub fn to(upstream: SocketAddr) -> Self {
        Self::leading_to(Upstream::Server(upstream))
    }

    /// A wire on a free loopback port that leads nowhere: rules answer in place of an upstream.
    pub fn alone() -> Self {
        Self::leading_to(Upstream::None)
    }

    /// A forward proxy on a free loopback port.
    pub fn forward_proxy() -> Self {
        Self::leading_to(Upstream::Named)
    }

    /// A wire on a free loopback port to any kind of upstream.
    pub fn leading_to(upstream: Upstream) -> Self {
        Self { listen: None, upstream, record: RecordLimits::default(), whole_body: 8 * 1024 * 1024 }
    }

    /// Listens on this loopback address.
    #[must_use]
    pub const fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = Some(address);
        self
    }
}

/// A running HTTP wire. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct HttpWire {
    gate: Gate,
    shared: Arc<Shared>,
}

/// What every connection of a wire refers to.
#[derive(Debug)]
pub(super) struct Shared {
    settings: RwLock<Arc<Settings>>,
    pub(super) whole_body: usize,
    pub(super) totals: Totals,
    pub(super) malformed: AtomicU64,
    pub(super) recorder: Recorder,
    tunnels: Mutex<BTreeMap<String, u64>>,
    secrets: Mutex<Secrets>,
    /// Cancelled when the wire is dropped.
    pub(super) gone: CancellationToken,
}

/// What may change while a wire runs. A request is treated by the settings of the moment when its head was there.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) rules: Vec<Arc<Installed>>,
    pub(super) counters: Vec<Weak<Counted>>,
    pub(super) upstream: Upstream,
    pub(super) hosts: HashMap<String, SocketAddr>,
}

/// The most hosts whose tunnels are told apart.
const TUNNEL_HOSTS: usize = 1024;

impl HttpWire {
    /// Starts a wire.
    ///
    /// # Errors
    /// When the address can't be listened on.
    #[expect(clippy::unused_async, reason = "an async start cannot be called outside a runtime")]
    pub async fn start(options: HttpWireOptions) -> io::Result<Self> {
        let port = Port::reserve(options.listen)?;
        let settings = Settings { upstream: options.upstream, ..Settings::default() };
        let shared = Arc::new(Shared {
            settings: RwLock::new(Arc::new(settings)),
            whole_body: options.whole_body,
            totals: Totals::default(),
            malformed: AtomicU64::new(0),
            recorder: Recorder::new(options.record),
            tunnels: Mutex::default(),
            secrets: Mutex::default(),
            gone: CancellationToken::new(),
        });
        let serving = Arc::clone(&shared);
        let gate = Gate::open(port, move |connection| {
            connection::serve(Arc::clone(&serving), connection.socket, connection.number)
        })?;
        Ok(Self { gate, shared })
    }

    /// Where the wire listens, in every mode.
    pub const fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// The wire's address as a URL without a path: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// What requests are sent on to.
    pub fn upstream(&self) -> Upstream {
        self.shared.settings().upstream
    }

    /// Sends requests whose head comes from now on to `upstream`, on kept connections too.
    pub fn set_upstream(&self, upstream: impl Into<Upstream>) {
        let upstream = upstream.into();
        self.shared.change(|settings| settings.upstream = upstream);
    }

    /// Leads requests and tunnels that name `host` (`name` or `name:port`, in any case) to `address`.
    pub fn map_host(&self, host: &str, address: SocketAddr) {
        let host = host.to_ascii_lowercase();
        self.shared.change(|settings| {
            settings.hosts.insert(host, address);
        });
    }

    /// Sets a rule; it acts on requests whose head comes from now on, on kept connections too.
    pub fn set(&self, rule: Rule) -> RuleHandle {
        let rule = Arc::new(Installed::from(rule));
        let handle = RuleHandle::new(&rule, &self.shared);
        self.shared.change(|settings| settings.rules.push(rule));
        handle
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

    /// Makes the wire transparent again: no rule, mode pass. What hangs is closed, what is held or delayed goes on.
    /// Counters, records, the upstream and mapped hosts stay.
    ///
    /// # Errors
    /// When the port can't be listened on again after [`Mode::Refuse`].
    pub fn clear(&self) -> io::Result<()> {
        self.shared.remove_rules(|_| true);
        self.set_mode(Mode::Pass)
    }

    /// What has passed so far.
    pub fn counts(&self) -> Counts {
        Counts {
            connections: self.gate.accepted(),
            received: self.shared.totals.received(),
            sent: self.shared.totals.sent(),
            malformed: self.shared.malformed.load(Ordering::SeqCst),
            responses: self.shared.totals.responses(),
        }
    }

    /// Counts, from now on, the requests that `matching` means.
    pub fn counter(&self, matching: Match) -> Counter {
        let counted = Arc::new(Counted { matching, totals: Totals::default() });
        let registered = Arc::downgrade(&counted);
        self.shared.change(|settings| {
            settings.counters.retain(|counter| counter.strong_count() > 0);
            settings.counters.push(registered);
        });
        Counter::new(counted)
    }

    /// How often each host was named by a `CONNECT`, as `host:port` in lower case; of the first 1024 hosts.
    pub fn tunnels(&self) -> BTreeMap<String, u64> {
        self.shared.tunnels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps these values out of every record, those already made too; they are known as they are and
    /// percent-encoded. Values of headers that by their name carry credentials are never shown.
    pub fn redact(&self, values: impl IntoIterator<Item = String>) {
        self.shared.secrets.lock().unwrap_or_else(PoisonError::into_inner).add(values);
    }

    /// The last exchanges, the oldest first, those under way too.
    pub fn records(&self) -> Vec<Exchange> {
        let secrets = self.shared.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.shared.recorder.exchanges(&secrets)
    }
}

impl Drop for HttpWire {
    fn drop(&mut self) {
        // First, so that nothing that was held is still sent on.
        self.gate.close();
        self.shared.remove_rules(|_| true);
        self.shared.gone.cancel();
    }
}

impl Shared {
    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Settings)) {
        let mut current = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        let mut settings = Settings::clone(&current);
        change(&mut settings);
        *current = Arc::new(settings);
    }

    /// Removes the rules that `which` picks, and frees what waits on their account.
    pub(super) fn remove_rules(&self, which: impl Fn(&Installed) -> bool) {
        self.change(|settings| {
            settings.rules.retain(|rule| {
                let removed = which(rule);
                if removed {
                    rule.removed.cancel();
                }
                !removed
            });
        });
    }

    pub(super) fn count_tunnel(&self, host: &str) {
        let mut tunnels = self.tunnels.lock().unwrap_or_else(PoisonError::into_inner);
        let host = host.to_ascii_lowercase();
        if tunnels.len() < TUNNEL_HOSTS || tunnels.contains_key(&host) {
            *tunnels.entry(host).or_default() += 1;
        }
    }
}
