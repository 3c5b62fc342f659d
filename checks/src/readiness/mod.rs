//! The readiness track: `/readyz` tells the truth, costs its upstreams next to nothing, and shows no secret.

mod answer;
mod cache;
mod criticality;
mod envelope;
mod expected;
pub(crate) mod faults;
mod latency;
mod liveness;
mod matrix;
mod secrets;
mod watch;

use sabot_engine::{Check, Sabotage};
use sabot_target::{Lane, Target};

pub(crate) fn checks() -> Vec<Check<Lane>> {
    vec![
        envelope::check(),
        criticality::check(),
        matrix::check(),
        liveness::check(),
        cache::check(),
        latency::check(),
        secrets::check(),
    ]
}

pub(crate) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    [
        envelope::sabotages(target),
        criticality::sabotages(target),
        matrix::sabotages(target),
        liveness::sabotages(target),
        cache::sabotages(target),
        latency::sabotages(target),
        secrets::sabotages(target),
    ]
    .concat()
}
