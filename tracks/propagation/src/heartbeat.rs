//! Whether the runner lives: when the database last answered one of its claims.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// When a runner last ticked; clones share it. A tick is a claim that came back: a loop that merely turned would tick
/// while its database hangs.
///
/// A runner ticks once in each polling period at least, however busy its handlers are.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    ticks: watch::Receiver<Option<Instant>>,
}

impl Heartbeat {
    pub(crate) fn new() -> (watch::Sender<Option<Instant>>, Self) {
        let (sender, ticks) = watch::channel(None);
        (sender, Self { ticks })
    }

    /// When it last ticked; `None` before the first time.
    #[must_use]
    pub fn last(&self) -> Option<Instant> {
        *self.ticks.borrow()
    }

    /// How long ago that was; `None` before the first time.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.last().map(|last| last.elapsed())
    }

    /// Waits for the next tick, and says whether there was one: not if the runner is gone.
    pub async fn next(&mut self) -> bool {
        self.ticks.changed().await.is_ok()
    }
}
