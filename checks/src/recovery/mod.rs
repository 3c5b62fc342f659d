//! The recovery track: backups that restore, in time; and somebody who is told when they stop.

mod alert;

use sabot_engine::{Check, Sabotage};
use sabot_target::{Lane, Target};

pub(crate) fn checks() -> Vec<Check<Lane>> {
    vec![alert::prometheus::check(), alert::newrelic::check()]
}

pub(crate) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    [alert::prometheus::sabotages(target), alert::newrelic::sabotages(target)].concat()
}
