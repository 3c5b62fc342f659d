//! The rules and counters in force, as a snapshot that connections take up when it changes.

use super::pattern::Speaker;
use super::rule::Rule;
use super::statement::Statement;
use super::tally::CounterState;
use crate::rule::{RuleId, Tally};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

/// How many reasons of refused rewrites are kept.
const REFUSALS: usize = 32;

/// A rule that is set.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) id: RuleId,
    pub(crate) rule: Rule,
    /// Over all connections.
    pub(crate) tally: Tally,
    /// Over connections with a number above [`Self::since`].
    pub(crate) tally_since: Tally,
    /// The last connection opened before the rule was set.
    pub(crate) since: u64,
    /// Executions of statements that this rule rewrote.
    pub(crate) executions: AtomicU64,
    pub(crate) refusals: Mutex<Vec<String>>,
}

impl Active {
    /// Counts a match on `connection` and says whether the rule takes it.
    pub(crate) fn takes(&self, connection: u64) -> bool {
        if connection > self.since {
            self.tally_since.takes(self.rule.nth);
        }
        self.tally.takes(self.rule.nth)
    }

    pub(crate) fn act(&self, connection: u64) {
        if connection > self.since {
            self.tally_since.act();
        }
        self.tally.act();
    }

    pub(crate) fn remove(&self) {
        self.rule.removed.cancel();
    }

    pub(crate) fn refuse(&self, reason: String) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.len() < REFUSALS {
            refusals.push(reason);
        }
    }
}

/// What is in force.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    generation: u64,
    pub(crate) rules: Vec<Arc<Active>>,
    /// Each for as long as somebody may read it.
    pub(crate) counters: Vec<Weak<CounterState>>,
}

impl Snapshot {
    pub(crate) fn rewrites(&self) -> bool {
        self.rules.iter().any(|active| active.rule.action.rewrites())
    }

    pub(crate) fn needs_binds(&self) -> bool {
        self.rules.iter().any(|active| active.rule.action.needs_bind())
    }

    /// The rules and counters that mean `statement`, remembered with it.
    pub(crate) fn matches(&self, statement: &Statement, speaker: Speaker<'_>, epoch: u64) -> Arc<Matches> {
        statement.matches(
            |known| known.generation == self.generation && known.epoch == epoch,
            |statement| Matches {
                generation: self.generation,
                epoch,
                rules: self
                    .rules
                    .iter()
                    .filter(|active| active.rule.matcher.applies(speaker, &statement.given))
                    .map(Arc::clone)
                    .collect(),
                received: self.counters_of(speaker, &statement.given),
                sent: self.counters_of(speaker, &statement.sent),
            },
        )
    }

    fn counters_of(&self, speaker: Speaker<'_>, text: &str) -> Vec<Weak<CounterState>> {
        let means = |counter: &CounterState| counter.matcher.applies(speaker, text);
        self.counters
            .iter()
            .filter(|counter| counter.upgrade().is_some_and(|counter| means(&counter)))
            .map(Weak::clone)
            .collect()
    }
}

/// What means a statement.
#[derive(Debug)]
pub(crate) struct Matches {
    generation: u64,
    /// How often the connection's own attributes had changed.
    epoch: u64,
    pub(crate) rules: Vec<Arc<Active>>,
    /// Counters that mean the text as given.
    pub(crate) received: Vec<Weak<CounterState>>,
    /// Counters that mean the text as sent.
    pub(crate) sent: Vec<Weak<CounterState>>,
}

/// Where the snapshot hangs.
#[derive(Debug, Default)]
pub(crate) struct Board {
    generation: AtomicU64,
    snapshot: RwLock<Arc<Snapshot>>,
}

impl Board {
    /// The snapshot in force, if it is another than `known`; costs one atomic load otherwise.
    pub(crate) fn newer(&self, known: &Snapshot) -> Option<Arc<Snapshot>> {
        (self.generation.load(Ordering::Acquire) != known.generation).then(|| self.snapshot())
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another snapshot in force.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Snapshot) -> T) -> T {
        let mut current = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Snapshot {
            generation: current.generation + 1,
            rules: current.rules.clone(),
            counters: current.counters.clone(),
        };
        let outcome = change(&mut next);
        let generation = next.generation;
        *current = Arc::new(next);
        self.generation.store(generation, Ordering::Release);
        outcome
    }
}
