//! The recovery track: backups restore, in time, nothing is left behind, and somebody is told when they stop. A drill is a
//! process on trial like any other.

mod alert;
mod cleanup;
mod content;
mod corrupt;
mod drill;
mod mongo;
mod newest;
mod preflight;
mod registry;
mod restore;
mod scheduled;
mod shelf;
mod stand_in;
mod time;
mod traces;
mod untouched;

use sabot_engine::{Check, Sabotage};
use sabot_target::{Lane, Target};

pub(crate) fn checks() -> Vec<Check<Lane>> {
    vec![
        restore::check(),
        time::rto(),
        time::rpo(),
        mongo::check(),
        time::mongo_rto(),
        time::mongo_rpo(),
        cleanup::passed(),
        cleanup::failed(),
        cleanup::crashed(),
        corrupt::check(),
        newest::check(),
        registry::check(),
        preflight::check(),
        scheduled::check(),
        untouched::check(),
        alert::prometheus::check(),
        alert::newrelic::check(),
    ]
}

pub(crate) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    [
        restore::sabotages(),
        mongo::sabotages(target),
        time::sabotages(),
        cleanup::sabotages(target),
        corrupt::sabotages(target),
        newest::sabotages(target),
        registry::sabotages(),
        preflight::sabotages(target),
        scheduled::sabotages(target),
        untouched::sabotages(),
        alert::prometheus::sabotages(target),
        alert::newrelic::sabotages(target),
        vec![exit_lost(target)],
    ]
    .concat()
}

/// Every check that demands that a bad drill ends as one.
fn exit_lost(target: &Target) -> Sabotage<Lane> {
    stand_in::program(
        &[corrupt::ID, newest::ID, preflight::ID, cleanup::FAILED, time::RTO, time::RPO],
        "exit-code-lost",
        "the job pipes the drill into a log, and what counts is the exit code of the pipe",
        &target.recovery.backups.program,
        |_, _| Ok(EXIT_LOST.into()),
    )
}

/// Runs the program, shows what it says, and ends with 0.
const EXIT_LOST: &str = "\"$REAL\" \"$@\" | cat\nexit 0";
