//! Where checks run: the seam between the engine and whatever opens lanes; and the pool of open lanes.

use crate::last::AtEnd;
use crate::limit::limited;
use crate::run::INTERRUPTED;
use crate::{CannotTell, Check, Judgement, Need, Secrets};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;

/// Opens, remakes and closes lanes: whole targets of their own.
pub trait Arena: Send + Sync + 'static {
    /// One whole target.
    type Lane: Send + Sync + 'static;

    /// Why `need` is not to be had here, or `None` where it is.
    fn lacks(&self, need: &Need) -> Option<String>;

    /// Why `check` has nothing to judge here, by what the target's configuration says or leaves out; `None` where it has.
    fn leaves_out(&self, _check: &Check<Self::Lane>) -> Option<String> {
        None
    }

    /// Opens lane number `index`, with what `needs` asks for and nothing more.
    fn open(
        &self,
        index: usize,
        needs: &[Need],
    ) -> impl Future<Output = Result<Self::Lane, CannotTell>> + Send;

    /// Makes a lane as good as new: databases remade, services restarted, wires clear.
    fn remake(&self, lane: &mut Self::Lane) -> impl Future<Output = Result<(), CannotTell>> + Send;

    /// Takes a lane down and awaits its end.
    fn close(&self, lane: Self::Lane) -> impl Future<Output = ()> + Send;

    /// Every credential of the target, for redaction.
    fn secrets(&self) -> Secrets;
}

/// What a lane needs after a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aftermath {
    /// Nothing.
    Clean,
    /// To be remade before the next job.
    Remake,
}

/// The longest that a lane may take to open.
const OPEN_LIMIT: Duration = Duration::from_secs(120);
/// The longest that a lane may take to be remade, before it is taken down and replaced.
const REMAKE_LIMIT: Duration = Duration::from_secs(120);
/// The longest that a lane may take to go, before it is given up.
const CLOSE_LIMIT: Duration = Duration::from_secs(60);

/// The lanes of one command, each opened when its first job comes and kept until [`Lanes::close`].
pub struct Lanes<A: Arena> {
    arena: Arc<A>,
    needs: Arc<[Need]>,
    slots: Vec<Option<A::Lane>>,
    solitude: Arc<RwLock<()>>,
}

/// One job on a lane; `Err` is the reason why no lane could be had.
pub(crate) type Work<J, L, R> =
    dyn for<'a> Fn(J, usize, Result<&'a mut L, CannotTell>) -> BoxFuture<'a, (R, Aftermath)> + Send + Sync;

impl<A: Arena> Lanes<A> {
    /// A pool of `count` lanes; none is opened yet.
    pub fn new(arena: Arc<A>, count: usize, needs: &[Need]) -> Self {
        let slots = (0..count.max(1)).map(|_| None).collect();
        Self { arena, needs: needs.into(), slots, solitude: Arc::default() }
    }

    /// How many jobs can run side by side.
    pub fn width(&self) -> usize {
        self.slots.len()
    }

    /// Held for reading by whatever disturbs the machine: each check, each step of a sabotage, each lane that is
    /// opened, remade or closed. Held for writing by a check that must be alone. No task holds it twice.
    pub(crate) fn solitude(&self) -> Arc<RwLock<()>> {
        self.solitude.clone()
    }

    /// Works off `jobs`, first come first served over the lanes; results in the order of completion. After `stop`
    /// no further job is begun; a job that panics has no result. `at_end` is done on a lane before it is remade, and when no job
    /// is left.
    pub(crate) async fn work<J, R>(
        &mut self,
        jobs: Vec<J>,
        stop: &CancellationToken,
        work: Arc<Work<J, A::Lane, R>>,
        at_end: Option<Arc<AtEnd<A::Lane>>>,
    ) -> Vec<R>
    where
        J: Send + 'static,
        R: Send + 'static,
    {
        let width = self.slots.len().min(jobs.len());
        let queue = Arc::new(Mutex::new(VecDeque::from(jobs)));
        let workers = self.slots.iter_mut().take(width).enumerate().map(|(index, slot)| {
            let worker = Worker {
                arena: self.arena.clone(),
                needs: self.needs.clone(),
                solitude: self.solitude.clone(),
                index,
                lane: slot.take(),
                stop: stop.clone(),
                at_end: at_end.clone(),
            };
            tokio::spawn(worker.run(queue.clone(), work.clone()))
        });
        let mut results = Vec::new();
        let ended = join_all(workers).await;
        for (slot, ended) in self.slots.iter_mut().zip(ended) {
            // Panics are caught around each job; one that got through takes its lane with it (dropped, so gone).
            if let Ok((lane, done)) = ended {
                *slot = lane;
                results.extend(done);
            }
        }
        results
    }

