//! What one sabotage showed.

use crate::{Finding, Nature, Sort, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What one sabotage showed of the checks that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every named check turned red by its own assertion, and green again after the undo.
    Proved,
    /// It landed and the named check stayed green.
    Survived,
    /// As `survived`, but a second try turned red: no better.
    SurvivedFlaky,
    /// Only other checks turned red.
    Collateral,
    /// It did not land, the check could not tell, or it did not recover: no proof either way.
    Void,
    /// The do-nothing sabotage came out as it must.
    NothingSurvived,
    /// The do-nothing sabotage turned something red: red means nothing here.
    NothingProved,
}

impl Outcome {
    /// Whether it shows that a check can't be believed.
    pub const fn is_disproof(self) -> bool {
        matches!(self, Self::Survived | Self::SurvivedFlaky | Self::Collateral | Self::NothingProved)
    }

    /// Whether it is an outcome of the do-nothing sabotage.
    pub const fn is_nothing(self) -> bool {
        matches!(self, Self::NothingSurvived | Self::NothingProved)
    }

    /// Whether it came out as it must.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Proved | Self::NothingSurvived)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Proved => "proved",
            Self::Survived => "survived",
            Self::SurvivedFlaky => "survived (flaky)",
            Self::Collateral => "collateral",
            Self::Void => "void",
            Self::NothingSurvived => "survived (as it must)",
            Self::NothingProved => "proved (it must survive)",
        })
    }
}

/// One check under one sabotage: a cell of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Red {
    /// The check's id.
    pub check: String,
    /// Whether the sabotage names it.
    pub named: bool,
    /// What it came to while the sabotage was on.
    pub verdict: Verdict,
    /// Its first finding, or why it could not tell.
    pub finding: Option<Finding>,
    /// Why it could not tell.
    pub reason: Option<String>,
}

/// What one sabotage showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// The sabotage's id.
    pub sabotage: String,
    /// The mistake that it stands for.
    pub mistake: String,
    /// By what means it was put on.
    pub sorts: Vec<Sort>,
    /// Of cause or of symptom.
    pub nature: Nature,
    /// The checks that it must turn red.
    pub turns_red: Vec<String>,
    /// What it showed.
    pub outcome: Outcome,
    /// Why, where the outcome is not the good one.
    pub reason: Option<String>,
    /// How it was seen to have landed.
    pub landed: Option<String>,
    /// Each check that ran under it.
    pub matrix: Vec<Red>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}
