//! What rules of both protocols share: their numbers, which of the matching messages they take, what they counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of a rule, unique within the process; rules apply in the order in which they were set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(u64);

impl RuleId {
    pub(crate) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// Which of the messages that match a rule it applies to, counted from 1 since the rule was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nth {
    /// All of them.
    #[default]
    Every,
    /// Only this one.
    Only(u64),
    /// This one and all that follow.
    From(u64),
    /// All up to and including this one.
    UpTo(u64),
}

impl Nth {
    /// Whether the `n`-th matching message (from 1) is meant.
    pub const fn takes(self, n: u64) -> bool {
        match self {
            Self::Every => true,
            Self::Only(wanted) => n == wanted,
            Self::From(first) => n >= first,
            Self::UpTo(last) => n <= last,
        }
    }
}

/// What a rule has seen so far.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<TallyCounts>);

#[derive(Debug, Default)]
struct TallyCounts {
    matched: AtomicU64,
    applied: AtomicU64,
}

impl Tally {
    /// Messages that matched the rule.
    pub fn matched(&self) -> u64 {
        self.0.matched.load(Ordering::SeqCst)
    }

    /// Messages on which the rule acted: the independent look that a sabotage has landed.
    pub fn applied(&self) -> u64 {
        self.0.applied.load(Ordering::SeqCst)
    }

    /// Counts one matching message and says whether `nth` takes it.
    pub(crate) fn takes(&self, nth: Nth) -> bool {
        nth.takes(self.0.matched.fetch_add(1, Ordering::SeqCst) + 1)
    }

    pub(crate) fn act(&self) {
        self.0.applied.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nth_counts_from_one() {
        let taken = |nth: Nth| (1..=4).filter(|n| nth.takes(*n)).collect::<Vec<_>>();
        assert_eq!(taken(Nth::Every), [1, 2, 3, 4]);
        assert_eq!(taken(Nth::Only(2)), [2]);
        assert_eq!(taken(Nth::From(3)), [3, 4]);
        assert_eq!(taken(Nth::UpTo(2)), [1, 2]);
    }

    #[test]
    fn a_tally_tells_matched_from_applied() {
        let tally = Tally::default();
        for _ in 0..3 {
            if tally.takes(Nth::Only(2)) {
                tally.act();
            }
        }
        assert_eq!((tally.matched(), tally.applied()), (3, 1));
    }
}
