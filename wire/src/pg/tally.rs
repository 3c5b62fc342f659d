//! What passes, counted on both sides of the rules.

use super::pattern::Match;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number on each side of the rules.
#[derive(Debug, Default)]
pub(crate) struct Sides {
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
}

/// A counter that is set.
#[derive(Debug)]
pub(crate) struct CounterState {
    pub(crate) matcher: Match,
    since: u64,
    all: Sides,
    since_opened: Sides,
}

impl CounterState {
    pub(crate) fn new(matcher: Match, since: u64) -> Self {
        Self { matcher, since, all: Sides::default(), since_opened: Sides::default() }
    }

    pub(crate) fn receive(&self, connection: u64) {
        self.all.received.fetch_add(1, Ordering::SeqCst);
        if connection > self.since {
            self.since_opened.received.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(crate) fn send(&self, connection: u64, times: u64) {
        self.all.sent.fetch_add(times, Ordering::SeqCst);
        if connection > self.since {
            self.since_opened.sent.fetch_add(times, Ordering::SeqCst);
        }
    }
}

/// Counts executions (each `Query`, each `Execute`) of the statements that a [`Match`] means, exactly and for as
/// long as this is kept and the wire lives. On the client's side it looks at the text as given, on the server's at the text as sent:
/// a statement that a rewrite took the words from is received and not sent.
#[derive(Debug, Clone)]
pub struct Counter(pub(crate) Arc<CounterState>);

impl Counter {
    /// From clients, before the rules.
    pub fn received(&self) -> u64 {
        self.0.all.received.load(Ordering::SeqCst)
    }

    /// To the server, after the rules.
    pub fn sent(&self) -> u64 {
        self.0.all.sent.load(Ordering::SeqCst)
    }

    /// Like [`Self::received`], only by connections opened since the counter was made.
    pub fn received_since_opened(&self) -> u64 {
        self.0.since_opened.received.load(Ordering::SeqCst)
    }

    /// Like [`Self::sent`], only by connections opened since the counter was made.
    pub fn sent_since_opened(&self) -> u64 {
        self.0.since_opened.sent.load(Ordering::SeqCst)
    }
}

/// What a wire has seen in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted, cancel requests among them.
    pub connections: u64,
    /// Cancel requests passed on.
    pub cancels: u64,
    /// Executions from clients, before the rules.
    pub received: u64,
    /// Executions to the server, after the rules.
    pub sent: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) connections: AtomicU64,
    pub(crate) cancels: AtomicU64,
    pub(crate) executions: Sides,
}

impl Totals {
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            connections: self.connections.load(Ordering::SeqCst),
            cancels: self.cancels.load(Ordering::SeqCst),
            received: self.executions.received.load(Ordering::SeqCst),
            sent: self.executions.sent.load(Ordering::SeqCst),
        }
    }
}
