//! When a backup is due, by the clock of the database.

use std::time::Duration;

use time::OffsetDateTime;

use crate::settings::Due;

const NANOS_A_DAY: i128 = 24 * 60 * 60 * 1_000_000_000;

impl Due {
    /// The last time at which one was due, not after `now`.
    pub(super) fn last(self, now: OffsetDateTime) -> OffsetDateTime {
        let (period, offset) = match self {
            Self::At(at) => (NANOS_A_DAY, (at - time::Time::MIDNIGHT).whole_nanoseconds()),
            Self::Every(every) => (i128::try_from(every.as_nanos()).unwrap_or(NANOS_A_DAY).max(1), 0),
        };
        let past = (now.unix_timestamp_nanos() - offset).rem_euclid(period);
        OffsetDateTime::from_unix_timestamp_nanos(now.unix_timestamp_nanos() - past).unwrap_or(now)
    }

    /// How long it is from `now` until the next one is due.
    pub(super) fn wait(self, now: OffsetDateTime) -> Duration {
        let period = match self {
            Self::At(_) => Duration::from_secs(24 * 60 * 60),
            Self::Every(every) => every,
        };
        (self.last(now) + period - now).try_into().unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{datetime, time};

    #[test]
    fn a_time_of_day_was_today_or_yesterday() {
        let due = Due::At(time!(03:00));
        let cases = [
            (datetime!(2026-11-23 03:00 UTC), datetime!(2026-11-23 03:00 UTC)),
            (datetime!(2026-11-23 23:59:59 UTC), datetime!(2026-11-23 03:00 UTC)),
            (datetime!(2026-11-23 02:59:59.9 UTC), datetime!(2026-11-22 03:00 UTC)),
            (datetime!(2026-11-23 04:30 +2), datetime!(2026-11-22 03:00 UTC)),
            (datetime!(2028-03-01 01:00 UTC), datetime!(2028-02-29 03:00 UTC)),
        ];
        for (now, last) in cases {
            assert_eq!(due.last(now), last, "{now}");
            assert_eq!(now + due.wait(now), last + time::Duration::DAY, "{now}");
        }
    }

    #[test]
    fn an_interval_is_the_same_for_whoever_counts() {
        let due = Due::Every(Duration::from_secs(2));
        let now = datetime!(2026-11-23 12:00:03.25 UTC);
        assert_eq!(due.last(now), datetime!(2026-11-23 12:00:02 UTC));
        assert_eq!(due.wait(now), Duration::from_millis(750));
        assert_eq!(due.wait(datetime!(2026-11-23 12:00:02 UTC)), Duration::from_secs(2));
    }
}
