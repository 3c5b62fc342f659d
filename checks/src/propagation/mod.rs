//! The propagation track: what must reach a downstream system after a change reaches it, or is seen not to.

mod cause;
mod dead_letter;
mod desk;
mod downstream;
mod http;
mod queue;
mod schedule;
mod sql;

use sabot_engine::{Check, Sabotage};
use sabot_target::{Lane, Target};

pub(crate) fn checks() -> Vec<Check<Lane>> {
    vec![schedule::check(), dead_letter::check()]
}

pub(crate) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    [schedule::sabotages(target), dead_letter::sabotages(target)].concat()
}
