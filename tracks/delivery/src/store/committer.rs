//! Group commit: what concurrent requests bring goes into one transaction, and each is answered after its commit.

use std::collections::HashSet;
use std::iter::repeat_n;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Config;

use super::batch::Batch;
use super::connection::Connection;
use super::failure::Failure;
use crate::event::Event;
use crate::provider::Provider;

/// Requests that may wait for the next transaction; a further one is sent away at once.
const QUEUE: usize = 1_024;
/// A transaction takes no further request once it has this many events. Each message is a lock in a shared table that
/// by default has room for 6,400.
const ENOUGH: usize = 512;
/// Transactions under way at once: one is being filled while the other waits for its commit to reach the disk.
const AT_ONCE: usize = 2;
/// How long a request waits in all: for its turn, and for its transaction.
const REQUEST_LIMIT: Duration = Duration::from_secs(2);

/// What came of a request's events, all of them stored: for each whether the ledger knows its message.
pub(crate) type Stored = Vec<bool>;

/// Nothing is known to be stored; the same events again do no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unavailable;

struct Job {
    events: Vec<Event>,
    answer: oneshot::Sender<Result<Stored, Unavailable>>,
    deadline: Instant,
}

/// What commits; clones share it. Its tasks end with the last of them.
#[derive(Clone)]
pub(crate) struct Committer {
    jobs: mpsc::Sender<Job>,
}

impl Committer {
    /// Starts it. It connects when it is first needed, on connections of its own.
    pub(crate) fn start(config: Config, provider: &Arc<dyn Provider>) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for config in repeat_n(config, AT_ONCE) {
            let connection = Connection::new(config, provider.as_ref());
            tokio::spawn(commit_all(Arc::clone(&queue), provider.name(), connection));
        }
        Self { jobs }
    }

    /// Stores events, and answers once that is committed.
    pub(crate) async fn store(&self, events: Vec<Event>) -> Result<Stored, Unavailable> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + REQUEST_LIMIT;
        let (answer, answered) = oneshot::channel();
        self.jobs.try_send(Job { events, answer, deadline }).map_err(|_| Unavailable)?;
        match timeout_at(deadline, answered).await {
            Ok(Ok(stored)) => stored,
            _ => Err(Unavailable),
        }
    }
}

async fn commit_all(queue: Arc<Mutex<mpsc::Receiver<Job>>>, provider: &str, mut connection: Connection) {
    loop {
        let Some(mut jobs) = next(&mut *queue.lock().await).await else { return };
        // Who has been sent away already sends again; its turn is better spent on who still waits.
        jobs.retain(|job| job.deadline > Instant::now());
        if !jobs.is_empty() {
            commit(provider, &mut connection, jobs).await;
        }
    }
}

/// What one transaction takes: all that waits, and what those bring who are about to.
async fn next(queue: &mut mpsc::Receiver<Job>) -> Option<Vec<Job>> {
    let mut jobs = vec![queue.recv().await?];
    let mut events = jobs[0].events.len();
    // Requests that have come and not been read yet are a moment away. Waiting for them costs no time by the clock, and
    // saves a transaction for the first of them alone.
    tokio::task::yield_now().await;
    while events < ENOUGH
        && let Ok(next) = queue.try_recv()
    {
        events += next.events.len();
        jobs.push(next);
    }
    Some(jobs)
}

async fn commit(provider: &str, connection: &mut Connection, jobs: Vec<Job>) {
    match store(provider, connection, &jobs).await {
        Ok(known) => answer(jobs, &known),
        // One request's event that the database cannot take must not keep out the others.
        Err(Failure::Data) if jobs.len() > 1 => {
            for job in jobs {
                let job = [job];
                let known = store(provider, connection, &job).await;
                let [job] = job;
                match known {
                    Ok(known) => answer(vec![job], &known),
                    Err(_) => drop(job.answer.send(Err(Unavailable))),
                }
            }
        }
        Err(_) => jobs.into_iter().for_each(|job| drop(job.answer.send(Err(Unavailable)))),
    }
}

async fn store(
    provider: &str,
    connection: &mut Connection,
    jobs: &[Job],
) -> Result<HashSet<String>, Failure> {
    connection.store(&Batch::of(provider, jobs.iter().flat_map(|job| &job.events))).await
}

fn answer(jobs: Vec<Job>, known: &HashSet<String>) {
    for job in jobs {
        let stored = job.events.iter().map(|event| known.contains(&event.provider_id)).collect();
        // Who no longer waits was sent away, and will send again.
        let _unheard = job.answer.send(Ok(stored));
    }
}
