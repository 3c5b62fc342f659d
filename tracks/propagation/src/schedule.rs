//! The retry schedule, as a value.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// How long to wait after the n-th failure: exactly, without jitter. After the last step the last step again.
///
/// ```
/// use std::time::Duration;
/// use sabot_propagation::Schedule;
///
/// let schedule = Schedule::default();
/// assert_eq!(schedule.after(1), Duration::from_secs(60));
/// assert_eq!(schedule.after(10), Duration::from_secs(24 * 60 * 60));
/// assert_eq!(schedule.after(99), schedule.after(10));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    steps: Vec<Duration>,
}

impl Schedule {
    /// A schedule of these steps.
    ///
    /// # Errors
    /// When there are none, one is zero (a failing downstream would be called without a pause), or one is over a year.
    pub fn new(steps: impl IntoIterator<Item = Duration>) -> Result<Self, ScheduleError> {
        let steps: Vec<_> = steps.into_iter().collect();
        if steps.is_empty() {
            return Err(ScheduleError::Empty);
        }
        match steps.iter().position(|step| step.as_micros() == 0 || step.as_secs() > 366 * 24 * HOUR) {
            Some(at) => Err(ScheduleError::Step { position: at + 1, step: steps[at] }),
            None => Ok(Self { steps }),
        }
    }

    /// The wait after the `failures`-th failure, counted from one.
    #[must_use]
    pub fn after(&self, failures: u32) -> Duration {
        let position = usize::try_from(failures).unwrap_or(usize::MAX).clamp(1, self.steps.len());
        self.steps[position - 1]
    }

    /// The steps in order; never none.
    #[must_use]
    pub fn steps(&self) -> &[Duration] {
        &self.steps
    }

    /// The steps as the database takes them.
    pub(crate) fn micros(&self) -> Vec<i64> {
        self.steps.iter().map(|step| i64::try_from(step.as_micros()).unwrap_or(i64::MAX)).collect()
    }
}

/// 1 m, 5 m, 15 m, 30 m, 1 h, 2 h, 4 h, 8 h, 16 h, 24 h.
impl Default for Schedule {
    fn default() -> Self {
        let seconds = [
            MINUTE,
            5 * MINUTE,
            15 * MINUTE,
            30 * MINUTE,
            HOUR,
            2 * HOUR,
            4 * HOUR,
            8 * HOUR,
            16 * HOUR,
            24 * HOUR,
        ];
        Self { steps: seconds.map(Duration::from_secs).into() }
    }
}

/// Why steps make no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// There are none.
    #[error("a retry schedule needs at least one step")]
    Empty,
    /// One that cannot be meant.
    #[error("step {position} of the retry schedule is {step:?}: give between a microsecond and a year")]
    Step {
        /// Which, counted from one.
        position: usize,
        /// How long it is.
        step: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_documented_one() {
        let minutes = [1, 5, 15, 30, 60, 120, 240, 480, 960, 1440];
        for (failures, minutes) in (1..).zip(minutes) {
            assert_eq!(
                Schedule::default().after(failures),
                Duration::from_secs(minutes * MINUTE),
                "{failures}"
            );
        }
        assert_eq!(Schedule::default().steps().len(), minutes.len());
    }

    #[test]
    fn positions_beyond_the_ends_are_clamped() {
        let schedule = Schedule::new([1, 2].map(Duration::from_secs)).unwrap();
        assert_eq!([0, 1, 2, 3, u32::MAX].map(|n| schedule.after(n).as_secs()), [1, 1, 2, 2, 2]);
    }

    #[test]
    fn steps_that_cannot_be_meant_are_refused() {
        assert_eq!(Schedule::new([]), Err(ScheduleError::Empty));
        let steps = [Duration::from_secs(1), Duration::ZERO];
        assert_eq!(Schedule::new(steps), Err(ScheduleError::Step { position: 2, step: Duration::ZERO }));
        assert!(Schedule::new([Duration::MAX]).is_err());
    }
}
