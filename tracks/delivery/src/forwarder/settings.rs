//! How the forwarder goes about it.

use std::time::Duration;

/// How the forwarder goes about it. The limit of a request must be less than the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwarderSettings {
    /// How often it looks for rows.
    pub poll: Duration,
    /// For how long a claimed row is hidden from the other workers.
    pub lease: Duration,
    /// How long one request to send may take.
    pub send_limit: Duration,
    /// How many requests are under way at once.
    pub concurrency: usize,
    /// When a row is tried again after its first failure, its second, and so on; the last value again and again.
    pub retry: Vec<Duration>,
}

impl Default for ForwarderSettings {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        let retry = [30, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR, 24 * HOUR];
        Self {
            poll: Duration::from_secs(1),
            lease: Duration::from_secs(MINUTE),
            send_limit: Duration::from_secs(10),
            concurrency: 4,
            retry: retry.map(Duration::from_secs).to_vec(),
        }
    }
}

impl ForwarderSettings {
    /// How long to wait after the failure that `earlier` others came before.
    pub(super) fn retry_after(&self, earlier: usize) -> Duration {
        let step = self.retry.get(earlier).or(self.retry.last());
        step.copied().unwrap_or(Duration::from_secs(60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_schedule_the_last_value_holds() {
        let settings =
            ForwarderSettings { retry: [1, 2, 3].map(Duration::from_secs).to_vec(), ..Default::default() };
        let seconds: Vec<_> = (0..5).map(|n| settings.retry_after(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 3, 3, 3]);
        assert!(ForwarderSettings::default().send_limit < ForwarderSettings::default().lease);
    }
}
