//! What a target promises about recovery, in its own names.

mod backups;

pub use backups::{BackupForm, Backups, DrillTerms, Job};

/// The recovery of a target's data.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// What is backed up, and how its drills are to go.
    pub backups: Backups,
}
