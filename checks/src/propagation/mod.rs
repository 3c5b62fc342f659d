//! The propagation track: what must reach a downstream system after a change reaches it, or is seen not to.

mod desk;
mod downstream;
mod http;
mod queue;
mod sql;

use sabot_engine::{Check, Sabotage};
use sabot_target::{Lane, Target};

pub(crate) fn checks() -> Vec<Check<Lane>> {
    vec![]
}

pub(crate) fn sabotages(_: &Target) -> Vec<Sabotage<Lane>> {
    vec![]
}
