//! The loop that decides: when to claim, how much, what to dispatch, what to give back.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::Shared;
use super::claim::{Batch, Claimed, Hold, claim};
use super::complete::{Done, Outbox};
use super::dispatch::{Dispatched, dispatch};
use super::pace::Pace;
use crate::database::DatabaseError;
use crate::handler::{End, Reason};

/// The first look after a runner has become idle; the next ones come after twice the time each, up to the polling period.
/// They find what was enqueued by transactions that saw a busy runner and so did not ring.
const FIRST_LOOK: Duration = Duration::from_millis(10);

type Claiming = Pin<Box<dyn Future<Output = Result<Batch, DatabaseError>> + Send>>;

/// A runner's state.
pub(super) struct Work {
    shared: Arc<Shared>,
    outbox: Outbox,
    woken: Arc<Notify>,
    idle: watch::Sender<bool>,
    /// Claimed, oldest first.
    waiting: VecDeque<Claimed>,
    running: JoinSet<Dispatched>,
    /// What the dispatches hold, by task.
    held: HashMap<Id, (i64, Arc<str>, Hold)>,
    claiming: Option<Claiming>,
    pace: Pace,
    /// Whether there may be something to claim, as far as is known.
    wanted: bool,
    /// When to look whatever is known.
    next_look: Instant,
    /// How long after that to look again.
    wait: Duration,
    /// Where a claim may begin, while a backlog is worked off: what lies before was claimed a moment ago. The index keeps
    /// entries of rows that were claimed until they are vacuumed, and a long transaction (a dump, say) keeps vacuum from
    /// it; without this each claim would walk over all of them.
    floor: f64,
    /// When a claim last looked from the very beginning.
    looked_whole: Option<Instant>,
}

impl Work {
    pub(super) fn new(
        shared: Arc<Shared>,
        outbox: Outbox,
        woken: Arc<Notify>,
        idle: watch::Sender<bool>,
    ) -> Self {
        let wait = FIRST_LOOK.min(shared.settings.poll);
        Self {
            shared,
            outbox,
            woken,
            idle,
            waiting: VecDeque::new(),
            running: JoinSet::new(),
            held: HashMap::new(),
            claiming: None,
            pace: Pace::default(),
            wanted: true,
            next_look: Instant::now(),
            wait,
            floor: f64::NEG_INFINITY,
            looked_whole: None,
        }
    }

    /// Works until `stop` completes.
    pub(super) async fn go_on(&mut self, mut stop: Pin<&mut impl Future<Output = ()>>) {
        loop {
            self.begin_dispatches();
            self.begin_claim();
            let Self { claiming, running, woken, outbox, .. } = self;
            let claimed = async {
                match claiming {
                    Some(claiming) => claiming.await,
                    None => pending().await,
                }
            };
            let looking = self.next_look;
            tokio::select! {
                biased;
                () = &mut stop => return,
                batch = claimed => self.take(batch),
                Some(ended) = running.join_next_with_id() => self.note(ended),
                () = woken.notified() => self.wanted = true,
                () = outbox.written() => {}
                () = sleep_until(looking) => {}
            }
            while let Some(ended) = self.running.try_join_next_with_id() {
                self.note(ended);
            }
        }
    }

    /// Gives back what is not yet dispatched, lets dispatches end within the grace, and gives back the rest.
    pub(super) async fn wind_up(mut self) {
        // Without waiting for it, what it claims would be hidden for a whole lease.
        if let Some(claiming) = self.claiming.take() {
            self.take(claiming.await);
        }
        for row in std::mem::take(&mut self.waiting) {
            self.release(row);
        }
        let grace = self.shared.settings.grace;
        let ending = async {
            while let Some(ended) = self.running.join_next_with_id().await {
                self.note(ended);
            }
        };
        if timeout(grace, ending).await.is_ok() {
            return;
        }
        tracing::warn!(
            dispatches = self.running.len(),
            "dispatches did not end within {grace:?}; they are cut off"
        );
        self.running.abort_all();
        while let Some(ended) = self.running.join_next_with_id().await {
            match ended {
                Err(error) if error.is_cancelled() => {
                    if let Some((id, kind, hold)) = self.held.remove(&error.id()) {
                        self.outbox.put(Done::released(id, kind, hold));
                    }
                }
                ended => self.note(ended),
            }
        }
    }

