//! Counts, on both sides of the rules: what clients sent, and what the upstream was sent.

use super::matcher::Match;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Final responses given to clients, by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Responses {
    /// Status 101, the only one of its class that is final.
    pub informational: u64,
    /// 200 to 299.
    pub success: u64,
    /// 300 to 399.
    pub redirection: u64,
    /// 400 to 499.
    pub client_error: u64,
    /// 500 to 599, the wire's own 502 included.
    pub server_error: u64,
}

/// What passed on an HTTP wire since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections accepted from clients.
    pub connections: u64,
    /// Well-formed requests that clients sent.
    pub received: u64,
    /// Requests that the upstream was sent, after the rules; each copy of a repeated one counts.
    pub sent: u64,
    /// Requests whose head or body was malformed.
    pub malformed: u64,
    /// Responses that clients were given.
    pub responses: Responses,
}

/// Counts the requests that a matcher means, from when it was made; exact, however much has passed. The wire
/// forgets it when it is dropped.
#[derive(Debug)]
pub struct Counter(Arc<Counted>);

impl Counter {
    pub(super) const fn new(counted: Arc<Counted>) -> Self {
        Self(counted)
    }

    /// Requests that clients sent.
    pub fn received(&self) -> u64 {
        self.0.totals.received()
    }

    /// Requests that the upstream was sent.
    pub fn sent(&self) -> u64 {
        self.0.totals.sent()
    }

    /// Responses that clients were given.
    pub fn responses(&self) -> Responses {
        self.0.totals.responses()
    }
}

#[derive(Debug)]
pub(super) struct Counted {
    pub(super) matching: Match,
    pub(super) totals: Totals,
}

#[derive(Debug, Default)]
pub(super) struct Totals {
    received: AtomicU64,
    sent: AtomicU64,
    responses: [AtomicU64; 5],
}

impl Totals {
    pub(super) fn receive(&self) {
        self.received.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn send(&self) {
        self.sent.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn respond(&self, status: u16) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.responses[class].fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    pub(super) fn responses(&self) -> Responses {
        let [informational, success, redirection, client_error, server_error] =
            self.responses.each_ref().map(|class| class.load(Ordering::SeqCst));
        Responses { informational, success, redirection, client_error, server_error }
    }
}
