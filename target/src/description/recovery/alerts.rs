//! What cries when backups stop: files of alert rules, and the names in them.

use crate::description::forms::{duration, pairs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The alerts on the staleness of backups. Paths are absolute, or relative to what the target was installed from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Alerts {
    /// Files of Prometheus rules, and folders of which every `.yml` and `.yaml` is one. Empty where Prometheus is not
    /// used.
    pub prometheus: Vec<String>,
    /// Files of New Relic conditions in the names of NerdGraph, and folders of which every `.json` is one. Empty where
    /// New Relic is not used.
    pub newrelic: Vec<String>,
    /// The metric that tells when a backup last succeeded, in seconds since 1970.
    pub metric: String,
    /// The label (in New Relic the attribute) of that metric that names the backup job.
    pub job_label: String,
    /// The jobs that it tells of.
    pub jobs: Vec<String>,
    /// Further labels that the metric always carries: name and value.
    #[serde(with = "pairs")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub labels: Vec<(String, String)>,
    /// The label of an alert that names its severity.
    pub severity_label: String,
    /// What is merely to be looked at.
    pub warning: Staleness,
    /// What is to wake somebody.
    pub critical: Staleness,
    /// The longest that a rule may hold before it fires.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub longest_for: Duration,
    /// How often rules are evaluated whose group does not say so itself.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub evaluation_interval: Duration,
    /// The window in which New Relic is to aggregate.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub aggregation_window: Duration,
}

impl Alerts {
    /// What the target promises of `severity`.
    pub const fn staleness(&self, severity: Severity) -> &Staleness {
        match severity {
            Severity::Warning => &self.warning,
            Severity::Critical => &self.critical,
        }
    }
}

/// How loud an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// To be looked at.
    Warning,
    /// To wake somebody.
    Critical,
}

impl Severity {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Warning, Self::Critical];
}

/// One threshold.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Staleness {
    /// How the severity is called in the label of an alert; New Relic's word is the same in capitals.
    pub severity: String,
    /// How old the newest backup must be.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub after: Duration,
}
