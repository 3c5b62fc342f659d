//! How far ahead of its handlers a runner claims.

use std::time::Duration;

/// What is claimed ahead is to be begun within this time.
const HORIZON: Duration = Duration::from_millis(100);

/// How much the latest dispatch counts against those before it.
const WEIGHT: f64 = 0.1;

/// How long dispatches take of late.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// In seconds; none before the first.
    mean: Option<f64>,
}

impl Pace {
    pub(super) fn saw(&mut self, dispatch: Duration) {
        let latest = dispatch.as_secs_f64();
        let mean = self.mean.unwrap_or(latest);
        self.mean = Some(mean + WEIGHT * (latest - mean));
    }

    /// How many rows to hold beyond those that can be dispatched at once. Rows that wait here could be dispatched by
    /// another runner, and lose their lease with this one: few of a slow kind, many of a quick one.
    pub(super) fn ahead(&self, concurrency: usize, most: usize, begin_within: Duration) -> usize {
        let Some(mean) = self.mean else { return 0 };
        let horizon = HORIZON.min(begin_within / 8).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rough figure, and no concurrency is that large")]
        let rows = concurrency as f64 * horizon / mean.max(1e-9);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "casts from floats saturate"
        )]
        let rows = rows as usize;
        rows.min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_dispatches_are_claimed_ahead_and_slow_ones_are_not() {
        let (millisecond, second, minute) =
            (Duration::from_millis(1), Duration::from_secs(1), Duration::from_secs(60));
        let mut pace = Pace::default();
        assert_eq!(pace.ahead(10, 1000, minute), 0, "nothing is known yet");
        pace.saw(millisecond);
        assert_eq!(pace.ahead(10, 10_000, minute), 1000);
        assert_eq!(pace.ahead(10, 300, minute), 300);
        (0..100).for_each(|_| pace.saw(second));
        assert_eq!(pace.ahead(10, 1000, minute), 1);
        assert_eq!(pace.ahead(10, 1000, second), 1);
    }
}
