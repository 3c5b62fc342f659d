//! The one stream of events that a run sends out; every view is a consumer of it.

use crate::{Fact, Proof, Record, Result};
use std::time::Duration;
use tokio::sync::mpsc;

/// Something that happened, in the order in which it happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A command begins.
    Begun {
        /// `run` or `prove`.
        command: String,
        /// What is judged.
        target: String,
        /// Settings of the target that differ from its defaults.
        profile: Vec<Fact>,
        /// Checks chosen.
        checks: usize,
        /// Sabotages to be put on.
        sabotages: usize,
        /// Lanes side by side.
        lanes: usize,
    },
    /// A check starts on a lane.
    CheckStarted {
        /// The check's id.
        id: String,
        /// The lane's number.
        lane: usize,
        /// The longest that it may take.
        limit: Duration,
    },
    /// A check of the clean run has ended.
    CheckEnded(Box<Result>),
    /// The clean run is done and proofs begin, or can't.
    Baseline {
        /// Whether every chosen check that could run was green.
        green: bool,
    },
    /// A sabotage is being put on.
    SabotageOn {
        /// The sabotage's id.
        id: String,
        /// The lane's number.
        lane: usize,
        /// The longest that this proof may take.
        limit: Duration,
    },
    /// A proof has ended.
    ProofEnded(Box<Proof>),
    /// The command is done; the record is complete.
    Ended(Box<Record>),
}

/// The sending end.
#[derive(Debug, Clone)]
pub struct Events(mpsc::UnboundedSender<Event>);

impl Events {
    /// Both ends of a stream.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Sends one event; that nobody listens is no reason to stop a run.
    pub fn send(&self, event: Event) {
        drop(self.0.send(event));
    }
}
