//! What each check asks of a target beyond a queue, a runner and a downstream. Where the description says that there is
//! none, the check is skipped with that reason; what a check looks at only on the side it passes over, and says so.

use super::{
    atomic, audit, crash, dead_letter, exclusive, fairness, idempotency_key, late, outage, poison, polling,
    redaction, registry, rolling_upgrade, schedule, skip_locked, superseded, unexpected_skip, unknown_kind,
};
use sabot_engine::{Cx, Sabotage};
use sabot_target::propagation::Part;
use sabot_target::{Lane, Propagation, Target};

/// What a check cannot do without.
enum Want {
    Part(Part),
    /// That this holds; and what the description does where it does not.
    Said(fn(&Propagation) -> bool, &'static str),
}

impl Want {
    /// What the description does where `propagation` lacks it.
    fn lacked_by(&self, propagation: &Propagation) -> Option<String> {
        match self {
            Self::Part(part) => (!propagation.has(*part)).then(|| without(*part)),
            Self::Said(holds, otherwise) => (!holds(propagation)).then(|| (*otherwise).to_owned()),
        }
    }
}

/// An answer that says by itself what became of a call.
const OUTCOME: Want = Want::Said(|propagation| propagation.downstream.says_outcome(), BY_STATUS);
pub(super) const BY_STATUS: &str = "says that the downstream's status alone tells what became of a call";
/// Where a propagation says what it asks for.
const TIER: Want = Want::Said(
    |propagation| !propagation.queue.target_tier.is_empty(),
    "says that the queue has no column for the tier",
);
const ERROR: Want = Want::Said(
    |propagation| !propagation.queue.last_error.is_empty(),
    "says that the queue has no column for the last error",
);
const KIND_SUPERSEDES: Want = Want::Said(
    |propagation| propagation.kinds.first().is_some_and(|kind| kind.superseded),
    "says of the first kind of propagation that each one counts",
);
const LEASE_SETTING: Want = Want::Said(
    |propagation| !propagation.runner.env.lease.is_empty() || late::lease_lasts(&propagation.runner),
    "names no setting for the lease, and the lease is too short to do without",
);
const LIMIT_SETTING: Want = Want::Said(
    |propagation| !propagation.runner.env.dispatch_limit.is_empty() || late::limit_lasts(&propagation.runner),
    "names no setting for the dispatch limit, and the limit is too short to do without",
);

/// Each check of the track, and what it wants.
const WANTS: &[(&str, &[Want])] = &[
    (atomic::ID, &[]),
    (schedule::ID, &[]),
    (dead_letter::ID, &[]),
    (unknown_kind::ID, &[]),
    (idempotency_key::ID, &[]),
    (registry::ID, &[]),
    (unexpected_skip::ID, &[OUTCOME]),
    (superseded::ID, &[Want::Part(Part::Superseded), KIND_SUPERSEDES, TIER]),
    (audit::ID, &[Want::Part(Part::Trail)]),
    (redaction::ID, &[Want::Part(Part::Redaction), ERROR]),
    (poison::ID, &[]),
    (exclusive::ID, &[]),
    (skip_locked::ID, &[]),
    (crash::ID, &[]),
    (outage::ID, &[]),
    (late::ID, &[LEASE_SETTING, LIMIT_SETTING]),
    (rolling_upgrade::ID, &[Want::Part(Part::Patience)]),
    (polling::ID, &[]),
    (fairness::ID, &[]),
];

/// Why the check `id` has nothing to judge on `target`, if it has not.
pub(crate) fn leaves_out(target: &Target, id: &str) -> Option<String> {
    let (_, wants) = WANTS.iter().find(|(known, _)| *known == id)?;
    let lacked = wants.iter().find_map(|want| want.lacked_by(&target.propagation))?;
    Some(format!("{} {lacked}", file(target)))
}

/// That `target` says it has no `part` of propagation, where it says so.
pub(crate) fn lacks(target: &Target, part: Part) -> Option<String> {
    Some(format!("{} {}", file(target), Want::Part(part).lacked_by(&target.propagation)?))
}

/// `sabotage` for those of its checks that judge `target`, if any does.
pub(super) fn put_on(mut sabotage: Sabotage<Lane>, target: &Target) -> Option<Sabotage<Lane>> {
    sabotage.turns_red.retain(|id| leaves_out(target, id).is_none());
    (!sabotage.turns_red.is_empty()).then_some(sabotage)
}

/// Whether the target has `part`; where it has not, the report says that `what` was not looked at.
pub(super) fn is_there(cx: &Cx<'_, Lane>, part: Part, what: &str) -> bool {
    let there = cx.lane().target().propagation.has(part);
    if !there {
        unseen(cx, what, &without(part));
    }
    there
}

/// Says that `what` was not looked at, since the description does `why`.
pub(super) fn unseen(cx: &Cx<'_, Lane>, what: &str, why: &str) {
    cx.fact(format!("not looked at: {what}"), format!("{} {why}", file(cx.lane().target())));
}

fn without(part: Part) -> String {
    format!("says that propagation has no {}", part.told())
}

/// What the description is called.
fn file(target: &Target) -> String {
    let name = target.file.as_deref().and_then(|file| file.file_name());
    name.map_or_else(|| "the description".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
