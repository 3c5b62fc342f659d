//! Scripts: which events follow upon a message that Brevo took.

use super::event::Kind;
use std::time::Duration;

/// One event of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How long after the step before it, in real time.
    pub after: Duration,
    /// What happens.
    pub kind: Kind,
}

/// The events that follow upon each message, for each recipient, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script(Vec<Step>);

impl Script {
    /// Nothing follows: what a sender domain that nobody validated can look like.
    pub const fn silent() -> Self {
        Self(Vec::new())
    }

    /// These events, one right after the other.
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self(kinds.into_iter().map(|kind| Step { after: Duration::ZERO, kind }).collect())
    }

    /// Taken and delivered.
    pub fn delivered() -> Self {
        Self::of([Kind::Request, Kind::Delivered])
    }

    /// Taken, put off once, and delivered.
    pub fn deferred_then_delivered() -> Self {
        Self::of([Kind::Request, Kind::Deferred, Kind::Delivered])
    }

    /// Taken and never sent on. That `request` comes all the same was captured by django-anymail.
    pub fn blocked() -> Self {
        Self::of([Kind::Request, Kind::Blocked])
    }

    /// Taken, and failed within Brevo: what an unvalidated sender shows in its logs.
    pub fn error() -> Self {
        Self::of([Kind::Request, Kind::Error])
    }

    /// With one more event.
    #[must_use]
    pub fn then(mut self, after: Duration, kind: Kind) -> Self {
        self.0.push(Step { after, kind });
        self
    }

    /// Its steps.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}
