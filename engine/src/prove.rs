//! `prove`: the clean run first, then every sabotage, by the rules of proof.
//!
//! ```text
//! clean run ──red──▶ no proof to be had
//!    │ green
//!    ▼
//! put on ──▶ landed? ──▶ named checks (and the others, for the matrix) ──▶ undo ──▶ named checks again
//!    │          │               │                                            │            │
//!    └──no──────┴──▶ void       ├─ each red by its own assertion ────────────┴─ green ──▶ proved
//!                               ├─ could not tell, or not green again ──────────────────▶ void
//!                               ├─ green, others red ───────────────────────────────────▶ collateral
//!                               └─ green: once more for diagnosis ───▶ survived, or survived (flaky)
//! ```
//!
//! The undo is awaited whatever came before it, a panic or an interruption included, and the lane is remade after
//! each proof.

mod outcome;

use crate::arena::Aftermath;
use crate::limit::limited;
use crate::run::{Bench, ENGINE_PANICKED, INTERRUPTED};
use crate::sabotage::DO_NOTHING;
use crate::{
    Arena, CannotTell, Check, Event, Events, Judgement, Lanes, Outcome, Proof, Record, Red, RunOptions,
    Sabotage, Verdict, Worn,
};
use futures_util::FutureExt as _;
use outcome::{describe, judge};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How to prove.
#[derive(Debug, Clone, Default)]
pub struct ProveOptions {
    /// As for a run.
    pub run: RunOptions,
    /// Run only the named checks under each sabotage, not every chosen one: quicker, with a thin matrix.
    pub named_only: bool,
}

/// The longest that an undo may take before the lane is given up.
const UNDO_LIMIT: Duration = Duration::from_secs(30);

/// Runs `checks` clean, then puts on each of `sabotages`; fills `record` with results, proofs and what is unproven.
pub async fn prove<A: Arena>(
    lanes: &mut Lanes<A>,
    arena: &A,
    checks: &[Arc<Check<A::Lane>>],
    sabotages: Vec<Sabotage<A::Lane>>,
    options: &ProveOptions,
    events: &Events,
    record: &mut Record,
) {
    crate::run(lanes, arena, checks, &options.run, events, record).await;
    let (green, red): (Vec<_>, Vec<_>) = checks.iter().cloned().partition(|check| {
        record.results.iter().any(|result| result.id == check.id && result.verdict == Verdict::Pass)
    });
    events.send(Event::Baseline { green: red.is_empty() });
    let owed: Vec<_> = checks.iter().filter(|check| arena.leaves_out(check).is_none()).cloned().collect();
    record.unproven = unproven(&owed, &sabotages);
    let red: Vec<_> = red.iter().map(|check| check.id).collect();
    for id in &red {
        record
            .not_verified
            .push(format!("{id} was not green on the clean target, so nothing could be proved of it"));
    }
    let sabotages = provable(sabotages, &red);
    let prover = Prover {
        bench: Bench {
            secrets: arena.secrets(),
            events: events.clone(),
            solitude: lanes.solitude(),
            stop: options.run.stop.clone(),
        },
        checks: green.into(),
        named_only: options.named_only,
    };
    let mut proofs = prover.prove_all(lanes, sabotages.clone(), options).await;
    let proofs: Vec<_> = sabotages
        .iter()
        .map(|sabotage| {
            let place = proofs.iter().position(|proof| proof.sabotage == sabotage.id);
            place.map_or_else(|| prover.without_proof(sabotage), |place| proofs.swap_remove(place))
        })
        .collect();
    record.not_verified.splice(0..0, symptoms_only(&prover.checks, &proofs));
    record.proofs = proofs;
}

/// The sabotages all of whose checks are green on the clean target. Doing nothing is owed of whichever are green, so
/// that a single skip does not take the proof of the prover along.
fn provable<L>(mut sabotages: Vec<Sabotage<L>>, red: &[&str]) -> Vec<Sabotage<L>> {
    for sabotage in sabotages.iter_mut().filter(|sabotage| sabotage.id == DO_NOTHING) {
        sabotage.turns_red.retain(|id| !red.contains(id));
    }
    sabotages.retain(|sabotage| {
        !sabotage.turns_red.is_empty() && !sabotage.turns_red.iter().any(|id| red.contains(id))
    });
    sabotages
}

