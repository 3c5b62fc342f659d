//! What an answer must come to while one dependency is well or down, and when an answer says that it never will.

use super::answer::Answer;
use super::faults::{Fault, SLACK};
use sabot_target::{Readiness, Row};
use std::time::Duration;

/// What readiness must show of one row of the matrix.
pub(super) struct Expected<'a> {
    readiness: &'a Readiness,
    row: &'a Row,
    http: u16,
    overall: &'a str,
    status: &'a str,
    error: Option<&'a str>,
}

/// Whether the row's dependency is harmless, and there is no word for that: whatever happens to it, nothing must show.
pub(super) fn has_no_part(readiness: &Readiness, row: &Row) -> bool {
    readiness.words.degraded.is_empty() && !row.critical
}

impl<'a> Expected<'a> {
    /// The row, and all others, are well.
    pub(super) fn well(readiness: &'a Readiness, row: &'a Row) -> Self {
        let ok = readiness.words.ok.as_str();
        Self { readiness, row, http: 200, overall: ok, status: ok, error: None }
    }

    /// The row's dependency has `fault`, and all others are well.
    pub(super) fn under(readiness: &'a Readiness, row: &'a Row, fault: Fault) -> Self {
        let words = &readiness.words;
        if has_no_part(readiness, row) {
            return Self::well(readiness, row);
        }
        let error = (fault == Fault::Unauthorised).then_some(readiness.unauthorised.as_str());
        let status = if error.is_some() { &words.degraded } else { &words.failed };
        let out = row.critical && error.is_none();
        let (http, overall) = if out { (503, &words.failed) } else { (200, &words.degraded) };
        Self { readiness, row, http, overall, status, error }
    }

    /// For a finding: what should have been seen.
    pub(super) fn sketch(&self) -> String {
        let error = self.error.map(|error| format!(" ({error})")).unwrap_or_default();
        if self.readiness.shape.overall.is_empty() {
            return format!("HTTP {}", self.http);
        }
        format!(
            "HTTP {}, overall {}, the row {}{error}, no other row touched",
            self.http, self.overall, self.status
        )
    }

    /// The longest that the row, and those that go with it, may take to show a change.
    pub(super) fn limit(&self) -> Duration {
        let together = self.readiness.matrix.iter().filter(|row| self.goes_with(&row.dependency));
        let longest = together.map(|row| row.shows_within(self.readiness.servable_periods)).max();
        longest.unwrap_or_default() + SLACK
    }

    /// The answer is as expected; rows over the same wire may have gone with this one.
    pub(super) fn is_met_by(&self, answer: &Answer) -> bool {
        let shape = &self.readiness.shape;
        answer.status == self.http
            && (shape.overall.is_empty() || answer.overall(shape) == self.overall)
            && self.row_is_met_by(answer)
            && self.others_are_well(answer, |name| self.goes_with(name))
    }

    /// The row has come to what it must, and what follows from it in the same answer has not. Waiting longer changes
    /// nothing then; but a row that goes with this one and lags behind may explain the status as well.
    pub(super) fn is_contradicted_by(&self, answer: &Answer) -> bool {
        self.row_is_met_by(answer) && self.others_are_well(answer, |_| false) && answer.status != self.http
    }

    fn row_is_met_by(&self, answer: &Answer) -> bool {
        if !self.readiness.shows(self.row) {
            // Only the status can tell.
            return answer.status == self.http;
        }
        answer.row(&self.readiness.shape, &self.row.dependency).is_some_and(|row| {
            let unnamed = self.error.is_none() || self.readiness.shape.error.is_empty();
            row.status == self.status && (unnamed || row.error.as_deref() == self.error)
        })
    }

    fn others_are_well(&self, answer: &Answer, excused: impl Fn(&str) -> bool) -> bool {
        let well = &self.readiness.words.ok;
        answer
            .rows(&self.readiness.shape)
            .iter()
            .all(|row| row.status == *well || row.name == self.row.dependency || excused(&row.name))
    }

