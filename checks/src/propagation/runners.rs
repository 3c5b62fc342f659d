//! Runners as checks handle them: several at once, held before a claim, killed and started again.

use super::desk::{Desk, PATIENCE};
use crate::held;
use futures_util::future::try_join_all;
use sabot_engine::{CannotTell, Judgement};
use sabot_target::{Instance, Signal};
use sabot_wire::hold::{Held, Hold};
use sabot_wire::pg::{ErrorResponse, Execution, HoldAt, Match, Rule, RuleHandle};
use tokio::time::timeout;

/// A runner held before its claim: nothing of it is on its way to the queue, and it claims nothing until it is let go
/// on.
pub(crate) struct Halted {
    rule: RuleHandle,
    /// What is held, and what would be: dropped, they would go on.
    _kept: (Held<Execution, ErrorResponse>, Hold<Execution, ErrorResponse>),
}

impl Halted {
    /// Lets it go on.
    pub(crate) async fn go_on(self) {
        let _closed = self.rule.remove().await;
    }
}

impl<'a> Desk<'a> {
    /// Holds `runner` before its next claim.
    pub(crate) async fn halt(&self, runner: &Instance) -> Judgement<Halted> {
        let wire = runner.postgres(&self.propagation.runner.database_wire)?;
        let claim = Match::literal(&self.propagation.marks.claim);
        let (rule, mut hold) = Rule::on(claim).hold(HoldAt::Before);
        let rule = wire.set(rule).await?;
        let held = held::next(&mut hold, PATIENCE, "the runner never came to a claim").await?;
        Ok(Halted { rule, _kept: (held, hold) })
    }

    /// Holds each of `runners` before its next claim.
    pub(crate) async fn halt_all(&self, runners: &[&Instance]) -> Judgement<Vec<Halted>> {
        try_join_all(runners.iter().map(|runner| self.halt(runner))).await
    }

    /// Starts `count` more instances of the runner's service.
    pub(crate) async fn further(&self, count: usize) -> Judgement<Vec<Instance>> {
        let service = &self.propagation.runner.service;
        let started = (0..count).map(async |_| self.lane.further(service, &Vec::new()).await);
        Ok(try_join_all(started).await?)
    }

    /// Kills the shared runner and awaits its end; nothing else of the lane is touched.
    pub(crate) async fn kill(&self) -> Judgement {
        let worker = self.worker()?;
        worker.signal(Signal::KILL).await?;
        let ended = timeout(PATIENCE, worker.exited()).await;
        ended.map(drop).map_err(|_| CannotTell::new(format!("{} outlived SIGKILL", worker.service())))
    }

    /// Starts the shared runner again.
    pub(crate) async fn start_again(&self) -> Judgement {
        Ok(self.lane.restart(&self.propagation.runner.service).await?)
    }
}

/// Lets all of them go on.
pub(crate) async fn go_on(halted: Vec<Halted>) {
    for halted in halted {
        halted.go_on().await;
    }
}
