//! Group commit: what concurrent requests bring goes into one transaction, and each is answered after its commit.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, Statement};

use super::session::Session;
use super::statements::{KNOWN, LEDGER_LOCK, STORE, ledger_sql, lock_number};
use crate::event::Event;
use crate::provider::Provider;

/// Requests that may wait for the next transaction; a further one is sent away at once.
const QUEUE: usize = 1_024;
/// A transaction takes no further request once it has this many events. Each message is a lock in a shared table that
/// by default has room for 6,400.
const ENOUGH: usize = 512;
/// How long a transaction may take, connecting included.
const TRANSACTION_LIMIT: Duration = Duration::from_millis(1_500);
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

/// The one that commits; clones share it. Its task ends with the last of them.
#[derive(Clone)]
pub(crate) struct Committer {
    jobs: mpsc::Sender<Job>,
}

impl Committer {
    /// Starts it. It connects when it is first needed, on a connection of its own.
    pub(crate) fn start(config: Config, provider: &Arc<dyn Provider>) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let ledger = ledger_sql(provider.declared());
        let connection = Connection { config, provider: provider.name(), ledger, open: None };
        tokio::spawn(commit_all(queue, connection));
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

async fn commit_all(mut queue: mpsc::Receiver<Job>, mut connection: Connection) {
    while let Some(first) = queue.recv().await {
        let mut events = first.events.len();
        let mut jobs = vec![first];
        while events < ENOUGH
            && let Ok(next) = queue.try_recv()
        {
            events += next.events.len();
            jobs.push(next);
        }
        // Who has been sent away already sends again; its turn is better spent on who still waits.
        jobs.retain(|job| job.deadline > Instant::now());
        if !jobs.is_empty() {
            connection.commit(jobs).await;
        }
    }
}

/// The committer's connection, made when needed and given up at the first error.
struct Connection {
    config: Config,
    provider: &'static str,
    ledger: String,
    open: Option<Open>,
}

struct Open {
    session: Session,
    lock: Statement,
    store: Statement,
    ledger: Statement,
    known: Statement,
}

impl Connection {
    async fn commit(&mut self, jobs: Vec<Job>) {
        match self.transaction(&jobs).await {
            Ok(known) => answer(jobs, &known),
            // One request's event that the database cannot take must not keep out the others.
            Err(Failure::Data) if jobs.len() > 1 => {
                for job in jobs {
                    let job = [job];
                    let known = self.transaction(&job).await;
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

    /// Stores all of it, and gives the messages that the ledger knows.
    async fn transaction(&mut self, jobs: &[Job]) -> Result<HashSet<String>, Failure> {
        let batch = Batch::of(self.provider, jobs);
        let limit = Instant::now() + TRANSACTION_LIMIT;
        let reused = self.open.is_some();
        let mut done = timeout_at(limit, self.attempt(&batch)).await.unwrap_or(Err(Failure::Silent));
        // The server may have gone and come back since the connection was last used. Nothing is told of what a
        // broken connection left behind, committed or not: storing it again changes nothing.
        if reused && matches!(done, Err(Failure::Connection)) {
            self.open = None;
            done = timeout_at(limit, self.attempt(&batch)).await.unwrap_or(Err(Failure::Silent));
        }
        if let Err(failure) = done {
            tracing::warn!(?failure, events = batch.len(), "delivery events cannot be stored for now");
            self.open = None;
        }
        done
    }

    async fn attempt(&mut self, batch: &Batch<'_>) -> Result<HashSet<String>, Failure> {
        if self.open.as_ref().is_none_or(|open| open.session.client.is_closed()) {
            self.open = Some(Open::new(&self.config, &self.ledger).await?);
        }
        let Some(open) = &self.open else { return Err(Failure::Connection) };
        open.write(self.provider, batch).await
    }
}

impl Open {
    async fn new(config: &Config, ledger: &str) -> Result<Self, Failure> {
        let session = Session::open(config, TRANSACTION_LIMIT).await?;
        let client = &session.client;
        let (lock, store, ledger, known) = tokio::try_join!(
            client.prepare(LEDGER_LOCK),
            client.prepare(STORE),
            client.prepare(ledger),
            client.prepare(KNOWN)
        )?;
        Ok(Self { session, lock, store, ledger, known })
    }

    /// One transaction, its statements sent without waiting for each other's answers. Where one fails, the server
    /// refuses those after it and makes the `COMMIT` a rollback.
    async fn write(&self, provider: &str, batch: &Batch<'_>) -> Result<HashSet<String>, Failure> {
        let client = &self.session.client;
        let columns: [&(dyn ToSql + Sync); 7] =
            [&provider, &batch.ids, &batch.digests, &batch.names, &batch.times, &batch.links, &batch.raws];
        let messages: [&(dyn ToSql + Sync); 2] = [&provider, &batch.messages];
        let locks: [&(dyn ToSql + Sync); 1] = [&batch.locks];
        // The futures are polled, and so sent, in this order.
        let (begun, locked, stored, told, known, committed) = tokio::join!(
            biased;
            client.batch_execute("BEGIN"),
            client.query(&self.lock, &locks),
            client.execute(&self.store, &columns),
            client.execute(&self.ledger, &messages),
            client.query(&self.known, &messages),
            client.batch_execute("COMMIT"),
        );
        begun?;
        locked?;
        stored?;
        told?;
        let known = known?;
        committed?;
        Ok(known.into_iter().map(|row| row.get(0)).collect())
    }
}

fn answer(jobs: Vec<Job>, known: &HashSet<String>) {
    for job in jobs {
        let stored = job.events.iter().map(|event| known.contains(&event.provider_id)).collect();
        // Who no longer waits was sent away, and will send again.
        let _unheard = job.answer.send(Ok(stored));
    }
}

/// The columns of a transaction's events, in the order of their keys.
struct Batch<'a> {
    ids: Vec<&'a str>,
    digests: Vec<&'a str>,
    names: Vec<&'a str>,
    times: Vec<time::OffsetDateTime>,
    links: Vec<&'a str>,
    raws: Vec<&'a str>,
    /// The messages that the ledger is concerned with, each once.
    messages: Vec<&'a str>,
    locks: Vec<i64>,
}

impl<'a> Batch<'a> {
    fn of(provider: &str, jobs: &'a [Job]) -> Self {
        let mut events: Vec<&Event> = jobs.iter().flat_map(|job| &job.events).collect();
        events.sort_by(|one, other| one.key().cmp(&other.key()));
        let declared = events.iter().filter(|event| event.declared.is_some());
        let mut messages: Vec<&str> = declared.map(|event| event.provider_id.as_str()).collect();
        messages.dedup();
        let mut locks: Vec<i64> = messages.iter().map(|message| lock_number(provider, message)).collect();
        locks.sort_unstable();
        locks.dedup();
        Self {
            ids: events.iter().map(|event| event.provider_id.as_str()).collect(),
            digests: events.iter().map(|event| event.recipient_digest.as_str()).collect(),
            names: events.iter().map(|event| event.name.as_str()).collect(),
            times: events.iter().map(|event| event.time).collect(),
            links: events.iter().map(|event| event.link.as_str()).collect(),
            raws: events.iter().map(|event| event.raw.as_str()).collect(),
            messages,
            locks,
        }
    }

    fn len(&self) -> usize {
        self.ids.len()
    }
}

/// Why a transaction came to nothing, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// No connection, or it broke.
    Connection,
    /// No answer in time.
    Silent,
    /// The server refused what the events hold.
    Data,
    /// The server refused for a reason of its own: it is ending, locked, full, or lacks the tables.
    Refused,
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        // Classes of SQLSTATE: 22 data exception, 23 constraint violated, 54 a limit of the program, 57 the operator.
        let class = error.code().map(|code| code.code().get(..2).unwrap_or_default().to_owned());
        match class.as_deref() {
            None | Some("57" | "08") => Self::Connection,
            Some("22" | "23" | "54") => Self::Data,
            Some(_) => {
                let code = error.code().map(|code| code.code().to_owned());
                tracing::error!(code, "the database refused to store delivery events");
                Self::Refused
            }
        }
    }
}
