//! The propagation track: what must reach a downstream system after a change reaches it, or is seen not to.

mod cause;
mod crash;
mod dead_letter;
mod desk;
mod downstream;
mod exclusive;
mod fairness;
mod foreign;
mod http;
mod late;
mod lock;
mod outage;
mod polling;
mod queue;
mod rolling_upgrade;
mod runners;
mod schedule;
mod skip_locked;
mod sql;

use sabot_engine::{Check, Sabotage};
use sabot_target::{Lane, Target};

pub(crate) fn checks() -> Vec<Check<Lane>> {
    vec![
        schedule::check(),
        dead_letter::check(),
        exclusive::check(),
        skip_locked::check(),
        crash::check(),
        outage::check(),
        late::check(),
        rolling_upgrade::check(),
        polling::check(),
        fairness::check(),
    ]
}

pub(crate) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    [
        schedule::sabotages(target),
        dead_letter::sabotages(target),
        exclusive::sabotages(target),
        skip_locked::sabotages(target),
        crash::sabotages(target),
        outage::sabotages(target),
        late::sabotages(target),
        rolling_upgrade::sabotages(target),
        polling::sabotages(target),
        fairness::sabotages(target),
    ]
    .concat()
}
