//! An earlier record held against a new one: what was red there already is known, and only what is new fails a run.

use crate::{FORMAT, Record, Result, VERSION, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

/// What an earlier record says of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    /// When the earlier run began, UTC.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: OffsetDateTime,
    /// The version of Sabot that wrote it.
    pub sabot: String,
    /// What was red there and is red now.
    pub known: Vec<Known>,
    /// What was red there and is not now: its check was run, and could tell.
    pub mended: Vec<Known>,
}

/// A finding, as it is known again: by its check and its subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Known {
    /// The check's id.
    pub check: String,
    /// What the finding is about.
    pub subject: String,
}

/// A file that is no record to be held against a run.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is not JSON, or a field is missing or of another kind.
    #[error("it can't be read as a record ({0}); give one that `--report json=FILE` wrote")]
    Form(#[from] serde_json::Error),
    /// It is JSON of something else.
    #[error("it is no record of Sabot; give one that `--report json=FILE` wrote")]
    Other,
    /// A newer Sabot wrote it.
    #[error(
        "it is of version {found}, and this Sabot reads {VERSION} and older; take the Sabot that wrote it ({sabot}), or \
         make it anew with this one"
    )]
    Newer {
        /// The version of its format.
        found: u64,
        /// The version of the Sabot that wrote it.
        sabot: String,
    },
    /// It was cut short, so that what it lacks is not new.
    #[error("that run was interrupted, so it does not say what was red; give the record of a whole one")]
    Interrupted,
}

impl Record {
    /// Reads a record that an earlier run wrote.
    ///
    /// # Errors
    /// [`Unreadable`], when it is none, or one that can't be held against another.
    pub fn read(text: &str) -> std::result::Result<Self, Unreadable> {
        let value: Value = serde_json::from_str(text)?;
        if value["format"] != FORMAT {
            return Err(Unreadable::Other);
        }
        if let Some(found) = value["version"].as_u64().filter(|found| *found > u64::from(VERSION)) {
            let sabot = value["sabot"].as_str().unwrap_or("of an unknown version").chars().take(40).collect();
            return Err(Unreadable::Newer { found, sabot });
        }
        let record: Self = serde_json::from_value(value)?;
        if record.interrupted.is_some() { Err(Unreadable::Interrupted) } else { Ok(record) }
    }

    /// Marks the findings that `earlier` has too, of the same check and about the same subject, and says what has become
    /// green since.
    pub fn hold_against(&mut self, earlier: &Self) {
        let mut before = red(earlier);
        for result in self.results.iter_mut().filter(|result| result.verdict == Verdict::Fail) {
            for finding in &mut result.findings {
                finding.known =
                    before.iter().any(|known| known.check == result.id && known.subject == finding.subject);
            }
        }
        let now = red(self);
        let told =
            |known: &Known| self.results.iter().any(|result| result.id == known.check && could_tell(result));
        let known = before.extract_if(.., |known| now.contains(known)).collect();
        before.retain(told);
        self.baseline = Some(Baseline {
            started_at: earlier.started_at,
            sabot: earlier.sabot.clone(),
            known,
            mended: before,
        });
    }
}

impl Result {
    /// Whether it is red by findings alone that are known from a baseline.
    pub fn is_known(&self) -> bool {
        self.verdict == Verdict::Fail
            && !self.findings.is_empty()
            && self.findings.iter().all(|finding| finding.known)
    }

    /// Whether it is red by anything that is not known from a baseline.
    pub fn is_newly_red(&self) -> bool {
        self.verdict == Verdict::Fail && !self.is_known()
    }
}

/// Whether a check that found nothing there would have said so.
fn could_tell(result: &Result) -> bool {
    match result.verdict {
        Verdict::Pass => true,
        Verdict::Fail => result.reason.is_none(),
        Verdict::Unverified | Verdict::Skipped => false,
    }
}

