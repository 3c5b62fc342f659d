//! The manner of a delivery: in which order, how often and in what bundles events are sent to the webhook.

use super::event::Event;
use super::outcome::{Outcome, Post};
use serde_json::Value;

/// How many events go into one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Batch {
    /// One, as an object.
    #[default]
    Single,
    /// Up to so many, as an array. Brevo's own batches hold up to [`Batch::LARGEST`]
    /// (<https://developers.brevo.com/docs/batch-webhooks>, which does not show the body's shape).
    Array(usize),
}

impl Batch {
    /// The most events in one of Brevo's batches.
    pub const LARGEST: usize = 500;
}

/// In which order events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they were given, the copies after the originals.
    #[default]
    AsGiven,
    /// The last one first.
    Reversed,
    /// In the order that this seed gives, the copies among the originals.
    Shuffled(u64),
}

/// How events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// In what bundles.
    pub batch: Batch,
    /// How often each event is sent, at least once: Brevo promises no less, and no "at most".
    pub copies: usize,
    /// In which order.
    pub order: Order,
    /// The most requests at a time. With 1, each is begun when the one before it was answered.
    pub concurrency: usize,
}

impl Default for Manner {
    /// One event per request, once, in order, one at a time.
    fn default() -> Self {
        Self { batch: Batch::Single, copies: 1, order: Order::AsGiven, concurrency: 1 }
    }
}

impl Manner {
    /// With this many requests at a time.
    #[must_use]
    pub const fn at_a_time(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// With each event sent so often.
    #[must_use]
    pub const fn times(mut self, copies: usize) -> Self {
        self.copies = copies;
        self
    }

    /// In this order.
    #[must_use]
    pub const fn in_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// In arrays of up to so many events.
    #[must_use]
    pub const fn in_arrays(mut self, size: usize) -> Self {
        self.batch = Batch::Array(size);
        self
    }

    /// The requests that `events` make.
    pub(super) fn requests(self, events: &[Event]) -> Vec<Post> {
        let mut all: Vec<Value> = Vec::with_capacity(events.len() * self.copies.max(1));
        for _ in 0..self.copies.max(1) {
            all.extend(events.iter().map(Event::json));
        }
        match self.order {
            Order::AsGiven => {}
            Order::Reversed => all.reverse(),
            Order::Shuffled(seed) => shuffle(&mut all, seed),
        }
        let (size, array) = match self.batch {
            Batch::Single => (1, false),
            Batch::Array(size) => (size.max(1), true),
        };
        let post = |events: &[Value]| Post {
            events: events.into(),
            array,
            outcome: Outcome::Pending,
            attempts: Vec::new(),
        };
        all.chunks(size).map(post).collect()
    }
}

/// Fisher and Yates, with the generator `SplitMix64`: the same seed gives the same order everywhere.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    for last in (1..items.len()).rev() {
        let chosen = next() % (last as u64 + 1);
        items.swap(last, usize::try_from(chosen).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Kind;
    use super::*;
    use std::time::SystemTime;

    fn events(count: usize) -> Vec<Event> {
        let event =
            |number| Event::of(Kind::Delivered, &format!("{number}"), "a@example.com", SystemTime::now());
        (0..count).map(event).collect()
    }

    fn ids(posts: &[Post]) -> Vec<Vec<String>> {
        let id = |event: &Value| event["message-id"].as_str().unwrap().to_owned();
        posts.iter().map(|post| post.events.iter().map(id).collect()).collect()
    }

    #[test]
    fn arrays_hold_as_many_as_they_may() {
        let posts = Manner::default().in_arrays(2).requests(&events(3));
        assert_eq!(ids(&posts), [vec!["0", "1"], vec!["2"]]);
        assert!(posts.iter().all(|post| post.array));
        assert!(!Manner::default().requests(&events(1))[0].array);
    }

    #[test]
    fn a_seed_gives_one_order_of_all_events_and_copies() {
        let shuffled =
            |seed| ids(&Manner::default().times(3).in_order(Order::Shuffled(seed)).requests(&events(20)));
        assert_eq!(shuffled(7), shuffled(7));
        assert_ne!(shuffled(7), shuffled(8));
        let mut sorted = shuffled(7);
        sorted.sort();
        let mut wanted = ids(&Manner::default().times(3).requests(&events(20)));
        wanted.sort();
        assert_eq!(sorted, wanted);
    }

    #[test]
    fn reversed_is_the_last_one_first() {
        let posts = Manner::default().in_order(Order::Reversed).requests(&events(3));
        assert_eq!(ids(&posts), [["2"], ["1"], ["0"]]);
    }
}
