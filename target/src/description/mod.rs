//! The description of a target: every name, limit and address that a check uses comes from here.

pub mod contract;
pub mod delivery;
pub(crate) mod forms;
pub mod propagation;
mod readiness;
pub mod recovery;
mod service;
mod stand_in;

pub use contract::Contract;
pub use delivery::Delivery;
pub use propagation::Propagation;
pub use readiness::{Form, Lever, Levers, Reach, Readiness, Row, SchemaLever, Shape, Words};
pub use recovery::Recovery;
pub use service::{Database, Service, Upstream, Wire};
pub use stand_in::{Answer, BrevoAccount, StandIn};

use crate::embedded;
use std::path::PathBuf;

/// A system on trial.
#[derive(Debug, Clone)]
pub struct Target {
    /// What it is called in reports.
    pub name: String,
    /// Settings that differ from the system's defaults, as printed at the start of a run: name and value.
    pub profile: Vec<(String, String)>,
    /// Its databases.
    pub databases: Vec<Database>,
    /// Its upstreams that Sabot answers for, by name.
    pub stand_ins: Vec<(String, StandIn)>,
    /// Credentials made afresh for each lane: name and the shape, in which each `#` becomes a random hex digit.
    pub secrets: Vec<(String, String)>,
    /// Its services.
    pub services: Vec<Service>,
    /// What it promises about readiness.
    pub readiness: Readiness,
    /// What it promises about delivery.
    pub delivery: Delivery,
    /// What it promises about propagation.
    pub propagation: Propagation,
    /// What it promises about recovery.
    pub recovery: Recovery,
    /// What it promises about its kinds.
    pub contract: Contract,
    /// The tracks of which it does not say what it promises, each with the reason for which its checks are skipped.
    pub left_out: Vec<(String, String)>,
    /// The file that describes it, in whose folder its commands run; `None` where its services are ours.
    pub file: Option<PathBuf>,
}

impl Target {
    /// The embedded platform in its quick profile.
    pub fn embedded() -> Self {
        embedded::target()
    }

    /// The service called `name`.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// The audit log of its changes and propagations.
    pub fn audit_log(&self) -> &delivery::AuditLog {
        self.propagation.audit.as_ref().unwrap_or(&self.delivery.audit)
    }

    /// What it is called, and where it is described.
    pub fn told(&self) -> String {
        match &self.file {
            Some(file) => format!("{}, as {} describes it", self.name, file.display()),
            None => self.name.clone(),
        }
    }

    /// Why the checks of `track` are skipped, where it is not described.
    pub fn left_out(&self, track: &str) -> Option<&str> {
        self.left_out.iter().find(|(left_out, _)| left_out == track).map(|(_, reason)| reason.as_str())
    }

    /// The files and folders that it names.
    pub(crate) fn files(&self) -> Vec<String> {
        let alerts = &self.recovery.alerts;
        alerts.prometheus.iter().chain(&alerts.newrelic).chain(self.contract.files()).cloned().collect()
    }
}

impl Default for Target {
    fn default() -> Self {
        Self::embedded()
    }
}
