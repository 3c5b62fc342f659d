//! The forwarder's loop: write down what is done, move the cursor, claim what there is room for, wait.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::claim::{Claimed, claim};
use super::deliver::{Done, Means, Verdict, deliver};
use super::record::{Pen, later};
use super::settle::Settled;
use super::{Forwarder, TurnError, cursor};
use crate::store::{Planning, Session, ledger_sql};

/// How long the database may take for one statement, and for one turn.
const STATEMENT_LIMIT: Duration = Duration::from_secs(5);
const TURN_LIMIT: Duration = Duration::from_secs(10);

/// How long a turn may go on once the service ends: with a database that hangs there is nothing to wait for.
const LAST_TURN: Duration = Duration::from_secs(1);

/// The longest pause after an answer that blames the account: it ends when somebody mends it, and then soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

pub(super) struct Runner {
    forwarder: Forwarder,
    silent: Vec<String>,
    ledger_sql: String,
    open: Option<Open>,
    settled: Settled,
    in_flight: JoinSet<Done>,
    /// What each task works on, in case it panics.
    claimed: HashMap<Id, Claimed>,
    /// What came of rows and is not yet written down; kept through an outage of the database.
    unwritten: VecDeque<Done>,
    /// Those of them that the database has refused, which is told once.
    refused: HashSet<i64>,
    paused_until: Option<Instant>,
    /// Answers in a row that blamed the account.
    setbacks: usize,
    well: bool,
}

struct Open {
    session: Session,
    namespace: Uuid,
}

impl Runner {
    pub(super) fn new(forwarder: Forwarder) -> Self {
        Self {
            silent: forwarder.kinds.silent_ones(),
            ledger_sql: ledger_sql(forwarder.provider.declared()),
            forwarder,
            open: None,
            settled: Settled::default(),
            in_flight: JoinSet::new(),
            claimed: HashMap::new(),
            unwritten: VecDeque::new(),
            refused: HashSet::new(),
            paused_until: None,
            setbacks: 0,
            well: true,
        }
    }

    pub(super) async fn run(mut self, ending: CancellationToken) {
        let mut next_look = Instant::now();
        while !ending.is_cancelled() {
            let looking = Instant::now() >= next_look;
            if looking {
                next_look = Instant::now() + self.forwarder.settings.poll;
            }
            let more = tokio::select! {
                more = self.turn(looking) => more,
                () = last_moment(&ending) => {
                    // What this turn was about is unknown now, and so is its connection.
                    self.open = None;
                    break;
                }
            };
            // With a full house there may be more where that came from: no reason to wait for the next look.
            if more {
                next_look = Instant::now();
            }
            tokio::select! {
                () = ending.cancelled() => {}
                () = sleep_until(next_look), if self.has_room() => {}
                Some(ended) = self.in_flight.join_next_with_id() => self.ended(ended),
            }
        }
        self.finish().await;
    }

    fn has_room(&self) -> bool {
        self.in_flight.len() < self.forwarder.settings.concurrency
    }

    /// Takes no longer than its limit; whatever goes wrong costs the connection. Whether there may be more to claim.
    async fn turn(&mut self, looking: bool) -> bool {
        let turned = timeout(TURN_LIMIT, self.work(looking)).await.unwrap_or(Err(TurnError::Silent));
        match turned {
            Ok(more) => {
                if !std::mem::replace(&mut self.well, true) {
                    tracing::info!("the forwarder works again");
                }
                more
            }
            Err(error) => {
                self.open = None;
                if std::mem::replace(&mut self.well, false) {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(error = error.to_string(), cause, "the forwarder cannot work");
                }
                false
            }
        }
    }

    async fn work(&mut self, looking: bool) -> Result<bool, TurnError> {
        if self.open.as_ref().is_none_or(|open| open.session.client.is_closed()) {
            self.open = Some(open(&self.forwarder.database).await?);
        }
        self.write_all().await?;
        let Some(open) = &self.open else { return Err(TurnError::Silent) };
        if !looking {
            return Ok(false);
        }
        let settled = self.settled.look(&open.session.client).await?;
        cursor::advance(&open.session.client, &self.silent, settled).await?;
        self.claim().await
    }

