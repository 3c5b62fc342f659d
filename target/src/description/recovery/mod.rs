//! What a target promises about recovery, in its own names.

mod alerts;
mod backups;

pub use alerts::{Alerts, Severity, Staleness};
pub use backups::{BackupForm, Backups, DrillTerms, Job, Schedule};

/// The recovery of a target's data.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// What is backed up, and how its drills are to go.
    pub backups: Backups,
    /// What cries when backups stop.
    pub alerts: Alerts,
}
