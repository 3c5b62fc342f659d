//! Where connections come in: accepts them, refuses them, lets them hang, ends them.
//!
//! The listening socket is opened and closed by the caller of a change of mode, and every connection asks for its
//! fate before each step that it takes. A step under way at that moment on another thread is finished: at most what it
//! had read by then still passes.

use super::socket::Socket;
use crate::listener::Port;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How a wire treats connections as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Connections are served.
    #[default]
    Pass,
    /// New connections get `ECONNREFUSED`, as from a dead process; those present are reset.
    Refuse,
    /// New connections are accepted and never served; those present stall. All of them are closed when the mode
    /// is left, since a client that waited so long has given up: what it sent meanwhile is never sent on, whether it
    /// had been accepted (then it is closed) or not yet (then it is reset).
    Hang,
}

/// One accepted connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    /// Counted from 1 since the wire was started.
    pub(crate) number: u64,
    shared: Weak<Shared>,
}

impl Connection {
    /// Closes every connection of the wire, this one too.
    pub(crate) fn cut_all(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.cut();
        }
    }
}

/// The entrance of a wire. Dropping it closes the port and every connection.
#[derive(Debug)]
pub(crate) struct Gate {
    shared: Arc<Shared>,
    runtime: Handle,
    port: Port,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    listener_changed: Notify,
    accepted: AtomicU64,
    /// Cancelled when the wire is dropped.
    gone: CancellationToken,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    listener: Option<TcpListener>,
    epoch: Arc<Epoch>,
}

/// The connections that share a fate.
#[derive(Debug, Default)]
struct Epoch {
    ended: CancellationToken,
    hung: AtomicBool,
    reset: AtomicBool,
}

impl Gate {
    /// Listens on `port` and runs `serve` for each connection. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the port can't be listened on.
    pub(crate) fn open<F, Fut>(port: Port, serve: F) -> io::Result<Self>
    where
        F: Fn(Connection) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let state = State { mode: Mode::Pass, listener: Some(port.listen()?), epoch: Arc::default() };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            listener_changed: Notify::new(),
            accepted: AtomicU64::new(0),
            gone: CancellationToken::new(),
        });
        tokio::spawn(accept(Arc::clone(&shared), serve));
        Ok(Self { shared, runtime: Handle::current(), port })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Connections accepted so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn mode(&self) -> Mode {
        self.shared.state().mode
    }

    /// # Errors
    /// When the port can't be listened on again.
    pub(crate) fn set_mode(&self, mode: Mode) -> io::Result<()> {
        let mut state = self.shared.state();
        if state.mode == mode {
            return Ok(());
        }
        // Who still waits to be accepted when hanging ends goes with the old listener. The new one comes first, so
        // that nobody is refused.
        let waiting = state.mode == Mode::Hang && mode == Mode::Pass;
        if mode != Mode::Refuse && (state.listener.is_none() || waiting) {
            let _context = self.runtime.enter();
            state.listener = Some(self.port.listen()?);
            self.shared.listener_changed.notify_one();
        }
        let left = std::mem::replace(&mut state.mode, mode);
        if left == Mode::Hang || mode == Mode::Refuse {
            state.end_epoch(mode == Mode::Refuse);
        }
        match mode {
            Mode::Pass => {}
            Mode::Refuse => state.listener = None,
            Mode::Hang => state.epoch.hung.store(true, Ordering::SeqCst),
        }
        Ok(())
    }

    /// Closes the port and every connection for good.
    pub(crate) fn close(&self) {
        self.shared.state().listener = None;
        self.shared.gone.cancel();
    }

    /// Closes every present connection.
    pub(crate) fn cut(&self) {
        self.shared.cut();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.close();
    }
}

impl State {
    /// Ends all present connections; those to come live in a new epoch of the same mode.
    fn end_epoch(&mut self, reset: bool) {
        let ended = std::mem::take(&mut self.epoch);
        ended.reset.store(reset, Ordering::SeqCst);
        ended.ended.cancel();
        self.epoch.hung.store(self.mode == Mode::Hang, Ordering::SeqCst);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self) {
        self.state().end_epoch(false);
    }

    /// The next connection, with the epoch that it was accepted in.
    async fn next(&self) -> (io::Result<Socket>, Arc<Epoch>) {
        loop {
            let changed = self.listener_changed.notified();
            let accepted = poll_fn(|context| {
                let state = self.state();
                let Some(listener) = &state.listener else { return Poll::Pending };
                listener.poll_accept(context).map(|accepted| {
                    (accepted.map(|(stream, _)| Socket::new(stream)), Arc::clone(&state.epoch))
                })
            });
            tokio::select! {
                accepted = accepted => return accepted,
                () = changed => {}
            }
        }
    }
}

async fn accept<F, Fut>(shared: Arc<Shared>, serve: F)
where
    F: Fn(Connection) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    loop {
        let (accepted, epoch) = tokio::select! {
            biased;
            () = shared.gone.cancelled() => return,
            accepted = shared.next() => accepted,
        };
        match accepted {
            Ok(socket) => {
                let number = shared.accepted.fetch_add(1, Ordering::SeqCst) + 1;
                let served =
                    serve(Connection { socket: socket.clone(), number, shared: Arc::downgrade(&shared) });
                tokio::spawn(supervise(shared.gone.clone(), epoch, socket, served));
            }
            Err(error) => {
                // Out of file descriptors, or a client that left before it was accepted: neither ends the wire.
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    }
}

/// Runs one connection until it ends, or its epoch, or the wire. While it hangs it is not run at all; nothing
/// needs to wake it, for leaving that mode ends the epoch.
async fn supervise(
    gone: CancellationToken,
    epoch: Arc<Epoch>,
    socket: Socket,
    served: impl Future<Output = ()> + Send,
) {
    let mut served = pin!(served);
    let running = poll_fn(|context| {
        if epoch.hung.load(Ordering::SeqCst) { Poll::Pending } else { served.as_mut().poll(context) }
    });
    tokio::select! {
        biased;
        () = gone.cancelled() => {}
        () = epoch.ended.cancelled() => {
            if epoch.reset.load(Ordering::SeqCst) {
                socket.reset_on_close();
            }
        }
        () = running => {}
    }
}
