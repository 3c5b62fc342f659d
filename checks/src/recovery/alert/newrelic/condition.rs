//! NRQL conditions in the names of NerdGraph, wherever in a file they lie.
//!
//! Names after `newrelic-client-go`, `pkg/alerts/nrql_conditions.go`.

use super::super::File;
use sabot_engine::{CannotTell, Judgement};
use serde::Deserialize;
use serde_json::Value;

/// What is read of a condition.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Condition {
    /// The file that it lies in.
    #[serde(skip)]
    pub(super) file: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default = "enabled")]
    pub(super) enabled: bool,
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) nrql: Nrql,
    #[serde(default)]
    pub(super) signal: Signal,
    pub(super) terms: Vec<Term>,
    #[serde(default)]
    pub(super) expiration: Expiration,
    #[serde(default)]
    pub(super) violation_time_limit_seconds: Option<u64>,
}

/// The provider makes a condition that does not say so enabled.
const fn enabled() -> bool {
    true
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Nrql {
    pub(super) query: String,
}

/// How the signal is made; durations in seconds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Signal {
    #[serde(default)]
    pub(super) aggregation_window: Option<u64>,
    #[serde(default)]
    pub(super) aggregation_method: Option<String>,
    #[serde(default)]
    pub(super) aggregation_delay: Option<u64>,
    #[serde(default)]
    pub(super) aggregation_timer: Option<u64>,
    #[serde(default)]
    pub(super) slide_by: Option<u64>,
    #[serde(default)]
    pub(super) fill_option: Option<String>,
    #[serde(default)]
    pub(super) fill_value: Option<f64>,
}

/// One threshold.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Term {
    pub(super) priority: String,
    pub(super) operator: String,
    pub(super) threshold: f64,
    #[serde(default)]
    pub(super) threshold_duration: Option<u64>,
    #[serde(default)]
    pub(super) threshold_occurrences: Option<String>,
}

/// What is done when nothing comes any more.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Expiration {
    #[serde(default)]
    pub(super) expiration_duration: Option<u64>,
    #[serde(default)]
    pub(super) open_violation_on_expiration: bool,
}

impl Condition {
    /// Where it stands.
    pub(super) fn place(&self) -> String {
        let name = if self.name.is_empty() { "a condition without a name" } else { &self.name };
        format!("{}: {name}", self.file)
    }
}

/// Every condition of `files`.
pub(super) fn find(files: &[File]) -> Judgement<Vec<Condition>> {
    let mut found = Vec::new();
    for file in files {
        let unreadable = |error| CannotTell::new(format!("{} can't be read: {error}", file.name));
        let value: Value = serde_json::from_str(&file.text).map_err(unreadable)?;
        let mut conditions = Vec::new();
        collect(&value, &mut conditions);
        for condition in conditions {
            let condition = Condition::deserialize(condition).map_err(unreadable)?;
            found.push(Condition { file: file.name.clone(), ..condition });
        }
    }
    Ok(found)
}

/// A condition is what has a query and terms: alone, in a list, or within what it is sent in.
fn collect<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) if fields.contains_key("nrql") && fields.contains_key("terms") => {
            found.push(value)
        }
        Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
