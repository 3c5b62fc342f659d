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
mod rows;
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

/// Why the check `id` has nothing to judge on `target`.
pub(crate) fn leaves_out(target: &Target, id: &str) -> Option<String> {
    let of_rows = [envelope::ID, matrix::ID].contains(&id);
    let bare = of_rows && target.readiness.shape.rows.is_empty();
    bare.then(|| "readiness is told by its HTTP status alone, and shows no dependency".to_owned())
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
