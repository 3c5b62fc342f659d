//! Which parts of a delivery each check can't do without, and what the others say where they look at less.

use super::{
    accepted_too_long, auth, batch, bounce, cursor, early, forwarder_crash, malformed, no_renderer, order,
    outage, replay, roundtrip, sender_domain, storm, unhandled, unknown,
};
use crate::contract::{audit_known, ledger_classified, renderers};
use sabot_engine::Cx;
use sabot_target::delivery::Part;
use sabot_target::{Lane, Target};

/// Each check of the track, and those of others that look into it, with the parts without which nothing is left to judge.
const NEEDED: [(&str, &[Part]); 20] = [
    (roundtrip::ID, &[]),
    (replay::ID, &[]),
    (bounce::ID, &[]),
    (order::ID, &[]),
    (early::ID, &[Part::Forwarder]),
    (storm::ID, &[]),
    (malformed::ID, &[]),
    (batch::ID, &[Part::Batch]),
    (unhandled::ID, &[]),
    (unknown::ID, &[]),
    (auth::ID, &[]),
    (outage::ID, &[]),
    (forwarder_crash::ID, &[Part::Forwarder]),
    (no_renderer::ID, &[Part::Forwarder]),
    (cursor::ID, &[Part::Forwarder, Part::Cursor]),
    (accepted_too_long::ID, &[Part::Overdue]),
    (sender_domain::ID, &[Part::Forwarder, Part::Overdue, Part::Metrics]),
    (ledger_classified::ID, &[Part::Forwarder]),
    (renderers::ID, &[Part::Forwarder]),
    (audit_known::ID, &[Part::Audit]),
];

/// Why the check `id` is skipped on `target`, where a part is missing that it can't do without.
pub(crate) fn leaves_out(target: &Target, id: &str) -> Option<String> {
    let (_, parts) = NEEDED.iter().find(|(known, _)| *known == id)?;
    parts.iter().find_map(|part| target.delivery_lacks(*part))
}

/// Whether the target has `part`; where it has not, the record says that `what` was not looked at.
pub(super) fn looks_at(cx: &Cx<'_, Lane>, part: Part, what: &str) -> bool {
    let lacks = cx.lane().target().delivery_lacks(part);
    if let Some(reason) = &lacks {
        cx.fact(format!("not looked at: {what}"), reason);
    }
    lacks.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_check_of_the_track_is_named_and_every_name_is_a_checks() {
        let checks = crate::checks();
        let all: BTreeSet<_> = checks.iter().map(|check| check.id).collect();
        let of_the_track: BTreeSet<_> =
            checks.iter().filter(|check| check.track() == "delivery").map(|check| check.id).collect();
        let named: BTreeSet<_> = NEEDED.iter().map(|(id, _)| *id).collect();
        assert_eq!(named.len(), NEEDED.len(), "each once");
        assert!(named.is_subset(&all), "{:?}", named.difference(&all));
        assert!(of_the_track.is_subset(&named), "{:?}", of_the_track.difference(&named));
    }

    #[test]
    fn nothing_is_left_out_of_a_target_that_has_every_part() {
        let target = Target::embedded();
        assert!(NEEDED.iter().all(|(id, _)| leaves_out(&target, id).is_none()));
    }

    /// A target of which only `without` is left out.
    fn lacking(without: &[Part]) -> Target {
        let mut target = Target::embedded();
        target.delivery.without = without.to_vec();
        target
    }

    #[test]
    fn a_check_is_left_out_with_the_part_that_it_needs() {
        let target = lacking(&[Part::Forwarder]);
        for id in [early::ID, cursor::ID, sender_domain::ID, renderers::ID] {
            let reason = leaves_out(&target, id).unwrap();
            assert!(reason.contains("delivery has no forwarder"), "{id}: {reason}");
        }
        assert_eq!(leaves_out(&target, batch::ID), None);
        assert_eq!(leaves_out(&target, accepted_too_long::ID), None);
        assert!(leaves_out(&lacking(&[Part::Batch]), batch::ID).unwrap().contains("arrays of events"));
    }

    #[test]
    fn every_check_that_is_left_has_a_sabotage_and_no_sabotage_names_one_that_is_not() {
        for without in [&Part::ALL[..], &[Part::Events], &[Part::Forwarder, Part::Audit], &[Part::Batch]] {
            let target = lacking(without);
            let sabotages = crate::sabotages(&target);
            let left: Vec<_> =
                NEEDED.iter().map(|(id, _)| *id).filter(|id| leaves_out(&target, id).is_none()).collect();
            for id in &left {
                assert!(
                    sabotages.iter().any(|sabotage| sabotage.turns_red.contains(id)),
                    "{id} without {without:?}"
                );
            }
            let gone = |id: &&str| leaves_out(&target, id).is_some();
            assert!(!sabotages.iter().any(|sabotage| sabotage.turns_red.iter().any(&gone)), "{without:?}");
            assert!(left.len() >= 10, "{without:?}");
        }
    }
}
