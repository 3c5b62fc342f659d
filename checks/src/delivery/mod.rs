//! The delivery track: every email's fate is known, whatever the provider sends, repeats, or sends out of order.

mod desk;
mod event;
mod law;
mod post;
mod roundtrip;
mod sql;
mod tamper;

use sabot_engine::{Check, Sabotage};
use sabot_target::{Lane, Target};

pub(crate) fn checks() -> Vec<Check<Lane>> {
    vec![roundtrip::check()]
}

pub(crate) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    [roundtrip::sabotages(target)].concat()
}
