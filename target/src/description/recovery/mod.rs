//! What a target promises about recovery, in its own names.

mod alerts;
mod backups;
mod defaults;

pub use alerts::{Alerts, Severity, Staleness};
pub use backups::{BackupForm, Backups, DrillTerms, Job, Schedule};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The recovery of a target's data.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Recovery {
    /// What is backed up, and how its drills are to go.
    pub backups: Backups,
    /// What cries when backups stop.
    pub alerts: Alerts,
}
