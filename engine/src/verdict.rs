//! What a check can come to: its verdict, its findings, and the reason why it could not tell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What became of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Its assertion held, and it looked at something.
    Pass,
    /// It was not run, for a reason that the record holds.
    Skipped,
    /// It could not tell: never green.
    Unverified,
    /// Its assertion did not hold.
    Fail,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unverified => "unverified",
            Self::Skipped => "skipped",
        })
    }
}

/// What a failed check reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What it is about: a service, a row, a file.
    pub subject: String,
    /// What the contract demands.
    pub expected: String,
    /// What was there instead.
    pub observed: String,
    /// What shows it: an answer, a row, a count on a wire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// What to do about it.
    pub remedy: String,
    /// Whether an earlier record has it too, under `--baseline`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known: bool,
}

impl Finding {
    /// A finding about `subject`; add [`evidence`](Self::evidence) and a [`remedy`](Self::remedy).
    pub fn new(subject: impl Into<String>, expected: impl Into<String>, observed: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            expected: expected.into(),
            observed: observed.into(),
            evidence: Vec::new(),
            remedy: String::new(),
            known: false,
        }
    }

    /// Adds one piece of evidence.
    #[must_use]
    pub fn evidence(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// Says what to do; without it the check's own remedy stands.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Its parts under their names, in the order in which they are read.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let evidence = self.evidence.iter().map(|evidence| ("evidence", evidence.as_str()));
        [("subject", &self.subject), ("expected", &self.expected), ("observed", &self.observed)]
            .map(|(name, text)| (name, text.as_str()))
            .into_iter()
            .chain(evidence)
            .chain([("remedy", self.remedy.as_str())])
    }

    /// All that matters, in one line.
    pub(crate) fn line(&self) -> String {
        format!("{}: expected {}, observed {}", self.subject, self.expected, self.observed)
    }
}

/// Why a check could not tell. It becomes `unverified`, never a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CannotTell(String);

impl CannotTell {
    /// A reason in plain words that names the place and what was tried.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// The reason.
    pub fn reason(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CannotTell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for CannotTell {
    fn from(error: E) -> Self {
        Self(chain(&error))
    }
}

/// What a check returns: its findings are in its [`Cx`](crate::Cx); an error means that it could not tell.
pub type Judgement<T = ()> = Result<T, CannotTell>;

/// Names what was being done when something outside the assertion failed.
pub trait Context<T> {
    /// Puts `what` before the cause.
    ///
    /// # Errors
    /// The same failure, as a [`CannotTell`] that begins with `what`.
    fn context(self, what: impl fmt::Display) -> Judgement<T>;
}

impl<T, E: Into<CannotTell>> Context<T> for Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Judgement<T> {
        self.map_err(|error| CannotTell(format!("{what}: {}", error.into())))
    }
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_comes_before_the_cause() {
        let lost = std::io::Error::other("connection reset");
        let told: Judgement = Err(lost).context("reading the ledger");
        assert_eq!(told.unwrap_err().reason(), "reading the ledger: connection reset");
    }

    #[test]
    fn fail_beats_unverified_beats_skipped_beats_pass() {
        let worst = [Verdict::Pass, Verdict::Fail, Verdict::Skipped, Verdict::Unverified].into_iter().max();
        assert_eq!(worst, Some(Verdict::Fail));
        assert!(Verdict::Unverified > Verdict::Skipped && Verdict::Skipped > Verdict::Pass);
    }
}
