//! The delivery track: every email's fate is known, whatever the provider sends, repeats, or sends out of order.

mod accepted_too_long;
mod answer;
mod auth;
mod batch;
mod bounce;
pub(crate) mod cause;
mod cursor;
mod desk;
mod early;
mod event;
mod forwarder_crash;
mod law;
mod malformed;
mod metrics;
mod no_renderer;
mod order;
mod outage;
pub(crate) mod outbox;
pub(crate) mod parts;
mod post;
mod replay;
mod roundtrip;
mod seen;
mod sender_domain;
mod sql;
mod storm;
pub(crate) mod tamper;
mod unhandled;
mod unique;
mod unknown;

use sabot_engine::{Check, Sabotage};
use sabot_target::{Lane, Target};

pub(crate) fn checks() -> Vec<Check<Lane>> {
    vec![
        roundtrip::check(),
        replay::check(),
        bounce::check(),
        order::check(),
        early::check(),
        storm::check(),
        malformed::check(),
        batch::check(),
        unhandled::check(),
        unknown::check(),
        auth::check(),
        outage::check(),
        forwarder_crash::check(),
        no_renderer::check(),
        cursor::check(),
        accepted_too_long::check(),
        sender_domain::check(),
    ]
}

pub(crate) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    [
        roundtrip::sabotages(target),
        replay::sabotages(target),
        bounce::sabotages(target),
        order::sabotages(target),
        early::sabotages(target),
        storm::sabotages(target),
        malformed::sabotages(target),
        batch::sabotages(target),
        unhandled::sabotages(target),
        unknown::sabotages(target),
        auth::sabotages(target),
        outage::sabotages(target),
        forwarder_crash::sabotages(target),
        no_renderer::sabotages(target),
        cursor::sabotages(target),
        accepted_too_long::sabotages(target),
        sender_domain::sabotages(target),
    ]
    .concat()
}