    /// Takes every lane down.
    pub async fn close(self) {
        let Self { arena, slots, solitude, .. } = self;
        join_all(slots.into_iter().flatten().map(|lane| take_down(&*arena, &solitude, lane))).await;
    }
}

async fn take_down<A: Arena>(arena: &A, solitude: &RwLock<()>, lane: A::Lane) {
    let _together = solitude.read().await;
    let closing = async {
        arena.close(lane).await;
        Ok(())
    };
    if let Err(reason) = limited(CLOSE_LIMIT, "closing it", closing).await {
        tracing::warn!(%reason, "a lane was given up");
    }
}

impl<A: Arena> std::fmt::Debug for Lanes<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lanes").field("width", &self.slots.len()).finish_non_exhaustive()
    }
}

/// One lane and the loop that gives it jobs.
struct Worker<A: Arena> {
    arena: Arc<A>,
    needs: Arc<[Need]>,
    solitude: Arc<RwLock<()>>,
    index: usize,
    lane: Option<A::Lane>,
    stop: CancellationToken,
    /// Done before the lane is remade, and when no job is left.
    at_end: Option<Arc<AtEnd<A::Lane>>>,
}

impl<A: Arena> Worker<A> {
    async fn run<J: Send, R>(
        mut self,
        queue: Arc<Mutex<VecDeque<J>>>,
        work: Arc<Work<J, A::Lane, R>>,
    ) -> (Option<A::Lane>, Vec<R>) {
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let mut done = Vec::new();
        while !self.stop.is_cancelled() {
            let Some(job) = next() else { break };
            let index = self.index;
            let worked = AssertUnwindSafe(async { work(job, index, self.ready().await).await });
            let aftermath = match worked.catch_unwind().await {
                Ok((result, aftermath)) => {
                    done.push(result);
                    aftermath
                }
                Err(_) => {
                    tracing::error!(lane = index, "a job panicked and has no result");
                    Aftermath::Remake
                }
            };
            if aftermath == Aftermath::Remake {
                self.end().await;
                self.remake().await;
            }
        }
        self.end().await;
        (self.lane, done)
    }

    async fn end(&self) {
        if let (Some(at_end), Some(lane), false) = (&self.at_end, &self.lane, self.stop.is_cancelled()) {
            at_end(self.index, lane).await;
        }
    }

    async fn ready(&mut self) -> Judgement<&mut A::Lane> {
        if self.lane.is_none() {
            self.lane = Some(self.open().await?);
        }
        self.lane.as_mut().ok_or_else(|| CannotTell::new("no lane"))
    }

    /// Nobody who has interrupted waits for a lane that will not be used.
    async fn open(&self) -> Judgement<A::Lane> {
        let opening = async {
            let _together = self.solitude.read().await;
            let work = async { self.arena.open(self.index, &self.needs).await };
            limited(OPEN_LIMIT, "opening a lane", work).await
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(CannotTell::new(INTERRUPTED)),
            opened = opening => opened,
        }
    }

    /// A lane that can't be remade is taken down; the next job opens another.
    async fn remake(&mut self) {
        let Some(mut lane) = self.lane.take() else { return };
        let remade = {
            let _together = self.solitude.read().await;
            limited(REMAKE_LIMIT, "remaking it", async { self.arena.remake(&mut lane).await }).await
        };
        match remade {
            Ok(()) => self.lane = Some(lane),
            Err(reason) => {
                tracing::warn!(lane = self.index, %reason, "a lane could not be remade and is replaced");
                take_down(&*self.arena, &self.solitude, lane).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
