//! What a run would do, told before anything is touched: each check by its mode, and what follows from that.

mod mode;
mod show;

pub(crate) use mode::{Mode, table};
pub(crate) use show::{json, text};

use sabot_checks::TargetArena;
use sabot_engine::{Arena as _, Check, Need, Sharing};
use sabot_target::Lane;
use std::sync::Arc;
use std::time::Duration;

/// What would become of one check.
#[derive(Debug)]
pub(crate) struct Step {
    check: Arc<Check<Lane>>,
    mode: Mode,
    /// Why it would be skipped, and whether that is allowed.
    skipped: Option<(String, bool)>,
}

/// What would become of all chosen ones.
#[derive(Debug)]
pub(crate) struct Plan {
    target: String,
    lanes: usize,
    steps: Vec<Step>,
}

impl Plan {
    /// Of these checks on `arena`, of which nothing is started; `allowed` are the skips that the user allows.
    pub(crate) fn of(
        arena: &TargetArena,
        checks: Vec<Arc<Check<Lane>>>,
        lanes: usize,
        allowed: &[String],
    ) -> Self {
        let step = |check: Arc<Check<Lane>>| {
            let skipped = skipped(arena, &check, allowed);
            Step { mode: Mode::of(check.needs), check, skipped }
        };
        Self { target: arena.target().told(), lanes, steps: checks.into_iter().map(step).collect() }
    }

    fn would_run(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.skipped.is_none())
    }

    /// The longest that the run may take by the limits of its checks, the making of lanes aside.
    fn at_most(&self) -> Duration {
        let sum = |alone: bool| -> Duration {
            let of = self.would_run().filter(|step| (step.check.sharing == Sharing::Alone) == alone);
            of.map(|step| step.check.limit()).sum()
        };
        let longest = self.would_run().map(|step| step.check.limit()).max().unwrap_or_default();
        // Shared out over the lanes; none goes faster than its longest.
        let lanes = u32::try_from(self.lanes).unwrap_or(1).max(1);
        (sum(false) / lanes + longest).min(sum(false)) + sum(true)
    }
}

/// As the engine skips it: what the target does not describe first, then what is missing here.
fn skipped(arena: &TargetArena, check: &Check<Lane>, allowed: &[String]) -> Option<(String, bool)> {
    if let Some(reason) = arena.leaves_out(check) {
        return Some((reason, true));
    }
    let (need, reason) = check.needs.iter().find_map(|need| Some((need, arena.lacks(need)?)))?;
    let name = need.to_string();
    let is_allowed = allowed.iter().any(|word| *word == name || word == check.id || word == check.track());
    Some((format!("it needs {need}: {reason}"), is_allowed))
}

impl Step {
    /// Whose rows it writes.
    fn writes(&self) -> &'static str {
        match (self.mode, self.has(&Need::Database)) {
            (Mode::Files | Mode::Reading, _) => "none",
            (_, false) => "none of its own; what the services write by themselves",
            (Mode::Wired | Mode::Disposable, true) => match self.check.track() {
                "recovery" => "rows of throwaway servers of its own, and artifacts in a store of its own",
                _ => {
                    "its own rows and those that services write for them, in the lane's copy of the database"
                }
            },
        }
    }

    /// What it makes services and upstreams do.
    fn calls(&self) -> &'static str {
        match (self.mode, self.check.track()) {
            (Mode::Files, _) => "none",
            (Mode::Reading, _) if self.has(&Need::Services) => "services are asked what they show",
            (Mode::Reading, _) => "none",
            (_, "readiness") => "readiness is asked in bursts; upstreams are probed, and taken down on wires",
            (_, "delivery") => {
                "webhook calls in bursts; email to the stand-in of the provider, to nobody else"
            }
            (_, "propagation") => {
                "changes by the services' own means; the downstream is called over its wire"
            }
            (_, "recovery") => "backups and drills as processes; stores are read and written",
            (_, _) => "changes by the services' own means, and the email that follows, to the stand-in",
        }
    }

    /// What may be alerted on, where the services of a run report to anything that alerts.
    fn alerts(&self) -> &'static str {
        match (self.mode, self.check.track()) {
            (Mode::Files | Mode::Reading, _) => "none",
            (_, "readiness") => "services out of rotation, failing probes",
            (_, "delivery") => "refused and delayed webhooks, messages without an end",
            (_, "propagation") => "dead letters, retries, an old queue",
            (_, "recovery") => "failed drills, stale or missing backups",
            (_, _) => "retries, failed email",
        }
    }

    fn has(&self, need: &Need) -> bool {
        self.check.needs.contains(need)
    }
}
