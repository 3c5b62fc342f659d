//! What recovery is where nothing else is said: the contract's limits, and the names under which the embedded platform
//! tells of its backups.

use super::{Alerts, Backups, DrillTerms, Staleness};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

impl Default for Alerts {
    fn default() -> Self {
        Self {
            prometheus: Vec::new(),
            newrelic: Vec::new(),
            metric: "backup_last_success_timestamp_seconds".into(),
            job_label: "job".into(),
            jobs: Vec::new(),
            labels: Vec::new(),
            severity_label: "severity".into(),
            warning: Staleness { severity: "warning".into(), after: HOUR * 36 },
            critical: Staleness { severity: "critical".into(), after: HOUR * 60 },
            longest_for: HOUR,
            evaluation_interval: Duration::from_secs(60),
            aggregation_window: HOUR,
        }
    }
}

impl Default for Backups {
    fn default() -> Self {
        Self {
            program: "sabot".into(),
            databases: Vec::new(),
            collections: Vec::new(),
            jobs: Vec::new(),
            exempt: Vec::new(),
            schedule: None,
        }
    }
}

impl Default for DrillTerms {
    fn default() -> Self {
        // Nightly backups: one missed night is 27 h.
        Self { rto: Duration::from_secs(5 * 60), rpo: HOUR * 30, smoke: Vec::new() }
    }
}