/// Every finding of a record, each once.
fn red(record: &Record) -> Vec<Known> {
    let mut all: Vec<Known> = Vec::new();
    for result in record.results.iter().filter(|result| result.verdict == Verdict::Fail) {
        for finding in &result.findings {
            let known = Known { check: result.id.clone(), subject: finding.subject.clone() };
            if !all.contains(&known) {
                all.push(known);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Exit, Finding};

    fn red_at(id: &str, subjects: &[&str]) -> Result {
        let findings = subjects.iter().map(|subject| Finding::new(*subject, "1", "2")).collect();
        Result { verdict: Verdict::Fail, findings, ..Result::blank(id) }
    }

    fn green(id: &str) -> Result {
        Result { verdict: Verdict::Pass, ..Result::blank(id) }
    }

    fn record(results: Vec<Result>) -> Record {
        let mut record = Record::begin("run", "test");
        record.results = results;
        record
    }

    fn held(now: Vec<Result>, before: Vec<Result>) -> Record {
        let mut now = record(now);
        now.hold_against(&record(before));
        now
    }

    fn names(known: &[Known]) -> Vec<(&str, &str)> {
        known.iter().map(|known| (known.check.as_str(), known.subject.as_str())).collect()
    }

    #[test]
    fn what_was_red_before_is_known_and_fails_nothing() {
        let now = held(
            vec![red_at("a.one", &["row 1"]), green("a.two")],
            vec![red_at("a.one", &["row 1", "row 2"])],
        );
        assert_eq!(Exit::of(&now), Exit::Passed);
        let baseline = now.baseline.as_ref().unwrap();
        assert_eq!(names(&baseline.known), [("a.one", "row 1")]);
        assert_eq!(names(&baseline.mended), [("a.one", "row 2")]);
    }

    #[test]
    fn what_is_new_fails_whatever_is_known_beside_it() {
        let before = || vec![red_at("a.one", &["row 1"]), green("a.two")];
        for now in [
            vec![red_at("a.one", &["row 1", "row 2"])],
            // The same subject, but of a check that was green, or was not there.
            vec![red_at("a.two", &["row 1"])],
            vec![red_at("a.three", &["row 1"])],
        ] {
            let now = held(now, before());
            assert_eq!(Exit::of(&now), Exit::Failed, "{:?}", now.results);
        }
    }

    #[test]
    fn what_could_not_tell_is_neither_mended_nor_passed() {
        let lost = Result { reason: Some("lost".into()), ..red_at("a.one", &["row 1"]) };
        let now = held(
            vec![lost, Result::blank("a.two")],
            vec![red_at("a.one", &["row 1", "row 2"]), red_at("a.two", &["x"])],
        );
        assert_eq!(Exit::of(&now), Exit::Unverified, "the rest of a known failure was not looked at");
        assert_eq!(names(&now.baseline.unwrap().mended), []);
    }

    #[test]
    fn a_check_that_was_not_run_again_is_not_mended() {
        let now = held(vec![green("a.two")], vec![red_at("a.one", &["row 1"])]);
        assert_eq!(names(&now.baseline.unwrap().mended), []);
    }

    #[test]
    fn only_a_whole_record_of_a_version_that_is_known_is_read() {
        let good = record(vec![red_at("a.one", &["row 1"])]);
        let text = |change: fn(&mut Value)| {
            let mut value = serde_json::to_value(&good).unwrap();
            change(&mut value);
            value.to_string()
        };
        assert_eq!(Record::read(&text(|_| {})).unwrap(), good);
        for (change, told) in [
            ((|value| value["version"] = 99.into()) as fn(&mut Value), "it is of version 99"),
            (|value| value["format"] = "junk".into(), "no record of Sabot"),
            (|value| value["results"] = 1.into(), "can't be read as a record"),
            (|value| value["interrupted"] = 2.into(), "was interrupted"),
        ] {
            let error = Record::read(&text(change)).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(Record::read("").unwrap_err().to_string().contains("can't be read"));
    }
}
