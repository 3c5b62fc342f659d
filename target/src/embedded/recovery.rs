//! What the embedded platform promises about recovery.

mod backups;

use crate::description::Recovery;
use crate::description::recovery::{Alerts, Staleness};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn recovery() -> Recovery {
    Recovery { backups: backups::backups(), alerts: alerts() }
}

fn alerts() -> Alerts {
    Alerts {
        prometheus: vec!["deploy/prometheus".into()],
        newrelic: vec!["deploy/newrelic".into()],
        metric: "backup_last_success_timestamp_seconds".into(),
        job_label: "job".into(),
        jobs: vec!["platform".into()],
        labels: vec![("service".into(), "worker".into())],
        severity_label: "severity".into(),
        warning: Staleness { severity: "warning".into(), after: HOUR * 36 },
        critical: Staleness { severity: "critical".into(), after: HOUR * 60 },
        longest_for: HOUR,
        evaluation_interval: Duration::from_secs(60),
        aggregation_window: HOUR,
    }
}
