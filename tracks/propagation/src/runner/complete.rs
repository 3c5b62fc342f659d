//! Writing down how dispatches ended: in batches, each as large as what has come together while the last was written.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Shared;
use super::claim::{Claimed, Hold};
use crate::database::DatabaseError;
use crate::handler::{End, Reason};
use crate::redact::shown;
use crate::sql;

/// The first wait when the database cannot be reached; it doubles up to [`LAST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LAST_WAIT: Duration = Duration::from_secs(1);

/// For how long a row that must wait for an older one is given back, at most.
const DEFER: Duration = Duration::from_millis(250);

/// A row that this runner is done with, and what is to be written of it.
#[derive(Debug)]
pub(super) struct Done {
    id: i64,
    kind: Arc<str>,
    hold: Hold,
    what: What,
}

#[derive(Debug)]
enum What {
    Applied(Option<&'static str>),
    Failed(Reason, String),
    /// When it is due again; `None` a little later.
    Released(Option<f64>),
}

impl Done {
    /// It was dispatched, or is not to be.
    pub(super) fn ended(id: i64, kind: Arc<str>, hold: Hold, end: End) -> Self {
        let what = match end {
            End::Applied => What::Applied(None),
            End::Skipped(reason) => What::Applied(Some(reason)),
            End::Failed(reason, error) => What::Failed(reason, error),
        };
        Self { id, kind, hold, what }
    }

    /// It was not dispatched, or cut off: due again as it had been.
    pub(super) fn released(id: i64, kind: Arc<str>, hold: Hold) -> Self {
        Self { id, kind, hold, what: What::Released(Some(hold.due)) }
    }

    /// It waits for an older one.
    pub(super) fn deferred(row: Claimed) -> Self {
        Self { id: row.id, kind: row.kind, hold: row.hold, what: What::Released(None) }
    }
}

/// Where what is done goes, and how much of it is not yet written.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    sender: mpsc::UnboundedSender<Done>,
    unwritten: Arc<AtomicUsize>,
    written: Arc<Notify>,
}

impl Outbox {
    pub(super) fn new() -> (Self, Writer) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (unwritten, written) = (Arc::default(), Arc::default());
        let outbox = Self { sender, unwritten: Arc::clone(&unwritten), written: Arc::clone(&written) };
        (outbox, Writer { receiver, unwritten, written })
    }

    /// Never blocks: what is claimed bounds what can be done.
    pub(super) fn put(&self, done: Done) {
        self.unwritten.fetch_add(1, Ordering::Relaxed);
        // The writer goes only when the runner does; then leases are what remains.
        let _gone = self.sender.send(done);
    }

    pub(super) fn unwritten(&self) -> usize {
        self.unwritten.load(Ordering::Relaxed)
    }

    /// Waits until something more has been written.
    pub(super) async fn written(&self) {
        self.written.notified().await;
    }
}

/// Writes what comes, until nobody can send any more.
#[derive(Debug)]
pub(super) struct Writer {
    receiver: mpsc::UnboundedReceiver<Done>,
    unwritten: Arc<AtomicUsize>,
    written: Arc<Notify>,
}

