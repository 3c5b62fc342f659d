//! What a check measured, for readers who would rather look than read: values against limits, attempts against their
//! schedule, rows before and after.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that a report can draw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "figure", rename_all = "lowercase")]
pub enum Figure {
    /// A value that must not exceed its limit.
    Gauge(Gauge),
    /// When attempts were due, and when they were made or dated.
    Timeline(Timeline),
    /// The same rows at two moments.
    Rows(Rows),
}

/// A value that must not exceed its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gauge {
    /// What was measured.
    pub name: String,
    /// Its unit, as `s`.
    pub unit: String,
    /// The value.
    pub value: f64,
    /// The greatest that is allowed.
    pub limit: f64,
}

/// When attempts were due, and when they were made or dated, in seconds after the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// Whose attempts.
    pub name: String,
    /// One entry for each attempt.
    pub attempts: Vec<Attempt>,
}

/// One attempt of a [`Timeline`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// Which one.
    pub name: String,
    /// When the schedule has it, in seconds.
    pub expected: f64,
    /// When it was, in seconds.
    pub observed: f64,
}

/// The same rows at two moments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rows {
    /// Which rows, and what lies between the two moments.
    pub name: String,
    /// The columns.
    pub columns: Vec<String>,
    /// The rows at first, each with a value for each column.
    pub before: Vec<Vec<String>>,
    /// The rows at last.
    pub after: Vec<Vec<String>>,
}

impl Figure {
    /// What it shows, in one line.
    pub fn name(&self) -> &str {
        match self {
            Self::Gauge(gauge) => &gauge.name,
            Self::Timeline(timeline) => &timeline.name,
            Self::Rows(rows) => &rows.name,
        }
    }

    /// Whether every number in it can be drawn, and written as JSON.
    pub(crate) fn is_finite(&self) -> bool {
        match self {
            Self::Gauge(gauge) => gauge.value.is_finite() && gauge.limit.is_finite(),
            Self::Timeline(timeline) => timeline
                .attempts
                .iter()
                .all(|attempt| attempt.expected.is_finite() && attempt.observed.is_finite()),
            Self::Rows(_) => true,
        }
    }
}
