//! The contract track: every kind of event that is written is consumed by somebody, or by nobody for a reason.

pub(crate) mod audit_known;
mod consumers;
mod email_implies_ledger;
mod entries;
pub(crate) mod ledger_classified;
mod orphans;
mod parts;
mod propagates;
mod reasons;
pub(crate) mod renderers;
mod tamper;

pub(crate) use parts::leaves_out;

use sabot_engine::{Check, Sabotage};
use sabot_target::{Lane, Target};

pub(crate) fn checks() -> Vec<Check<Lane>> {
    vec![
        consumers::check(),
        orphans::check(),
        email_implies_ledger::check(),
        reasons::check(),
        propagates::check(),
        renderers::check(),
        ledger_classified::check(),
        audit_known::check(),
    ]
}

pub(crate) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    [
        consumers::sabotages(target),
        orphans::sabotages(target),
        email_implies_ledger::sabotages(target),
        reasons::sabotages(target),
        propagates::sabotages(target),
        renderers::sabotages(target),
        ledger_classified::sabotages(target),
        audit_known::sabotages(target),
    ]
    .concat()
}