    /// Writes down what is done, each once at most. What the database will not have keeps its place in line, behind the
    /// others: it is looked at again, and holds up nobody.
    async fn write_all(&mut self) -> Result<(), TurnError> {
        for _ in 0..self.unwritten.len() {
            let Some(done) = self.unwritten.front().cloned() else { break };
            match self.write_down(&done).await {
                Ok(()) => {
                    self.forwarder.metrics.outcome(done.outcome);
                    self.refused.remove(&done.audit_id);
                    self.unwritten.pop_front();
                }
                Err(error) if error.is_about_the_row() => {
                    if self.refused.insert(done.audit_id) {
                        let cause = std::error::Error::source(&error).map(ToString::to_string);
                        tracing::error!(
                            audit_id = done.audit_id,
                            cause,
                            "what came of an email cannot be written down"
                        );
                    }
                    self.unwritten.rotate_left(1);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn claim(&mut self) -> Result<bool, TurnError> {
        let room = self.forwarder.settings.concurrency.saturating_sub(self.in_flight.len());
        let paused = self.paused_until.is_some_and(|until| Instant::now() < until);
        let Some(open) = self.open.as_ref().filter(|_| room > 0 && !paused) else { return Ok(false) };
        // Counted from before the claim, so that our clock never gives more than the database's.
        let lease_ends = Instant::now() + self.forwarder.settings.lease;
        // After a setback one row at a time is enough to see whether it is over.
        let wanted = match self.setbacks {
            0 => room,
            _ if self.in_flight.is_empty() => 1,
            _ => return Ok(false),
        };
        let lease = self.forwarder.settings.lease;
        let in_hand = self.claimed.values().map(|claimed| claimed.row.id);
        let in_hand: Vec<i64> = in_hand.chain(self.unwritten.iter().map(|done| done.audit_id)).collect();
        let claimed = claim(&open.session.client, &self.silent, &in_hand, wanted, lease).await?;
        let more = claimed.len() == room;
        let means = Means {
            kinds: self.forwarder.kinds.clone(),
            mailer: self.forwarder.mailer.clone(),
            send_limit: self.forwarder.settings.send_limit,
        };
        for row in claimed {
            let work = deliver(means.clone(), row.clone(), open.namespace, lease_ends);
            let task = self.in_flight.spawn(work);
            self.claimed.insert(task.id(), row);
        }
        Ok(more)
    }

    fn ended(&mut self, ended: Result<(Id, Done), tokio::task::JoinError>) {
        let (id, done) = match ended {
            Ok((id, done)) => (id, Some(done)),
            Err(error) => (error.id(), None),
        };
        let Some(claimed) = self.claimed.remove(&id) else { return };
        let panicked = || {
            tracing::error!(audit_id = claimed.row.id, kind = claimed.row.kind, "sending an email panicked");
            Done::of(&claimed, "panicked", Verdict::Failed("panicked".to_owned()))
        };
        let done = done.unwrap_or_else(panicked);
        match &done.verdict {
            Verdict::Paused { why, after } => self.pause(why, *after),
            Verdict::Sent { .. } => self.setbacks = 0,
            _ => {}
        }
        self.unwritten.push_back(done);
    }

    /// What was under way together counts as one setback.
    fn pause(&mut self, why: &str, after: Option<Duration>) {
        if self.paused_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        let pause =
            after.unwrap_or_else(|| self.forwarder.settings.retry_after(self.setbacks).min(LONGEST_PAUSE));
        self.setbacks += 1;
        self.paused_until = Some(Instant::now() + pause);
        tracing::error!(why, ?pause, "the email provider sends nothing for us; nothing is lost meanwhile");
    }

    async fn write_down(&mut self, done: &Done) -> Result<(), TurnError> {
        let Some(open) = &mut self.open else { return Err(TurnError::Silent) };
        let client = &mut open.session.client;
        let pen = Pen { provider: self.forwarder.provider.name(), ledger_sql: &self.ledger_sql };
        match &done.verdict {
            Verdict::Sent { provider_id, reference } => {
                pen.sent(client, done, provider_id.as_deref(), *reference).await?;
            }
            Verdict::Dropped => pen.dropped(client, done).await?,
            Verdict::Failed(why) => {
                let after = self.forwarder.settings.retry_after(done.attempts);
                tracing::warn!(audit_id = done.audit_id, why, ?after, "an email is tried again later");
                later(client, done, done.attempts + 1, after, why).await?;
            }
            // The message is not at fault, so it gets no further down its schedule.
            Verdict::Paused { why, .. } => {
                let after = self
                    .paused_until
                    .map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
                later(client, done, done.attempts.max(1), after, why).await?;
            }
            Verdict::Untried => {}
        }
        Ok(())
    }

    /// What is in flight has its own limit; what cannot be written down now costs one more request, under its key.
    async fn finish(mut self) {
        let limit = self.forwarder.settings.send_limit;
        let in_flight = async {
            while let Some(ended) = self.in_flight.join_next_with_id().await {
                self.ended(ended);
            }
        };
        let _ended = timeout(limit, in_flight).await;
        if self.unwritten.is_empty() {
            return;
        }
        self.turn(false).await;
        if !self.unwritten.is_empty() {
            tracing::error!(rows = self.unwritten.len(), "emails were sent and could not be written down");
        }
    }
}

/// When a turn must be over, of a service that ends.
async fn last_moment(ending: &CancellationToken) {
    ending.cancelled().await;
    sleep(LAST_TURN).await;
}

async fn open(config: &tokio_postgres::Config) -> Result<Open, TurnError> {
    let session = Session::open(config, STATEMENT_LIMIT, Planning::Anew).await?;
    let row = session.client.query_opt("SELECT namespace FROM forwarder_deployment", &[]).await?;
    let namespace = row.ok_or(TurnError::NoDeployment)?.get(0);
    Ok(Open { session, namespace })
}
