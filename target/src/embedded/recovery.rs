//! What the embedded platform promises about recovery.

mod backups;

use crate::description::Recovery;
use crate::description::recovery::Alerts;

pub(super) fn recovery() -> Recovery {
    Recovery { backups: backups::backups(), alerts: alerts() }
}

fn alerts() -> Alerts {
    Alerts {
        prometheus: vec!["deploy/prometheus".into()],
        newrelic: vec!["deploy/newrelic".into()],
        jobs: vec!["platform".into()],
        labels: vec![("service".into(), "worker".into())],
        ..Alerts::default()
    }
}