/// Chosen checks that no sabotage names.
fn unproven<L>(checks: &[Arc<Check<L>>], sabotages: &[Sabotage<L>]) -> Vec<String> {
    let named =
        |id| sabotages.iter().any(|sabotage| sabotage.id != DO_NOTHING && sabotage.turns_red.contains(&id));
    checks.iter().filter(|check| !named(check.id)).map(|check| check.id.to_owned()).collect()
}

/// Checks of which only symptoms were shown come first among what was not verified.
fn symptoms_only<L>(checks: &[Arc<Check<L>>], proofs: &[Proof]) -> Vec<String> {
    let of_cause = |id: &str| {
        proofs.iter().any(|proof| {
            proof.nature == crate::Nature::Cause
                && proof.outcome == Outcome::Proved
                && proof.turns_red.iter().any(|named| named == id)
        })
    };
    // Doing nothing names every check and shows nothing of any.
    let shown = |id: &str| {
        proofs
            .iter()
            .filter(|proof| proof.sabotage != DO_NOTHING)
            .any(|proof| proof.turns_red.iter().any(|named| named == id))
    };
    checks
        .iter()
        .filter(|check| shown(check.id) && !of_cause(check.id))
        .map(|check| {
            let why = check.no_cause.unwrap_or("no sabotage of cause was proved");
            format!("{}: shown to fail by symptoms alone: {why}", check.id)
        })
        .collect()
}

struct Prover<L: 'static> {
    bench: Bench,
    checks: Arc<[Arc<Check<L>>]>,
    named_only: bool,
}

impl<L: 'static> Clone for Prover<L> {
    fn clone(&self) -> Self {
        Self { bench: self.bench.clone(), checks: self.checks.clone(), named_only: self.named_only }
    }
}

/// What is known of a proof before its outcome.
struct Trial {
    landed: Option<String>,
    matrix: Vec<Red>,
}

