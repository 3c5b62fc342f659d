//! What a sabotage showed, read off its row of the matrix.

use crate::sabotage::DO_NOTHING;
use crate::{Outcome, Proof, Red, Sabotage, Verdict};

/// What the matrix shows of the named checks.
pub(super) fn judge<L>(sabotage: &Sabotage<L>, matrix: &[Red]) -> (Outcome, Option<String>) {
    let named: Vec<_> = matrix.iter().filter(|red| red.named).collect();
    let any_red = |reds: &[&Red]| reds.iter().any(|red| red.verdict == Verdict::Fail);
    if sabotage.id == DO_NOTHING {
        let red = matrix.iter().find(|red| red.verdict == Verdict::Fail);
        return match red {
            Some(red) => (Outcome::NothingProved, Some(format!("{} was red with nothing broken", red.check))),
            None => match matrix.iter().find(|red| red.verdict != Verdict::Pass) {
                Some(red) => (Outcome::Void, Some(could_not_tell(red))),
                None => (Outcome::NothingSurvived, None),
            },
        };
    }
    if !named.is_empty() && named.iter().all(|red| red.verdict == Verdict::Fail) {
        return (Outcome::Proved, None);
    }
    if let Some(red) = named.iter().find(|red| matches!(red.verdict, Verdict::Unverified | Verdict::Skipped))
    {
        return (Outcome::Void, Some(could_not_tell(red)));
    }
    let green =
        named.iter().find(|red| red.verdict == Verdict::Pass).map_or("no check", |red| red.check.as_str());
    let others: Vec<_> = matrix.iter().filter(|red| !red.named).collect();
    if any_red(&others) && !any_red(&named) {
        let others: Vec<_> =
            others.iter().filter(|red| red.verdict == Verdict::Fail).map(|red| red.check.as_str()).collect();
        return (Outcome::Collateral, Some(format!("{green} stayed green; red were {}", others.join(", "))));
    }
    (Outcome::Survived, Some(format!("{green} stayed green")))
}

fn could_not_tell(red: &Red) -> String {
    let why = red.reason.as_deref().unwrap_or("no reason given");
    format!("{} could not tell: {why}", red.check)
}

/// A proof that holds only what is known beforehand, and its outcome.
pub(super) fn describe<L>(sabotage: &Sabotage<L>, outcome: Outcome, reason: Option<String>) -> Proof {
    Proof {
        sabotage: sabotage.id.clone(),
        mistake: sabotage.mistake.clone(),
        sorts: sabotage.sorts.clone(),
        nature: sabotage.nature,
        turns_red: sabotage.turns_red.iter().map(|&id| id.into()).collect(),
        outcome,
        reason,
        landed: None,
        matrix: Vec::new(),
        took_ms: 0,
    }
}
