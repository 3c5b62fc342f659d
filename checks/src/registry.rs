//! Every check and every sabotage there is.

use crate::{contract, delivery, propagation, readiness, recovery};
use sabot_engine::{Check, Sabotage};
use sabot_target::{Lane, Target};
use std::sync::Arc;

/// Every check, in the order of tracks.
pub fn checks() -> Vec<Arc<Check<Lane>>> {
    [recovery::checks(), readiness::checks(), delivery::checks(), propagation::checks(), contract::checks()]
        .into_iter()
        .flatten()
        .map(Arc::new)
        .collect()
}

/// Every sabotage that can be put on `target`, of the checks that have something to judge there; the do-nothing one is the
/// caller's to add, since it names the chosen checks.
pub fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let all = [
        recovery::sabotages(target),
        readiness::sabotages(target),
        delivery::sabotages(target),
        propagation::sabotages(target),
        contract::sabotages(target),
    ];
    let mut all = all.concat();
    for sabotage in &mut all {
        sabotage.turns_red.retain(|id| leaves_out(target, id).is_none());
    }
    all.retain(|sabotage| !sabotage.turns_red.is_empty());
    all
}

/// Why the check `id` has nothing to judge on `target`, by what that says or leaves out.
pub fn leaves_out(target: &Target, id: &str) -> Option<String> {
    let track = id.split('.').next().unwrap_or(id);
    let left_out = target.left_out(track).map(str::to_owned);
    let by_track =
        [readiness::leaves_out, delivery::parts::leaves_out, propagation::leaves_out, contract::leaves_out];
    left_out.or_else(|| by_track.into_iter().find_map(|leaves_out| leaves_out(target, id)))
}
