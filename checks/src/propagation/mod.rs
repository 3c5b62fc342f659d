//! The propagation track: what must reach a downstream system after a change reaches it, or is seen not to.

mod atomic;
mod audit;
pub(crate) mod cause;
mod crash;
mod dead_letter;
pub(crate) mod desk;
pub(crate) mod downstream;
mod exclusive;
mod fairness;
mod guards;
pub(crate) mod http;
mod idempotency_key;
pub(crate) mod kinds;
mod late;
mod lock;
mod outage;
mod parts;
mod poison;
mod polling;
pub(crate) mod queue;
mod redaction;
mod registry;
mod rolling_upgrade;
mod runners;
mod schedule;
mod skip_locked;
mod sql;
mod superseded;
mod unexpected_skip;
mod unknown_kind;

use sabot_engine::{Check, Sabotage};
use sabot_target::{Lane, Target};

pub(crate) use parts::{lacks, leaves_out};

/// A kind that nobody handles.
const UNHEARD_OF: &str = "sabot_unheard_of";

pub(crate) fn checks() -> Vec<Check<Lane>> {
    vec![
        atomic::check(),
        schedule::check(),
        dead_letter::check(),
        unknown_kind::check(),
        idempotency_key::check(),
        registry::check(),
        unexpected_skip::check(),
        superseded::check(),
        audit::check(),
        redaction::check(),
        poison::check(),
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

/// Those that can be put on `target`.
pub(crate) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let all = [
        atomic::sabotages(target),
        schedule::sabotages(target),
        dead_letter::sabotages(target),
        unknown_kind::sabotages(target),
        idempotency_key::sabotages(target),
        registry::sabotages(target),
        unexpected_skip::sabotages(target),
        superseded::sabotages(target),
        audit::sabotages(target),
        redaction::sabotages(target),
        poison::sabotages(target),
        exclusive::sabotages(target),
        skip_locked::sabotages(target),
        crash::sabotages(target),
        outage::sabotages(target),
        late::sabotages(target),
        rolling_upgrade::sabotages(target),
        polling::sabotages(target),
        fairness::sabotages(target),
    ];
    all.concat().into_iter().filter_map(|sabotage| parts::put_on(sabotage, target)).collect()
}
