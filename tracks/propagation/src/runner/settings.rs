//! The runner's settings, each and against each other.

use std::time::Duration;

use crate::schedule::Schedule;

/// How a runner works. Every field has a default that suits a service in production.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How long a claimed row is hidden from other runners, and so how long a crash delays it (5 min). At least one and
    /// a half times the dispatch limit: the rest is for waiting before the dispatch and for completing after it.
    pub lease: Duration,
    /// How long one dispatch may take (30 s).
    pub dispatch_limit: Duration,
    /// How often to look for due rows where no notification tells of them (1 s): rows that were moved by hand, retries,
    /// leases that ran out.
    pub poll: Duration,
    /// How many dispatches at once (16).
    pub concurrency: usize,
    /// How many rows are claimed, or completed, by one statement at most (500). Rows beyond the concurrency are claimed
    /// ahead only as far as recent dispatches say that they will be begun within a tenth of a second.
    pub batch: usize,
    /// After how many failures a propagation is dead (10).
    pub max_attempts: u32,
    /// How long to wait after each failure.
    pub schedule: Schedule,
    /// How long dispatches may go on once the runner is told to stop, before they are cut off and their rows given back
    /// (20 s).
    pub grace: Duration,
    /// How long one statement may take, with the wait for a connection (10 s).
    pub statement_limit: Duration,
    /// How often the gauges are brought up to date (30 s); it counts every unfinished row.
    pub observe: Duration,
    /// How long applied rows are kept; `None` for ever (30 days).
    pub keep_applied: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            lease: seconds(5 * 60),
            dispatch_limit: seconds(30),
            poll: seconds(1),
            concurrency: 16,
            batch: 500,
            max_attempts: 10,
            schedule: Schedule::default(),
            grace: seconds(20),
            statement_limit: seconds(10),
            observe: seconds(30),
            keep_applied: Some(seconds(30 * 24 * 60 * 60)),
        }
    }
}

impl Settings {
    pub(super) fn validate(&self) -> Result<(), SettingsError> {
        let positive = [
            ("dispatch_limit", self.dispatch_limit),
            ("poll", self.poll),
            ("statement_limit", self.statement_limit),
            ("observe", self.observe),
        ];
        for (setting, duration) in positive {
            if duration < Duration::from_millis(1) {
                return Err(SettingsError::TooShort { setting });
            }
        }
        for (setting, zero) in [
            ("concurrency", self.concurrency == 0),
            ("batch", self.batch == 0),
            ("max_attempts", self.max_attempts == 0),
        ] {
            if zero {
                return Err(SettingsError::Zero { setting });
            }
        }
        let (lease, dispatch_limit) = (self.lease, self.dispatch_limit);
        if lease < dispatch_limit.saturating_mul(3) / 2 {
            return Err(SettingsError::Lease { lease, dispatch_limit });
        }
        Ok(())
    }

    /// For how long after its claim a row may still be dispatched: a dispatch that takes its whole limit ends with
    /// something of the lease left to be completed in.
    pub(super) fn begin_within(&self) -> Duration {
        self.lease.saturating_sub(self.dispatch_limit) * 3 / 4
    }
}

/// Why a runner cannot work so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A time of nothing.
    #[error("{setting} is less than a millisecond: give it more")]
    TooShort {
        /// Which.
        setting: &'static str,
    },
    /// A number of nothing.
    #[error("{setting} is zero: give it at least one")]
    Zero {
        /// Which.
        setting: &'static str,
    },
    /// Leases would run out under dispatches.
    #[error(
        "the lease of {lease:?} is less than one and a half times the dispatch limit of {dispatch_limit:?}: raise it, \
         or leases run out while their dispatches are on their way"
    )]
    Lease {
        /// How long it is.
        lease: Duration,
        /// What it has to hold.
        dispatch_limit: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_what_cannot_work_is_refused() {
        assert_eq!(Settings::default().validate(), Ok(()));
        let second = Duration::from_secs(1);
        let tight = Settings { lease: second, dispatch_limit: second, ..Settings::default() };
        assert_eq!(tight.validate(), Err(SettingsError::Lease { lease: second, dispatch_limit: second }));
        let idle = Settings { concurrency: 0, ..Settings::default() };
        assert_eq!(idle.validate(), Err(SettingsError::Zero { setting: "concurrency" }));
        let spinning = Settings { poll: Duration::ZERO, ..Settings::default() };
        assert_eq!(spinning.validate(), Err(SettingsError::TooShort { setting: "poll" }));
    }

    #[test]
    fn a_dispatch_begun_at_the_last_moment_ends_within_its_lease() {
        let settings = Settings::default();
        assert!(settings.begin_within() + settings.dispatch_limit < settings.lease);
    }
}
