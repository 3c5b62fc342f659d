//! What a running check holds: its lane, and the place where its findings, facts and figures go.

use crate::{Fact, Figure, Finding, Series};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The context of one execution of one check on a lane.
pub struct Cx<'a, L> {
    lane: &'a L,
    notes: Mutex<Notes>,
}

/// What a check has written down.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) findings: Vec<Finding>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) series: Vec<Series>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) examined: u64,
}

impl<'a, L> Cx<'a, L> {
    /// A context on `lane`; the engine makes one per execution, a test may make its own.
    pub fn new(lane: &'a L) -> Self {
        Self { lane, notes: Mutex::default() }
    }

    /// The lane that the check has to itself.
    pub const fn lane(&self) -> &'a L {
        self.lane
    }

    /// Reports a finding: the check is red. It may go on and find more.
    pub fn find(&self, finding: Finding) {
        self.notes().findings.push(finding);
    }

    /// Whether anything has been found so far.
    pub fn is_red(&self) -> bool {
        !self.notes().findings.is_empty()
    }

    /// Counts `n` things looked at. A check that looked at nothing is `unverified`.
    pub fn examined(&self, n: usize) {
        self.notes().examined += n as u64;
    }

    /// Writes down a fact for the record: what was run, how often, how long.
    pub fn fact(&self, name: impl Into<String>, value: impl fmt::Display) {
        self.notes().facts.push(Fact { name: name.into(), value: value.to_string() });
    }

    /// Writes down measured durations, in milliseconds, with the limit for their 95th percentile.
    pub fn series(&self, name: impl Into<String>, samples: &[Duration], p95_limit: Duration) {
        let millis = samples.iter().map(|sample| sample.as_secs_f64() * 1e3).collect();
        let limit = p95_limit.as_secs_f64() * 1e3;
        self.notes().series.push(Series {
            name: name.into(),
            unit: "ms".into(),
            p95_limit: limit,
            samples: millis,
        });
    }

    /// Writes down something for reports to draw. What is not a number is left out.
    pub fn figure(&self, figure: Figure) {
        if figure.is_finite() {
            self.notes().figures.push(figure);
        }
    }

    /// The findings so far, for tests of a check.
    pub fn findings(&self) -> Vec<Finding> {
        self.notes().findings.clone()
    }

    pub(crate) fn take(&self) -> Notes {
        std::mem::take(&mut *self.notes())
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // A panic while holding this lock leaves only complete entries behind.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L> fmt::Debug for Cx<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx").field("notes", &self.notes).finish_non_exhaustive()
    }
}