impl Writer {
    pub(super) async fn run(mut self, shared: Arc<Shared>) {
        let statements = Statements::new(&shared);
        let mut batch = Vec::new();
        loop {
            let count = self.receiver.recv_many(&mut batch, shared.settings.batch).await;
            if count == 0 {
                return;
            }
            let (mut applied, mut failed, mut released) = (Vec::new(), Vec::new(), Vec::new());
            for done in batch.drain(..) {
                match done.what {
                    What::Applied(_) => applied.push(done),
                    What::Failed(..) => failed.push(done),
                    What::Released(_) => released.push(done),
                }
            }
            for (which, list) in
                [(Which::Applied, applied), (Which::Failed, failed), (Which::Released, released)]
            {
                statements.write(&shared, which, list).await;
            }
            self.unwritten.fetch_sub(count, Ordering::Relaxed);
            self.written.notify_one();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Applied,
    Failed,
    Released,
}

/// The statements with this runner's audit rows in them.
struct Statements {
    applied: String,
    failed: String,
    schedule: Vec<i64>,
    max_attempts: i32,
}

impl Statements {
    fn new(shared: &Shared) -> Self {
        Self {
            applied: sql::applied(&shared.audit),
            failed: sql::failed(&shared.audit),
            schedule: shared.settings.schedule.micros(),
            max_attempts: i32::try_from(shared.settings.max_attempts).unwrap_or(i32::MAX),
        }
    }

    /// Writes a batch, again and again while the database cannot be reached and some lease still lives. What the
    /// database refuses is written one by one, so that one bad row does not hold up the others.
    async fn write(&self, shared: &Shared, which: Which, mut list: Vec<Done>) {
        let mut wait = FIRST_WAIT;
        // After a broken connection nobody knows whether the statement was carried out.
        let mut doubtful = false;
        while !list.is_empty() {
            match self.send(shared, which, &list).await {
                Ok(rows) => return account(shared, which, &list, &rows, doubtful),
                Err(error) if error.is_refusal() && list.len() > 1 => {
                    shared.failed("a batch of completions was refused; they are written one by one", &error);
                    for done in list {
                        self.write_one(shared, which, done).await;
                    }
                    return;
                }
                Err(error) if error.is_refusal() => return give_up(shared, &list, &error),
                Err(error) => {
                    shared.failed("completions could not be written; trying again", &error);
                    doubtful = true;
                    sleep(wait).await;
                    wait = (wait * 2).min(LAST_WAIT);
                }
            }
            list.retain(|done| {
                let lives = done.hold.claimed_at.elapsed() < shared.settings.lease;
                if !lives {
                    shared.metrics.late();
                    tracing::warn!(
                        id = done.id,
                        kind = &*done.kind,
                        "a lease ran out before its end was written"
                    );
                }
                lives
            });
        }
    }

    async fn write_one(&self, shared: &Shared, which: Which, done: Done) {
        let list = [done];
        match self.send(shared, which, &list).await {
            Ok(rows) => account(shared, which, &list, &rows, false),
            Err(error) => give_up(shared, &list, &error),
        }
    }

    async fn send(&self, shared: &Shared, which: Which, list: &[Done]) -> Result<Vec<Row>, DatabaseError> {
        let ids: Vec<i64> = list.iter().map(|done| done.id).collect();
        let leases: Vec<i64> = list.iter().map(|done| done.hold.lease).collect();
        let ids = (&ids as _, Type::INT8_ARRAY);
        let leases = (&leases as _, Type::INT8_ARRAY);
        let actor = shared.audit.runner();
        let actor = (&actor as _, Type::TEXT);
        match which {
            Which::Applied => {
                let skipped: Vec<Option<&str>> = list.iter().map(|done| done.what.skipped()).collect();
                let params = [ids, leases, (&skipped as _, Type::TEXT_ARRAY), actor];
                shared.database.query(&self.applied, &params).await
            }
            Which::Failed => {
                let (reasons, errors): (Vec<&str>, Vec<String>) = list
                    .iter()
                    .map(|done| done.what.failure())
                    .map(|(reason, error)| (reason, shown(shared.redactor.as_ref(), error)))
                    .unzip();
                let params = [
                    ids,
                    leases,
                    (&errors as _, Type::TEXT_ARRAY),
                    (&reasons as _, Type::TEXT_ARRAY),
                    actor,
                    (&self.schedule as _, Type::INT8_ARRAY),
                    (&self.max_attempts as _, Type::INT4),
                ];
                shared.database.query(&self.failed, &params).await
            }
            Which::Released => {
                let due: Vec<Option<f64>> = list.iter().map(|done| done.what.due()).collect();
                let defer = i64::try_from(DEFER.min(shared.settings.poll).as_micros()).unwrap_or(0);
                let params = [ids, leases, (&due as _, Type::FLOAT8_ARRAY), (&defer as _, Type::INT8)];
                shared.database.query(sql::RELEASE, &params).await
            }
        }
    }
}

impl What {
    fn skipped(&self) -> Option<&'static str> {
        if let Self::Applied(skipped) = self { *skipped } else { None }
    }

    fn failure(&self) -> (&'static str, &str) {
        if let Self::Failed(reason, error) = self { (reason.as_str(), error) } else { ("", "") }
    }

    fn due(&self) -> Option<f64> {
        if let Self::Released(due) = self { *due } else { None }
    }
}

/// Counts and logs what a statement did, and what the fence kept out.
fn account(shared: &Shared, which: Which, list: &[Done], rows: &[Row], doubtful: bool) {
    let through: HashMap<i64, &Row> = rows.iter().map(|row| (row.get(0), row)).collect();
    for done in list {
        let known = shared.registry.interned(&done.kind);
        let kind = known.as_deref();
        match through.get(&done.id) {
            Some(row) if which == Which::Failed && row.get(2) => died(shared, done, row.get(1)),
            Some(_) => match &done.what {
                What::Applied(None) => shared.metrics.ended(kind, "applied"),
                What::Applied(Some(_)) => shared.metrics.ended(kind, "skipped"),
                What::Failed(reason, _) => {
                    shared.metrics.ended(kind, "retrying");
                    let (id, kind, reason) = (done.id, &*done.kind, reason.as_str());
                    tracing::warn!(id, kind, reason, "a propagation failed and will be tried again");
                }
                What::Released(_) => shared.metrics.released(),
            },
            None if doubtful => {}
            None => {
                shared.metrics.late();
                let (id, kind) = (done.id, &*done.kind);
                tracing::warn!(id, kind, "a completion came after its lease had run out and changed nothing");
            }
        }
    }
}

fn died(shared: &Shared, done: &Done, attempts: i32) {
    let (reason, error) = done.what.failure();
    let known = shared.registry.interned(&done.kind);
    shared.metrics.ended(known.as_deref(), "dead_lettered");
    shared.metrics.died(known.as_deref(), reason);
    let error = shown(shared.redactor.as_ref(), error);
    let (id, kind) = (done.id, &*done.kind);
    tracing::error!(id, kind, attempts, reason, error, "a propagation is dead: replay or discard it");
}

/// The database will not have it: the row comes back when its lease runs out.
fn give_up(shared: &Shared, list: &[Done], error: &DatabaseError) {
    for done in list {
        let what = format!("the completion of propagation {} was refused; it costs it a lease", done.id);
        shared.failed(&what, error);
    }
}
