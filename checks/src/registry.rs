//! Every check and every sabotage there is.

use crate::{delivery, readiness};
use sabot_engine::{Check, Sabotage};
use sabot_target::{Lane, Target};
use std::sync::Arc;

/// Every check, in the order of tracks.
pub fn checks() -> Vec<Arc<Check<Lane>>> {
    readiness::checks().into_iter().chain(delivery::checks()).map(Arc::new).collect()
}

/// Every sabotage that can be put on `target`; the do-nothing one is the caller's to add, since it names the chosen
/// checks.
pub fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    [readiness::sabotages(target), delivery::sabotages(target)].concat()
}
