//! Masking secrets in what a record is made of: in place, field by field, so that nothing in it can be in the way.
//!
//! Every type is taken apart without `..`, so that a field that is added does not build until somebody has said whether
//! it is text. Ids stay: they are names of checks and sabotages, and what finds its result by them.

use super::Secrets;
use crate::{
    Attempt, Baseline, Fact, Figure, Finding, Gauge, Known, Proof, Record, Red, Result, Rows, Series,
    Timeline,
};

/// What can have its texts redacted.
pub(crate) trait Clean {
    /// Masks every secret of `secrets` in each text.
    fn clean(&mut self, secrets: &Secrets);
}

impl Clean for String {
    fn clean(&mut self, secrets: &Secrets) {
        *self = secrets.redact(self);
    }
}

impl<T: Clean> Clean for Option<T> {
    fn clean(&mut self, secrets: &Secrets) {
        self.iter_mut().for_each(|value| value.clean(secrets));
    }
}

impl<T: Clean> Clean for Vec<T> {
    fn clean(&mut self, secrets: &Secrets) {
        self.iter_mut().for_each(|value| value.clean(secrets));
    }
}

impl Clean for Record {
    fn clean(&mut self, secrets: &Secrets) {
        let Self {
            format: _,
            version: _,
            sabot: _,
            command: _,
            target,
            profile,
            started_at: _,
            finished_at: _,
            results,
            proofs,
            unproven: _,
            baseline,
            not_verified,
            interrupted: _,
            took_ms: _,
        } = self;
        target.clean(secrets);
        profile.clean(secrets);
        results.clean(secrets);
        proofs.clean(secrets);
        baseline.clean(secrets);
        not_verified.clean(secrets);
    }
}

impl Clean for Result {
    fn clean(&mut self, secrets: &Secrets) {
        let Self {
            id: _,
            track: _,
            level: _,
            failure_mode,
            needs: _,
            verdict: _,
            reason,
            skip_allowed: _,
            findings,
            facts,
            series,
            figures,
            examined: _,
            took_ms: _,
        } = self;
        failure_mode.clean(secrets);
        reason.clean(secrets);
        findings.clean(secrets);
        facts.clean(secrets);
        series.clean(secrets);
        figures.clean(secrets);
    }
}

impl Clean for Finding {
    fn clean(&mut self, secrets: &Secrets) {
        let Self { subject, expected, observed, evidence, remedy, known: _ } = self;
        evidence.clean(secrets);
        [subject, expected, observed, remedy].into_iter().for_each(|text| text.clean(secrets));
    }
}

impl Clean for Baseline {
    fn clean(&mut self, secrets: &Secrets) {
        let Self { started_at: _, sabot: _, known, mended } = self;
        known.clean(secrets);
        mended.clean(secrets);
    }
}

impl Clean for Known {
    fn clean(&mut self, secrets: &Secrets) {
        let Self { check: _, subject } = self;
        subject.clean(secrets);
    }
}

impl Clean for Fact {
    fn clean(&mut self, secrets: &Secrets) {
        let Self { name, value } = self;
        name.clean(secrets);
        value.clean(secrets);
    }
}

impl Clean for Series {
    fn clean(&mut self, secrets: &Secrets) {
        let Self { name, unit, p95_limit: _, samples: _ } = self;
        name.clean(secrets);
        unit.clean(secrets);
    }
}

impl Clean for Figure {
    fn clean(&mut self, secrets: &Secrets) {
        match self {
            Self::Gauge(Gauge { name, unit, value: _, limit: _ }) => {
                name.clean(secrets);
                unit.clean(secrets);
            }
            Self::Timeline(Timeline { name, attempts }) => {
                name.clean(secrets);
                attempts.clean(secrets);
            }
            Self::Rows(Rows { name, columns, before, after }) => {
                name.clean(secrets);
                columns.clean(secrets);
                before.clean(secrets);
                after.clean(secrets);
            }
        }
    }
}

impl Clean for Attempt {
    fn clean(&mut self, secrets: &Secrets) {
        let Self { name, expected: _, observed: _ } = self;
        name.clean(secrets);
    }
}

impl Clean for Proof {
    fn clean(&mut self, secrets: &Secrets) {
        let Self {
            sabotage: _,
            mistake,
            sorts: _,
            nature: _,
            turns_red: _,
            outcome: _,
            reason,
            landed,
            matrix,
            took_ms: _,
        } = self;
        mistake.clean(secrets);
        reason.clean(secrets);
        landed.clean(secrets);
        matrix.clean(secrets);
    }
}

impl Clean for Red {
    fn clean(&mut self, secrets: &Secrets) {
        let Self { check: _, named: _, verdict: _, finding, reason } = self;
        finding.clean(secrets);
        reason.clean(secrets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    const SECRET: &str = "p4ss/w+rd&more";

    fn secrets(secret: &str) -> Secrets {
        let secrets = Secrets::default();
        secrets.register(secret);
        secrets
    }

    #[test]
    fn what_cannot_be_written_as_json_is_cleaned_all_the_same() {
        let samples = vec![f64::NAN, f64::INFINITY, 1.0];
        let series = Series { name: SECRET.into(), unit: "ms".into(), p95_limit: f64::NAN, samples };
        let result = Result {
            reason: Some(format!("it said {SECRET}")),
            series: vec![series],
            ..Result::blank("a.one")
        };
        let clean = secrets(SECRET).clean(result);
        assert_eq!(clean.reason.as_deref(), Some("it said [redacted]"));
        assert_eq!(clean.series[0].name, "[redacted]");
        assert_eq!(clean.series[0].samples.len(), 3);
    }

    #[test]
    fn a_secret_that_is_also_a_word_of_ours_costs_no_result() {
        let result = Result { reason: Some("baseline".into()), ..Result::blank("recovery.baseline") };
        let clean = secrets("baseline").clean(Result { verdict: Verdict::Fail, ..result });
        assert_eq!((clean.id.as_str(), clean.verdict), ("recovery.baseline", Verdict::Fail));
        assert_eq!(clean.reason.as_deref(), Some("[redacted]"));
    }
}
