//! The exit codes: one closed set, decided from the record before anything is drawn.

use crate::{Outcome, Record, Result, Verdict};
use std::process::ExitCode;

/// How a command ends. The numbers are public and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All chosen checks passed.
    Passed,
    /// A check failed, by more than a baseline knows; under `prove` also: a sabotage survived, was only collateral, or a check is unproven.
    Failed,
    /// Something could not be verified, a proof was void, or a chosen check was skipped without leave.
    Unverified,
    /// Bad configuration or usage.
    Usage,
    /// Nothing selected, or no such id.
    Nothing,
    /// Interrupted by SIGINT, after clean-up.
    Interrupted,
    /// Ended by SIGTERM, after clean-up.
    Terminated,
}

impl Exit {
    /// The number that the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Unverified => 2,
            Self::Usage => 3,
            Self::Nothing => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Decides from a finished record. Fail beats unverified; a skip is as bad as unverified unless it was allowed.
    pub fn of(record: &Record) -> Self {
        if let Some(signal) = record.interrupted {
            return if signal == 15 { Self::Terminated } else { Self::Interrupted };
        }
        let failed = record.results.iter().any(Result::is_newly_red);
        let disproved = record.proofs.iter().any(|proof| proof.outcome.is_disproof());
        if failed || disproved || !record.unproven.is_empty() {
            return Self::Failed;
        }
        let open = record.results.iter().any(|result| match result.verdict {
            Verdict::Unverified => true,
            Verdict::Skipped => !result.skip_allowed,
            // Known, and it could not tell whether there is more.
            Verdict::Fail => result.reason.is_some(),
            Verdict::Pass => false,
        });
        if open || record.proofs.iter().any(|proof| proof.outcome == Outcome::Void) {
            return Self::Unverified;
        }
        if record.results.is_empty() {
            return Self::Nothing;
        }
        // Without the proof of the prover no proof counts.
        let prover_proved = record.proofs.iter().any(|proof| proof.outcome == Outcome::NothingSurvived);
        if record.command == "prove" && !prover_proved { Self::Unverified } else { Self::Passed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(verdicts: &[Verdict]) -> Record {
        let mut record = Record::begin("run", "test");
        record.results =
            verdicts.iter().map(|verdict| Result { verdict: *verdict, ..Result::blank("a.b") }).collect();
        record
    }

    #[test]
    fn the_worst_verdict_decides() {
        use Verdict::{Fail, Pass, Skipped, Unverified};
        assert_eq!(Exit::of(&record(&[Pass, Pass])), Exit::Passed);
        assert_eq!(Exit::of(&record(&[Pass, Skipped])), Exit::Unverified);
        assert_eq!(Exit::of(&record(&[Pass, Unverified])), Exit::Unverified);
        assert_eq!(Exit::of(&record(&[Unverified, Fail])), Exit::Failed);
        assert_eq!(Exit::of(&record(&[])), Exit::Nothing);
    }

    #[test]
    fn a_skip_that_was_allowed_is_no_obstacle() {
        let mut record = record(&[Verdict::Pass, Verdict::Skipped]);
        record.results[1].skip_allowed = true;
        assert_eq!(Exit::of(&record), Exit::Passed);
    }

    #[test]
    fn an_unproven_check_fails_a_proof() {
        let mut record = record(&[Verdict::Pass]);
        record.unproven = vec!["a.b".into()];
        assert_eq!(Exit::of(&record), Exit::Failed);
    }

    #[test]
    fn a_proof_without_the_proof_of_the_prover_verifies_nothing() {
        let mut record = record(&[Verdict::Pass]);
        record.command = "prove".into();
        assert_eq!(Exit::of(&record), Exit::Unverified);
        record.results[0].verdict = Verdict::Fail;
        assert_eq!(Exit::of(&record), Exit::Failed);
    }

    #[test]
    fn an_interrupted_run_says_so_whatever_it_found() {
        let mut record = record(&[Verdict::Fail]);
        record.interrupted = Some(2);
        assert_eq!(Exit::of(&record), Exit::Interrupted);
        record.interrupted = Some(15);
        assert_eq!(Exit::of(&record), Exit::Terminated);
    }
}