    /// Whether a row of the same service is reached over the same wire, and so goes down with this one.
    fn goes_with(&self, dependency: &str) -> bool {
        let wire = self.row.reach.wire();
        let mut matrix = self.readiness.matrix.iter().filter(|row| row.service == self.row.service);
        matrix.any(|row| row.dependency == dependency && row.reach.wire() == wire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sabot_target::Reach;
    use serde_json::json;

    /// The embedded target's readiness, and its worker's database: critical, and on one wire with the runner.
    fn with_database(judge: impl FnOnce(&Readiness, &Row)) {
        let mut readiness = sabot_target::Target::embedded().readiness;
        let of_database = |row: &&Row| row.service == "worker" && row.dependency == "platform_db";
        let row = readiness.matrix.iter().find(of_database).unwrap().clone();
        assert!(row.critical && matches!(row.reach, Reach::Postgres { .. }));
        readiness.matrix.retain(|row| row.service == "worker");
        judge(&readiness, &row);
    }

    fn answer(status: u16, overall: &str, rows: &[(&str, &str)]) -> Answer {
        let checks: Vec<_> =
            rows.iter().map(|(name, status)| json!({"name": name, "status": status})).collect();
        let body = json!({"overall": overall, "checks": checks}).to_string();
        Answer { status, headers: Vec::new(), body, took: Duration::ZERO }
    }

    #[test]
    fn a_row_that_lags_behind_on_the_same_wire_is_waited_for() {
        with_database(|readiness, row| {
            let well = Expected::well(readiness, row);
            let lagging = answer(503, "failed", &[("platform_db", "ok"), ("propagation_runner", "failed")]);
            assert!(!well.is_met_by(&lagging));
            assert!(!well.is_contradicted_by(&lagging), "the runner's row explains the 503");
            let whole = answer(200, "ok", &[("platform_db", "ok"), ("propagation_runner", "ok")]);
            assert!(well.is_met_by(&whole));
        });
    }

    #[test]
    fn a_status_that_nothing_explains_is_a_contradiction() {
        with_database(|readiness, row| {
            let down = Expected::under(readiness, row, Fault::Error);
            let rows = [("platform_db", "failed"), ("propagation_runner", "ok"), ("brevo", "ok")];
            assert!(down.is_met_by(&answer(503, "failed", &rows)));
            assert!(down.is_contradicted_by(&answer(200, "degraded", &rows)));
            let well = [("platform_db", "ok"), ("propagation_runner", "ok")];
            assert!(Expected::well(readiness, row).is_contradicted_by(&answer(503, "failed", &well)));
        });
    }

    #[test]
    fn a_row_over_another_wire_must_not_be_touched() {
        with_database(|readiness, row| {
            let down = Expected::under(readiness, row, Fault::Hung);
            let with_runner = [("platform_db", "failed"), ("propagation_runner", "failed"), ("brevo", "ok")];
            assert!(down.is_met_by(&answer(503, "failed", &with_runner)));
            let with_brevo = [("platform_db", "failed"), ("propagation_runner", "ok"), ("brevo", "failed")];
            assert!(!down.is_met_by(&answer(503, "failed", &with_brevo)));
        });
    }

    #[test]
    fn refused_credentials_are_degraded_and_named_even_of_a_critical_row() {
        with_database(|readiness, row| {
            let refused = Expected::under(readiness, row, Fault::Unauthorised);
            let body = |error: &str| {
                let row = json!({"name": "platform_db", "status": "degraded", "last_error": error});
                json!({"overall": "degraded", "checks": [row]}).to_string()
            };
            let named = Answer { body: body("auth_401"), ..answer(200, "", &[]) };
            let unnamed = Answer { body: body("timeout"), ..answer(200, "", &[]) };
            assert!(refused.is_met_by(&named));
            assert!(!refused.is_met_by(&unnamed));
        });
    }
}
