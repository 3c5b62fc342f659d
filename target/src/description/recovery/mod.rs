//! What a target promises about recovery, in its own names.

mod alerts;

pub use alerts::{Alerts, Severity, Staleness};

/// The recovery of a target's data.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// What cries when backups stop.
    pub alerts: Alerts,
}
