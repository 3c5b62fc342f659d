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

/// Every sabotage that can be put on `target`, of the tracks that it describes; the do-nothing one is the caller's to add, since it names the chosen
/// checks.
pub fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let all = [
        recovery::sabotages(target),
        readiness::sabotages(target),
        delivery::sabotages(target),
        propagation::sabotages(target),
        contract::sabotages(target),
    ];
    all.concat().into_iter().filter(|sabotage| !is_left_out(sabotage, target)).collect()
}

/// Whether every check that it names is of a track that `target` does not describe.
fn is_left_out(sabotage: &Sabotage<Lane>, target: &Target) -> bool {
    let track = |id: &str| target.left_out(id.split('.').next().unwrap_or(id)).is_some();
    sabotage.turns_red.iter().all(|id| track(id))
}
