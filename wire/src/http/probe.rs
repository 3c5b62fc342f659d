//! What looks on while an exchange passes: counts and record.

use super::count::{Counted, Totals};
use super::head::{Malformed, RequestHead};
use super::message::Response;
use super::record::{Entry, Outcome};
use super::rule::Installed;
use super::transfer::End;
use super::wire::{Settings, Shared};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The rules that take a request, and those who count it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) rules: Vec<Arc<Installed>>,
    pub(super) counters: Vec<Arc<Counted>>,
}

impl Plan {
    /// Asks every rule and counter about the request with this head.
    pub(super) fn of(settings: &Settings, head: &RequestHead<'_>) -> Self {
        let mut plan = Self::default();
        for counter in settings.counters.iter().filter_map(std::sync::Weak::upgrade) {
            if counter.matching.means(head) {
                plan.counters.push(counter);
            }
        }
        for rule in &settings.rules {
            if rule.matching.means(head) && rule.tally.takes(rule.nth) {
                plan.rules.push(Arc::clone(rule));
            }
        }
        plan
    }
}

/// Looks on at one exchange.
#[derive(Debug)]
pub(super) struct Probe {
    shared: Arc<Shared>,
    counters: Vec<Arc<Counted>>,
    entry: Option<Arc<Entry>>,
    /// Whether the client has been given the beginning of a response, so that nothing else can be said any more.
    responding: AtomicBool,
}

impl Probe {
    /// Counts and records the request whose head has been read.
    pub(super) fn open(
        shared: &Arc<Shared>,
        counters: Vec<Arc<Counted>>,
        connection: u64,
        head: &[u8],
    ) -> Self {
        let probe = Self {
            shared: Arc::clone(shared),
            counters,
            entry: shared.recorder.open(connection, head),
            responding: AtomicBool::new(false),
        };
        probe.each(Totals::receive);
        probe
    }

    /// One copy of the request is about to be sent on.
    pub(super) fn sending(&self) {
        self.each(Totals::send);
        if let Some(entry) = &self.entry {
            entry.sent();
        }
    }

    /// Counts and records one copy that is sent on a connection of its own, after this exchange may be over.
    pub(super) fn sender(&self) -> impl FnOnce() + Send + 'static + use<> {
        let (shared, counters, entry) = (Arc::clone(&self.shared), self.counters.clone(), self.entry.clone());
        move || {
            each(&shared, &counters, Totals::send);
            if let Some(entry) = entry {
                entry.sent();
            }
        }
    }

    pub(super) fn request_content(&self, content: &[u8]) {
        if let Some(entry) = self.entry.as_ref().filter(|_| !content.is_empty()) {
            entry.request_content(content);
        }
    }

    /// The client is about to be given a final response with this head.
    pub(super) fn responding(&self, status: u16, head: &[u8]) {
        self.responding.store(true, Ordering::Relaxed);
        self.each(|totals| totals.respond(status));
        if let Some(entry) = &self.entry {
            entry.response_head(head);
        }
    }

    pub(super) fn has_responded(&self) -> bool {
        self.responding.load(Ordering::Relaxed)
    }

    pub(super) fn response_content(&self, content: &[u8]) {
        if let Some(entry) = self.entry.as_ref().filter(|_| !content.is_empty()) {
            entry.response_content(content);
        }
    }

    /// A rule has done what it says.
    pub(super) fn acted(&self, rule: &Installed) {
        rule.tally.act();
        if let Some(entry) = &self.entry {
            entry.acted(rule.id);
        }
    }

    /// The request turned out to be malformed.
    pub(super) fn malformed(&self, why: &Malformed) -> End {
        self.shared.malformed.fetch_add(1, Ordering::SeqCst);
        End::Refusal(Response::complaint(400, why))
    }

    /// The exchange ended its connection.
    pub(super) fn ended(&self, end: &End) {
        match end {
            End::Reset => self.outcome(Outcome::Reset),
            End::Refusal(_) => self.outcome(Outcome::Refused),
            End::Switched => self.outcome(Outcome::Tunnelled),
            End::Finished | End::Cut | End::AfterResponse => self.outcome(Outcome::Closed),
        }
    }

    /// Settles how the exchange went; what was settled first stays.
    pub(super) fn outcome(&self, outcome: Outcome) {
        if let Some(entry) = &self.entry {
            entry.outcome(outcome);
        }
    }

    fn each(&self, count: impl Fn(&Totals)) {
        each(&self.shared, &self.counters, count);
    }
}

fn each(shared: &Shared, counters: &[Arc<Counted>], count: impl Fn(&Totals)) {
    count(&shared.totals);
    for counter in counters {
        count(&counter.totals);
    }
}

impl Drop for Probe {
    /// An exchange that nobody brought to an end was ended from outside.
    fn drop(&mut self) {
        self.outcome(Outcome::Closed);
    }
}
