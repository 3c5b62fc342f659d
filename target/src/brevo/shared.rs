//! What the server, the webhook requests and the simulator's owner share.

use super::outcome::{Outcome, Post};
use super::quota::Window;
use super::record::{Call, Message};
use super::settings::Settings;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The most calls that are kept, so that a platform that is left up does not fill the memory with its probes.
const CALLS: usize = 65_536;

/// What is shared.
pub(super) struct Shared {
    pub(super) client: reqwest::Client,
    runtime: Handle,
    state: Mutex<State>,
    changed: watch::Sender<()>,
    tasks: Mutex<JoinSet<()>>,
    /// What a reset goes back to.
    first: Settings,
}

/// What changes.
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) calls: Vec<Call>,
    pub(super) messages: Vec<Message>,
    /// The message that each idempotency key was used for, and when.
    pub(super) keys: BTreeMap<String, (Instant, String)>,
    pub(super) sends: Window,
    pub(super) others: Window,
    pub(super) webhook: Option<String>,
    /// Nothing is sent until then.
    pub(super) paused_until: Option<Instant>,
    pub(super) posts: Vec<Post>,
    /// Scripts that still have steps to come.
    pub(super) scripts: usize,
    /// Raised by each reset, so that what was begun before it changes nothing after it.
    pub(super) generation: u64,
    /// The number in the next message id; it goes on over a reset, so that no id comes twice.
    pub(super) serial: u64,
}

impl Shared {
    pub(super) fn new(settings: Settings, client: reqwest::Client) -> Arc<Self> {
        let state = State::new(settings.clone(), 0, serial());
        Arc::new(Self {
            client,
            runtime: Handle::current(),
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
            tasks: Mutex::default(),
            first: settings,
        })
    }

    /// Looks at the state.
    pub(super) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state())
    }

    /// Changes the state, and wakes who waits for a change.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.send_replace(());
        result
    }

    /// Awaits that `look` finds something.
    pub(super) async fn until<T>(&self, look: impl Fn(&State) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if let Some(found) = self.look(&look) {
                return found;
            }
            if changed.changed().await.is_err() {
                // The sender is in `self`: it can't be gone.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The same, for so long.
    pub(super) async fn within<T>(&self, limit: Duration, look: impl Fn(&State) -> Option<T>) -> Option<T> {
        tokio::time::timeout(limit, self.until(look)).await.ok()
    }

    /// Runs `task` until it ends, the simulator is reset, or it is gone.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.runtime);
    }

    /// Ends every task.
    pub(super) fn end_tasks(&self) {
        self.tasks().abort_all();
    }

    /// Makes everything as it was at the start.
    pub(super) fn reset(&self) {
        self.end_tasks();
        self.change(|state| {
            *state = State::new(self.first.clone(), state.generation + 1, state.serial);
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(settings: Settings, generation: u64, serial: u64) -> Self {
        Self {
            settings,
            calls: Vec::new(),
            messages: Vec::new(),
            keys: BTreeMap::new(),
            sends: Window::default(),
            others: Window::default(),
            webhook: None,
            paused_until: None,
            posts: Vec::new(),
            scripts: 0,
            generation,
            serial,
        }
    }

    /// Keeps the record of a call.
    pub(super) fn record(&mut self, call: Call) {
        if self.calls.len() >= CALLS {
            self.calls.drain(..CALLS / 2);
        }
        self.calls.push(call);
    }

    /// Whether every webhook request has come to its end.
    pub(super) fn settled(&self) -> bool {
        self.scripts == 0 && self.posts.iter().all(|post| post.outcome != Outcome::Pending)
    }
}

/// Leaves out what holds credentials.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Shared")
            .field("calls", &state.calls.len())
            .field("messages", &state.messages.len())
            .field("posts", &state.posts.len())
            .finish_non_exhaustive()
    }
}

/// Eleven digits, as captured ids have; random, so that two simulators give different ids.
fn serial() -> u64 {
    const LOWEST: u64 = 10_000_000_000;
    LOWEST + getrandom::u64().unwrap_or_default() % LOWEST
}
