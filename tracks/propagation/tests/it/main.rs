//! The queue on a real PostgreSQL: runners that race, crash, come late and stop.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod audit;
mod crash;
mod dead_letters;
mod enqueue;
mod exclusive;
mod failures;
mod fairness;
mod handler;
mod housekeeping;
mod model;
mod plan;
mod queue;
mod schedule;
mod shutdown;
mod supersede;
mod unknown;
mod wake;
