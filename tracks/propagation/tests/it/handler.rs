//! A handler that does what its payload says, and tells of each call.

use std::sync::Arc;

use sabot_propagation::{Kind, Outcome, Registry, RegistryBuilder, SkipReason};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::queue::PATIENCE;

/// What a propagation of these tests does when it is dispatched.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Do {
    Apply,
    Fail(String),
    Skip(String),
    Panic(String),
    /// Waits for the gate, then applies.
    Wait,
}

pub(crate) const GRADE: Kind<Do> = Kind::new("grade");
pub(crate) const MAIL: Kind<Do> = Kind::new("mail");

/// One dispatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: i64,
    pub(crate) attempt: u32,
    pub(crate) key: String,
    pub(crate) team: Option<i64>,
}

/// The calls of one or several runners, and the gate at which some of them wait.
pub(crate) struct Calls {
    sender: mpsc::UnboundedSender<Call>,
    receiver: mpsc::UnboundedReceiver<Call>,
    pub(crate) gate: Arc<Semaphore>,
}

impl Calls {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver, gate: Arc::new(Semaphore::new(0)) }
    }

    /// A registry of `grade` and `mail` whose handlers tell these calls.
    pub(crate) fn registry(&self) -> Registry {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(&self) -> RegistryBuilder {
        [GRADE, MAIL].into_iter().fold(Registry::builder(), |builder, kind| {
            let (sender, gate) = (self.sender.clone(), Arc::clone(&self.gate));
            builder.kind(kind, "does what it is told", move |propagation| {
                let (sender, gate) = (sender.clone(), Arc::clone(&gate));
                async move {
                    let key = propagation.idempotency_key();
                    let (id, attempt, team) = (propagation.id, propagation.attempt, propagation.team_id);
                    // Nobody may be listening any more.
                    let _gone = sender.send(Call { id, attempt, key, team });
                    match propagation.payload {
                        Do::Apply => Ok(Outcome::Applied),
                        Do::Fail(error) => Err(error.into()),
                        Do::Skip(reason) => Ok(Outcome::Skipped(SkipReason::parse(&reason))),
                        Do::Panic(message) => panic!("{message}"),
                        Do::Wait => {
                            gate.acquire().await?.forget();
                            Ok(Outcome::Applied)
                        }
                    }
                }
            })
        })
    }

    /// The next call, however long that takes.
    pub(crate) async fn next(&mut self) -> Call {
        timeout(PATIENCE, self.receiver.recv()).await.expect("a call comes").unwrap()
    }

    pub(crate) async fn take(&mut self, count: usize) -> Vec<Call> {
        let mut calls = Vec::with_capacity(count);
        while calls.len() < count {
            calls.push(self.next().await);
        }
        calls
    }

    /// Those that have come and nobody has looked at.
    pub(crate) fn rest(&mut self) -> Vec<Call> {
        std::iter::from_fn(|| self.receiver.try_recv().ok()).collect()
    }

    /// Lets this many waiting dispatches go.
    pub(crate) fn open(&self, count: usize) {
        self.gate.add_permits(count);
    }
}
