//! The judges: one folder per track, and beside each check its failure mode and the sabotages that prove it.
//!
//! Judges look from outside. Evidence is rows, HTTP answers, files, process state, and what passed on a wire; every
//! name that a check uses comes from the target's description.

mod arena;
mod contract;
mod delivery;
mod held;
mod leak;
mod metrics;
mod propagation;
mod readiness;
mod recovery;
mod registry;
mod sabotage;
mod soak;
mod sql;

pub use arena::TargetArena;
pub use readiness::faults::{Fault, LeftOut, left_out};
pub use registry::{checks, leaves_out, sabotages};
pub use soak::soak_is_readable;
