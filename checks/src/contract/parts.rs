//! What of the other tracks a check of this one looks at: where the target does not describe that, it has nothing to judge.

use super::{audit_known, ledger_classified, propagates, renderers};
use crate::propagation;
use sabot_target::Target;
use sabot_target::propagation::Part;

/// The tracks that a check looks into besides its own.
fn others(id: &str) -> &'static [&'static str] {
    match id {
        propagates::ID => &["propagation"],
        renderers::ID | ledger_classified::ID => &["delivery"],
        audit_known::ID => &["delivery", "propagation"],
        _ => &[],
    }
}

/// Why the check `id` has nothing to judge on `target`.
pub(crate) fn leaves_out(target: &Target, id: &str) -> Option<String> {
    let track = others(id).iter().find_map(|track| target.left_out(track)).map(str::to_owned);
    let trail = || propagation::lacks(target, Part::Trail);
    track.or_else(|| if id == audit_known::ID { trail() } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_looks_into_a_track_that_is_not_described_is_left_out() {
        let mut target = Target::embedded();
        assert_eq!(leaves_out(&target, audit_known::ID), None);
        target.left_out = vec![("propagation".into(), "nobody describes it".into())];
        for left_out in [propagates::ID, audit_known::ID] {
            assert_eq!(leaves_out(&target, left_out).as_deref(), Some("nobody describes it"), "{left_out}");
        }
        for judged in [renderers::ID, ledger_classified::ID, "contract.consumers"] {
            assert_eq!(leaves_out(&target, judged), None, "{judged}");
        }
        target.left_out.clear();
        target.propagation.without = vec![Part::Trail];
        assert!(leaves_out(&target, audit_known::ID).is_some_and(|why| why.ends_with("has no audit log")));
    }
}
