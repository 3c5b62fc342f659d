//! What the re-grading of a team's resources comes to as a whole.

use axum::http::StatusCode;
use sabot_propagation::{Outcome, SkipReason};

use crate::db::DatabaseError;

/// How many failed resources an error names; it is cut where it is stored.
const NAMED: usize = 10;

/// What became of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Graded {
    Applied,
    Skipped(SkipReason),
}

/// Why one resource was not re-graded.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("no answer in time")]
    Late,
    #[error("the provisioner answered {0}")]
    Status(StatusCode),
    #[error("the provisioner's answer is not readable")]
    Unreadable,
    #[error("the provisioner cannot be reached: {0}")]
    Unreachable(String),
    /// Whether it is still active could not be told.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Not all of a team's resources were re-graded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{failed} of {all} resources were not re-graded: {which}")]
pub(super) struct TallyError {
    failed: usize,
    all: usize,
    /// Which, each with its reason.
    which: String,
}

/// One failure fails the whole, and so does a skip for a reason that is not known to be harmless. A team without
/// resources is as it should be.
pub(super) fn tally(graded: &[(i64, Result<Graded, Failure>)]) -> Result<Outcome, TallyError> {
    let failures: Vec<_> =
        graded.iter().filter_map(|(id, graded)| graded.as_ref().err().map(|error| (id, error))).collect();
    let mut skipped = graded.iter().filter_map(|(id, graded)| match graded {
        Ok(Graded::Skipped(reason)) => Some((id, reason)),
        _ => None,
    });
    // Told as such even beside failures: it has a trail of its own.
    if let Some((id, reason)) = skipped.clone().find(|(_, reason)| matches!(reason, SkipReason::Other(_))) {
        let beside = if failures.is_empty() {
            String::new()
        } else {
            format!("; {} of {} resources failed besides", failures.len(), graded.len())
        };
        let reason = format!("{} (res_{id}){beside}", reason.as_str());
        return Ok(Outcome::Skipped(SkipReason::Other(reason)));
    }
    if !failures.is_empty() {
        let which: Vec<_> =
            failures.iter().take(NAMED).map(|(id, error)| format!("res_{id}: {error}")).collect();
        let more = if failures.len() > NAMED { ", …" } else { "" };
        let which = format!("{}{more}", which.join(", "));
        return Err(TallyError { failed: failures.len(), all: graded.len(), which });
    }
    if graded.iter().any(|(_, graded)| matches!(graded, Ok(Graded::Applied))) {
        return Ok(Outcome::Applied);
    }
    let telling = skipped.find(|(_, reason)| **reason != SkipReason::AlreadyCorrect);
    Ok(Outcome::Skipped(telling.map_or(SkipReason::AlreadyCorrect, |(_, reason)| reason.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(reason: &str) -> Result<Graded, Failure> {
        Ok(Graded::Skipped(SkipReason::parse(reason)))
    }

    #[test]
    fn what_was_applied_or_harmlessly_skipped_is_done() {
        assert_eq!(tally(&[]), Ok(Outcome::Skipped(SkipReason::AlreadyCorrect)));
        let some = [(1, skipped("already_correct")), (2, Ok(Graded::Applied))];
        assert_eq!(tally(&some), Ok(Outcome::Applied));
        let none = [(1, skipped("already_correct")), (2, skipped("unsupported_resource"))];
        assert_eq!(tally(&none), Ok(Outcome::Skipped(SkipReason::UnsupportedResource)));
    }

    #[test]
    fn a_partial_success_fails_and_says_how_many_and_which() {
        let failed = Err(Failure::Status(StatusCode::INTERNAL_SERVER_ERROR));
        let graded = [(1, Ok(Graded::Applied)), (2, failed), (3, Err(Failure::Late))];
        assert_eq!(
            tally(&graded).unwrap_err().to_string(),
            "2 of 3 resources were not re-graded: res_2: the provisioner answered 500 Internal Server Error, \
             res_3: no answer in time"
        );
    }

    #[test]
    fn an_unknown_reason_is_told_as_such_even_beside_a_failure() {
        let graded = [(1, skipped("frozen")), (2, Err(Failure::Late))];
        let told = SkipReason::Other("frozen (res_1); 1 of 2 resources failed besides".into());
        assert_eq!(tally(&graded), Ok(Outcome::Skipped(told)));
    }
}
