//! The wire that relays bytes.

use super::gate::{Connection, Gate, Mode};
use super::relay::{Admission, Side, relay};
use super::socket::connect;
use crate::listener::Port;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a TCP wire listens and what it leads to.
#[derive(Debug, Clone)]
pub struct TcpWireOptions {
    /// The loopback address to listen on; a free port where `None`.
    pub listen: Option<SocketAddr>,
    /// What connections are relayed to.
    pub upstream: SocketAddr,
}

impl TcpWireOptions {
    /// A wire on a free loopback port to `upstream`.
    pub const fn to(upstream: SocketAddr) -> Self {
        Self { listen: None, upstream }
    }
}

/// What passed on a TCP wire since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpCounts {
    /// Connections accepted from clients.
    pub accepted: u64,
    /// Connections made to the upstream.
    pub connected: u64,
    /// Bytes that clients sent and the upstream was given.
    pub to_upstream: u64,
    /// Bytes that the upstream sent and clients were given.
    pub to_client: u64,
}

/// A running TCP wire. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct TcpWire {
    gate: Gate,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: Mutex<SocketAddr>,
    connected: AtomicU64,
    to_upstream: AtomicU64,
    to_client: AtomicU64,
    /// How many more bytes may pass before all connections are cut; `u64::MAX` for no limit.
    allowance: AtomicU64,
}

impl TcpWire {
    /// Starts a wire.
    ///
    /// # Errors
    /// When the address can't be listened on.
    #[expect(clippy::unused_async, reason = "an async start cannot be called outside a runtime")]
    pub async fn start(options: TcpWireOptions) -> io::Result<Self> {
        let port = Port::reserve(options.listen)?;
        let shared = Arc::new(Shared {
            upstream: Mutex::new(options.upstream),
            connected: AtomicU64::new(0),
            to_upstream: AtomicU64::new(0),
            to_client: AtomicU64::new(0),
            allowance: AtomicU64::new(u64::MAX),
        });
        let serving = Arc::clone(&shared);
        let gate = Gate::open(port, move |connection| serve(Arc::clone(&serving), connection))?;
        Ok(Self { gate, shared })
    }

    /// Where the wire listens, in every mode.
    pub const fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// What connections are relayed to.
    pub fn upstream(&self) -> SocketAddr {
        *self.shared.upstream()
    }

    /// Relays connections that come from now on to `upstream`.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        *self.shared.upstream() = upstream;
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

    /// Closes every connection once `bytes` more have passed, both directions together; exactly so many pass.
    /// Connections that come after that are served.
    pub fn cut_after(&self, bytes: u64) {
        if bytes == 0 {
            self.cut();
        } else {
            self.shared.allowance.store(bytes, Ordering::SeqCst);
        }
    }

    /// Makes the wire transparent again: mode pass, no cut to come. Connections that hang are closed.
    ///
    /// # Errors
    /// When the port can't be listened on again after [`Mode::Refuse`].
    pub fn clear(&self) -> io::Result<()> {
        self.shared.allowance.store(u64::MAX, Ordering::SeqCst);
        self.set_mode(Mode::Pass)
    }

    /// What has passed so far.
    pub fn counts(&self) -> TcpCounts {
        TcpCounts {
            accepted: self.gate.accepted(),
            connected: self.shared.connected.load(Ordering::SeqCst),
            to_upstream: self.shared.to_upstream.load(Ordering::SeqCst),
            to_client: self.shared.to_client.load(Ordering::SeqCst),
        }
    }
}

impl Shared {
    fn upstream(&self) -> MutexGuard<'_, SocketAddr> {
        self.upstream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of `offered` bytes may pass, and whether all connections are cut after them.
    fn admit(&self, offered: usize) -> Admission {
        let spend = |left: u64| (left != u64::MAX).then(|| left.saturating_sub(offered as u64));
        match self.allowance.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend) {
            Ok(left) => {
                let bytes = usize::try_from(left).map_or(offered, |left| offered.min(left));
                Admission { bytes, last: bytes as u64 == left }
            }
            Err(_no_limit) => Admission { bytes: offered, last: false },
        }
    }
}

async fn serve(shared: Arc<Shared>, connection: Connection) {
    let address = *shared.upstream();
    let upstream = match connect(address).await {
        Ok(upstream) => upstream,
        Err(error) => {
            tracing::debug!(%error, upstream = %address, connection = connection.number, "no upstream");
            return connection.socket.reset_on_close();
        }
    };
    shared.connected.fetch_add(1, Ordering::SeqCst);
    let spent = AtomicBool::new(false);
    relay(Side::new(connection.socket.clone()), Side::new(upstream), |from_client, offered| {
        let admission = shared.admit(offered);
        let passed = if from_client { &shared.to_upstream } else { &shared.to_client };
        passed.fetch_add(admission.bytes as u64, Ordering::SeqCst);
        spent.fetch_or(admission.last, Ordering::SeqCst);
        admission
    })
    .await;
    // Another cut may have been ordered meanwhile, which stays.
    let done = || {
        let (none, no_limit) = (0, u64::MAX);
        shared.allowance.compare_exchange(none, no_limit, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    };
    if spent.into_inner() && done() {
        connection.cut_all();
    }
}
