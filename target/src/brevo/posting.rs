//! A delivery under way.

use super::event::Event;
use super::manner::Manner;
use super::outcome::{Outcome, Outcomes, Post};
use super::post;
use super::shared::{Shared, State};
use super::simulator::NotYet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Begins a delivery.
pub(super) fn begin(shared: &Arc<Shared>, events: &[Event], manner: Manner) -> Posting {
    let posts = manner.requests(events);
    let (generation, range) = shared.change(|state| {
        let range = state.posts.len()..state.posts.len() + posts.len();
        state.posts.extend(posts);
        (state.generation, range)
    });
    shared.spawn(post::dispatch(Arc::clone(shared), generation, range.clone(), manner.concurrency));
    Posting { shared: Arc::clone(shared), generation, range }
}

/// The requests of one delivery.
#[derive(Debug, Clone)]
pub struct Posting {
    shared: Arc<Shared>,
    generation: u64,
    range: Range<usize>,
}

impl Posting {
    /// Awaits that each request has come to its end. [`Retries::longest`](super::Retries::longest) says how long one can
    /// take.
    ///
    /// # Errors
    /// [`NotYet`] after `limit`, or once the simulator was reset.
    pub async fn settled(&self, limit: Duration) -> Result<Outcomes, NotYet> {
        let over = |state: &State| {
            let posts = self.posts(state);
            posts.iter().all(|post| post.outcome != Outcome::Pending).then(|| posts.to_vec())
        };
        let settled = self.shared.within(limit, over).await;
        match settled {
            Some(posts) if posts.len() == self.range.len() => Ok(Outcomes::new(posts)),
            _ => {
                let outcomes = self.outcomes();
                let waiting = outcomes.posts().iter().filter(|post| post.outcome == Outcome::Pending).count();
                let what =
                    format!("{waiting} of {} webhook requests have not come to their end", self.range.len());
                Err(NotYet { limit, what })
            }
        }
    }

    /// Awaits that each request has been made at least once, and gives what has become of them so far.
    ///
    /// # Errors
    /// [`NotYet`] after `limit`.
    pub async fn tried(&self, limit: Duration) -> Result<Outcomes, NotYet> {
        if tokio::time::timeout(limit, self.tried_at_last()).await.is_ok() {
            return Ok(self.outcomes());
        }
        let outcomes = self.outcomes();
        let untried = outcomes.posts().iter().filter(|post| post.attempts.is_empty()).count();
        Err(NotYet {
            limit,
            what: format!("{untried} of {} webhook requests were never made", self.range.len()),
        })
    }

    /// The same without a limit.
    pub(super) async fn tried_at_last(&self) {
        let over =
            |state: &State| self.posts(state).iter().all(|post| !post.attempts.is_empty()).then_some(());
        self.shared.until(over).await;
    }

    /// What has become of the requests so far; empty once the simulator was reset.
    pub fn outcomes(&self) -> Outcomes {
        Outcomes::new(self.shared.look(|state| self.posts(state).to_vec()))
    }

    fn posts<'a>(&self, state: &'a State) -> &'a [Post] {
        if state.generation != self.generation {
            return &[];
        }
        state.posts.get(self.range.clone()).unwrap_or_default()
    }
}
