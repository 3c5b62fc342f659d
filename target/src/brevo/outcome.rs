//! What became of webhook requests.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What became of a webhook request in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet: it waits for its turn, an answer, or its next attempt.
    Pending,
    /// The receiver answered 2xx.
    Acknowledged,
    /// Discarded for good on account of this status.
    Discarded(u16),
    /// Every attempt failed.
    GivenUp,
}

/// How the receiver met one attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It answered.
    Answered {
        /// The status.
        status: u16,
        /// The body, where it was JSON of at most 64 KiB.
        body: Option<Value>,
    },
    /// It did not answer within the limit.
    TimedOut,
    /// The connection could not be made, or broke.
    Failed,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// When it was begun.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// What it met.
    pub reply: Reply,
}

/// One webhook request: an event, or an array of them.
#[derive(Debug, Clone)]
pub struct Post {
    /// The events in it.
    pub events: Arc<[Value]>,
    /// Whether they are sent as an array.
    pub array: bool,
    /// What became of it.
    pub outcome: Outcome,
    /// Its attempts so far, the first one first.
    pub attempts: Vec<Attempt>,
}

impl Post {
    /// The JSON body of its last answer.
    pub fn answer(&self) -> Option<&Value> {
        match &self.attempts.last()?.reply {
            Reply::Answered { body, .. } => body.as_ref(),
            Reply::TimedOut | Reply::Failed => None,
        }
    }
}

/// What became of several webhook requests. Counts are of events unless they say otherwise.
#[derive(Debug, Clone, Default)]
pub struct Outcomes(Vec<Post>);

impl Outcomes {
    pub(super) const fn new(posts: Vec<Post>) -> Self {
        Self(posts)
    }

    /// Every request, in the order in which they were given.
    pub fn posts(&self) -> &[Post] {
        &self.0
    }

    /// Events that the receiver took.
    pub fn acknowledged(&self) -> usize {
        self.events(|outcome| outcome == Outcome::Acknowledged)
    }

    /// Events discarded on account of an answer.
    pub fn discarded(&self) -> usize {
        self.events(|outcome| matches!(outcome, Outcome::Discarded(_)))
    }

    /// Events of which every attempt failed.
    pub fn given_up(&self) -> usize {
        self.events(|outcome| outcome == Outcome::GivenUp)
    }

    /// Events that are still on their way.
    pub fn pending(&self) -> usize {
        self.events(|outcome| outcome == Outcome::Pending)
    }

    /// Requests made, all attempts counted.
    pub fn attempts(&self) -> usize {
        self.0.iter().map(|post| post.attempts.len()).sum()
    }

    /// How often each status was answered, all attempts counted.
    pub fn statuses(&self) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        for attempt in self.0.iter().flat_map(|post| &post.attempts) {
            if let Reply::Answered { status, .. } = attempt.reply {
                *statuses.entry(status).or_default() += 1;
            }
        }
        statuses
    }

    fn events(&self, which: impl Fn(Outcome) -> bool) -> usize {
        self.0.iter().filter(|post| which(post.outcome)).map(|post| post.events.len()).sum()
    }
}