impl<L: Send + Sync + 'static> Prover<L> {
    async fn prove_all<A: Arena<Lane = L>>(
        &self,
        lanes: &mut Lanes<A>,
        sabotages: Vec<Sabotage<L>>,
        options: &ProveOptions,
    ) -> Vec<Proof> {
        let prover = self.clone();
        lanes
            .work(
                sabotages,
                &options.run.stop,
                Arc::new(move |sabotage: Sabotage<L>, index, lane| {
                    let prover = prover.clone();
                    Box::pin(async move {
                        let proof = match lane {
                            Ok(lane) => prover.prove(&sabotage, index, lane).await,
                            Err(reason) => describe(&sabotage, Outcome::Void, Some(reason.to_string())),
                        };
                        let proof = prover.bench.secrets.clean(proof);
                        prover.bench.events.send(Event::ProofEnded(Box::new(proof.clone())));
                        (proof, Aftermath::Remake)
                    })
                }),
                None,
            )
            .await
    }

    /// Void, for one of which nothing came back.
    fn without_proof(&self, sabotage: &Sabotage<L>) -> Proof {
        let reason = if self.bench.stop.is_cancelled() { INTERRUPTED } else { ENGINE_PANICKED };
        self.bench.secrets.clean(describe(sabotage, Outcome::Void, Some(reason.into())))
    }

    async fn prove(&self, sabotage: &Sabotage<L>, index: usize, lane: &L) -> Proof {
        let checks = self.under(sabotage);
        let again = checks.iter().filter(|check| sabotage.turns_red.contains(&check.id));
        let limit = sabotage.limit + checks.iter().chain(again).map(|check| check.limit()).sum::<Duration>();
        self.bench.events.send(Event::SabotageOn { id: sabotage.id.clone(), lane: index, limit });
        let begun = Instant::now();
        let (mut proof, named) = match self.try_once(sabotage, &checks, index, lane).await {
            Ok(trial) => {
                let outcome = judge(sabotage, &trial.matrix);
                let proof = Proof {
                    landed: trial.landed,
                    matrix: trial.matrix,
                    ..describe(sabotage, outcome.0, outcome.1)
                };
                (proof, true)
            }
            Err(reason) => (describe(sabotage, Outcome::Void, Some(reason.to_string())), false),
        };
        if named && proof.outcome == Outcome::Survived {
            self.diagnose(sabotage, &mut proof, index, lane).await;
        }
        if named {
            self.green_again(sabotage, &mut proof, index, lane).await;
        }
        proof.took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        proof
    }

    /// The checks that run under a sabotage: the named ones first, then the others for the matrix.
    fn under(&self, sabotage: &Sabotage<L>) -> Vec<Arc<Check<L>>> {
        let (mut named, others): (Vec<_>, Vec<_>) =
            self.checks.iter().cloned().partition(|check| sabotage.turns_red.contains(&check.id));
        if !self.named_only {
            named.extend(others);
        }
        named
    }

    /// One step of a sabotage, never beside a check that must be alone; no check runs within.
    async fn step<T>(
        &self,
        limit: Duration,
        what: &str,
        work: impl Future<Output = Judgement<T>>,
    ) -> Judgement<T> {
        let _together = self.bench.solitude.read().await;
        limited(limit, what, work).await
    }

    /// Puts it on, looks, runs the checks, and undoes it on every path.
    async fn try_once(
        &self,
        sabotage: &Sabotage<L>,
        checks: &[Arc<Check<L>>],
        index: usize,
        lane: &L,
    ) -> Judgement<Trial> {
        let putting_on = async { (sabotage.put_on)(lane).await };
        let worn = self.step(sabotage.limit, "putting it on", putting_on).await?;
        let trial = AssertUnwindSafe(self.trial(sabotage, &*worn, checks, index, lane)).catch_unwind().await;
        let undone = self.step(UNDO_LIMIT, "undoing it", async { worn.undo(lane).await }).await;
        let trial = trial.unwrap_or_else(|_| Err(CannotTell::new(ENGINE_PANICKED)))?;
        undone.map_err(|error| CannotTell::new(format!("it could not be undone: {error}")))?;
        Ok(trial)
    }

    async fn trial(
        &self,
        sabotage: &Sabotage<L>,
        worn: &dyn Worn<L>,
        checks: &[Arc<Check<L>>],
        index: usize,
        lane: &L,
    ) -> Judgement<Trial> {
        let looking = async { worn.landed(lane).await };
        let landed = self.step(sabotage.limit, "looking whether it landed", looking).await;
        let landed = landed.map_err(|error| CannotTell::new(format!("it did not land: {error}")))?;
        let mut matrix = Vec::new();
        for check in checks {
            if self.bench.stop.is_cancelled() {
                return Err(CannotTell::new(INTERRUPTED));
            }
            let result = self.bench.run(check, index, Ok(lane)).await;
            matrix.push(Red {
                check: check.id.into(),
                named: sabotage.turns_red.contains(&check.id),
                verdict: result.verdict,
                finding: result.findings.into_iter().next(),
                reason: result.reason,
            });
        }
        Ok(Trial { landed: Some(landed), matrix })
    }

    /// A survivor is tried once more; red at the second try is no better, but it is worth knowing.
    async fn diagnose(&self, sabotage: &Sabotage<L>, proof: &mut Proof, index: usize, lane: &L) {
        if sabotage.id == DO_NOTHING || self.bench.stop.is_cancelled() {
            return;
        }
        let named: Vec<_> =
            self.checks.iter().filter(|check| sabotage.turns_red.contains(&check.id)).cloned().collect();
        if let Ok(trial) = self.try_once(sabotage, &named, index, lane).await
            && judge(sabotage, &trial.matrix).0 == Outcome::Proved
        {
            proof.outcome = Outcome::SurvivedFlaky;
        }
    }

    /// Undone, each named check is green again, or the proof is void.
    async fn green_again(&self, sabotage: &Sabotage<L>, proof: &mut Proof, index: usize, lane: &L) {
        if proof.outcome != Outcome::Proved {
            return;
        }
        for check in self.checks.iter().filter(|check| sabotage.turns_red.contains(&check.id)) {
            let result = self.bench.run(check, index, Ok(lane)).await;
            if result.verdict != Verdict::Pass {
                proof.outcome = Outcome::Void;
                if self.bench.stop.is_cancelled() {
                    proof.reason = Some(INTERRUPTED.into());
                    return;
                }
                let why = result.findings.first().map(|finding| finding.observed.clone()).or(result.reason);
                let why = why.unwrap_or_else(|| "without a reason".into());
                proof.reason = Some(format!("{} was not green again after the undo: {why}", check.id));
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