    fn begin_dispatches(&mut self) {
        let within = self.shared.settings.begin_within();
        while self.running.len() < self.shared.settings.concurrency {
            let Some(row) = self.waiting.pop_front() else { break };
            if row.hold.claimed_at.elapsed() > within {
                self.release(row);
                continue;
            }
            let (id, kind, hold) = (row.id, Arc::clone(&row.kind), row.hold);
            let task = self.running.spawn(dispatch(Arc::clone(&self.shared), row));
            self.held.insert(task.id(), (id, kind, hold));
        }
        // What has waited for too long behind slow dispatches is another runner's.
        while self.waiting.front().is_some_and(|row| row.hold.claimed_at.elapsed() > within) {
            if let Some(row) = self.waiting.pop_front() {
                self.release(row);
            }
        }
    }

    /// Begins a claim if there is reason to and room for it, and in each polling period at the latest: with no room it
    /// claims nothing, and shows that the database still answers.
    fn begin_claim(&mut self) {
        if self.claiming.is_some() {
            return;
        }
        let (now, room) = (Instant::now(), self.room());
        let due = now >= self.next_look;
        if !(due || self.wanted && self.worth_it(room)) {
            return;
        }
        // Without room this look finds nothing out, and is owed.
        self.wanted = room == 0;
        let settings = &self.shared.settings;
        let whole = self.looked_whole.is_none_or(|last| now.duration_since(last) >= settings.poll);
        if whole {
            self.floor = f64::NEG_INFINITY;
            self.looked_whole = Some(now);
        }
        self.next_look = now + settings.poll;
        let limit = room.min(settings.batch);
        self.claiming = Some(Box::pin(claim(Arc::clone(&self.shared), limit, self.floor)));
    }

    /// How many rows more may be held.
    fn room(&self) -> usize {
        let settings = &self.shared.settings;
        // Completions that do not get written, while the database is away, must not pile up.
        if self.outbox.unwritten() >= settings.batch * 4 {
            return 0;
        }
        self.capacity().saturating_sub(self.waiting.len() + self.running.len())
    }

    fn capacity(&self) -> usize {
        let settings = &self.shared.settings;
        let most = settings.batch * 2;
        settings.concurrency + self.pace.ahead(settings.concurrency, most, settings.begin_within())
    }

    /// Whether a claim now is not better made a little later, and larger.
    fn worth_it(&self, room: usize) -> bool {
        let portion = self.shared.settings.batch.min(self.capacity()) / 2;
        room > 0 && (self.waiting.is_empty() || room >= portion)
    }

    fn take(&mut self, claimed: Result<Batch, DatabaseError>) {
        self.claiming = None;
        let batch = match claimed {
            Ok(batch) => batch,
            Err(error) => {
                self.shared.failed("a claim did not succeed", &error);
                // What an unanswered claim took comes back by itself; only the next look finds out.
                self.become_idle(self.shared.settings.poll);
                return;
            }
        };
        self.shared.ticks.send_replace(Some(Instant::now()));
        if batch.full {
            self.wanted = true;
            self.idle.send_if_modified(|idle| std::mem::replace(idle, false));
            // A little earlier than the last one was due: the figure is rounded, and several may share it.
            self.floor = batch.reached - 0.001;
        } else if !self.wanted {
            let was_busy = self.idle.send_if_modified(|idle| !std::mem::replace(idle, true));
            self.become_idle(if was_busy { FIRST_LOOK } else { self.wait.saturating_mul(2) });
        }
        for row in batch.superseded {
            self.outbox.put(Done::ended(row.id, row.kind, row.hold, End::Skipped("superseded")));
        }
        for row in batch.deferred {
            self.outbox.put(Done::deferred(row));
        }
        self.waiting.extend(batch.rows);
    }

    /// Looks again after `wait`, from the very beginning.
    fn become_idle(&mut self, wait: Duration) {
        self.wait = wait.min(self.shared.settings.poll);
        self.next_look = Instant::now() + self.wait;
        self.looked_whole = None;
    }

    fn note(&mut self, ended: Result<(Id, Dispatched), JoinError>) {
        match ended {
            Ok((task, Dispatched { id, kind, hold, end, took })) => {
                self.held.remove(&task);
                if let Some(took) = took {
                    self.pace.saw(took);
                }
                self.outbox.put(Done::ended(id, kind, hold, end));
            }
            // A handler's panic is caught before it comes here; this is for a panic while that is dropped.
            Err(error) => {
                if let Some((id, kind, hold)) = self.held.remove(&error.id()) {
                    let end = End::Failed(Reason::Panicked, "the dispatch panicked".to_owned());
                    self.outbox.put(Done::ended(id, kind, hold, end));
                }
            }
        }
    }

    fn release(&self, row: Claimed) {
        self.outbox.put(Done::released(row.id, row.kind, row.hold));
    }
}
