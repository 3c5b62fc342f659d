//! The rules of proof, each on a lane that is a set of broken things.

use super::*;
use crate::testing::{Field, Fields, check, judged};
use crate::{Exit, Finding, Nature, Sort, do_nothing};
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Breaks `what`; lands or not, can be undone or not.
#[derive(Clone, Copy)]
struct Break {
    what: &'static str,
    lands: bool,
    undoes: bool,
}

impl Worn<Field> for Break {
    fn landed<'a>(&'a self, _: &'a Field) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async { if self.lands { Ok("seen".into()) } else { Err(CannotTell::new("not seen")) } })
    }

    fn undo<'a>(self: Box<Self>, lane: &'a Field) -> BoxFuture<'a, Judgement> {
        Box::pin(async move {
            if self.undoes {
                lane.broken.lock().unwrap().remove(self.what);
            }
            Ok(())
        })
    }
}

fn breaking(what: &'static str, turns_red: &[&'static str], how: Break) -> Sabotage<Field> {
    Sabotage {
        id: format!("{}/{what}", turns_red[0]),
        mistake: "a test".into(),
        sorts: vec![Sort::Schema],
        nature: Nature::Cause,
        turns_red: turns_red.to_vec(),
        limit: Duration::from_secs(1),
        put_on: Arc::new(move |lane: &Field| {
            lane.broken.lock().unwrap().insert(what);
            Box::pin(async move { Ok(Box::new(Break { what, ..how }) as Box<dyn Worn<Field>>) })
        }),
    }
}

const WELL: Break = Break { what: "", lands: true, undoes: true };

/// Red for what is broken, but blind to anything called `only …`.
fn seeing(id: &'static str) -> Arc<Check<Field>> {
    check(id, &[])
}

/// Red for anything at all, the `only …` ones included.
fn sharp(id: &'static str) -> Arc<Check<Field>> {
    judged(id, |cx| {
        Box::pin(async {
            cx.examined(1);
            if let Some(what) = cx.lane().broken.lock().unwrap().first() {
                cx.find(Finding::new(*what, "whole", "broken"));
            }
            Ok(())
        })
    })
}

async fn prove_with(checks: Vec<Arc<Check<Field>>>, sabotages: Vec<Sabotage<Field>>) -> Record {
    let arena = Arc::new(Fields::default());
    let mut lanes = Lanes::new(arena.clone(), 2, &[]);
    let mut record = Record::begin("prove", "test");
    let options = ProveOptions::default();
    prove(&mut lanes, &*arena, &checks, sabotages, &options, &Events::channel().0, &mut record).await;
    assert!(arena.remade.load(SeqCst) >= record.proofs.len(), "a lane is remade after each proof");
    record
}

async fn outcome(checks: Vec<Arc<Check<Field>>>, sabotage: Sabotage<Field>) -> (Outcome, Exit, String) {
    let record = prove_with(checks, vec![sabotage]).await;
    let proof = &record.proofs[0];
    (proof.outcome, Exit::of(&record), proof.reason.clone().unwrap_or_default())
}

#[tokio::test]
async fn red_under_it_and_green_after_it_is_proved() {
    let (outcome, exit, _) = outcome(vec![seeing("a.one")], breaking("thing", &["a.one"], WELL)).await;
    assert_eq!((outcome, exit), (Outcome::Proved, Exit::Passed));
}

#[tokio::test]
async fn a_check_that_stays_green_survives_and_fails_the_proof() {
    let (outcome, exit, why) = outcome(vec![seeing("a.one")], breaking("only x", &["a.one"], WELL)).await;
    assert_eq!((outcome, exit), (Outcome::Survived, Exit::Failed));
    assert_eq!(why, "a.one stayed green");
}

#[tokio::test]
async fn red_of_another_check_alone_is_collateral() {
    let checks = vec![seeing("a.blind"), sharp("a.sharp")];
    let (outcome, exit, why) = outcome(checks, breaking("only x", &["a.blind"], WELL)).await;
    assert_eq!((outcome, exit), (Outcome::Collateral, Exit::Failed));
    assert!(why.contains("a.sharp"));
}

#[tokio::test]
async fn what_did_not_land_is_void() {
    let how = Break { lands: false, ..WELL };
    let (outcome, exit, why) = outcome(vec![seeing("a.one")], breaking("thing", &["a.one"], how)).await;
    assert_eq!((outcome, exit), (Outcome::Void, Exit::Unverified));
    assert_eq!(why, "it did not land: not seen");
}

#[tokio::test]
async fn what_is_not_green_again_is_void() {
    let how = Break { undoes: false, ..WELL };
    let (outcome, _, why) = outcome(vec![seeing("a.one")], breaking("thing", &["a.one"], how)).await;
    assert_eq!(outcome, Outcome::Void);
    assert!(why.contains("not green again"), "{why}");
}

#[tokio::test]
async fn a_crash_under_it_is_no_red() {
    let fragile = judged("a.fragile", |cx| {
        Box::pin(async {
            cx.examined(1);
            assert!(!cx.lane().is_broken("thing"), "crash");
            Ok(())
        })
    });
    let (outcome, exit, why) = outcome(vec![fragile], breaking("thing", &["a.fragile"], WELL)).await;
    assert_eq!((outcome, exit), (Outcome::Void, Exit::Unverified));
    assert!(why.contains("panicked"), "{why}");
}

#[tokio::test]
async fn each_named_check_must_turn_red() {
    let checks = vec![sharp("a.sharp"), seeing("a.blind")];
    let (outcome, _, why) = outcome(checks, breaking("only x", &["a.sharp", "a.blind"], WELL)).await;
    assert_eq!(outcome, Outcome::Survived);
    assert_eq!(why, "a.blind stayed green");
}

#[tokio::test]
async fn doing_nothing_must_survive() {
    let (first, exit, _) = outcome(vec![seeing("a.one")], do_nothing(vec!["a.one"])).await;
    // The only check is unproven: nothing but the do-nothing sabotage names it.
    assert_eq!((first, exit), (Outcome::NothingSurvived, Exit::Failed));

    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let moody = judged("a.moody", |cx| {
        Box::pin(async {
            cx.examined(1);
            if RUNS.fetch_add(1, SeqCst) > 0 {
                cx.find(Finding::new("mood", "even", "odd"));
            }
            Ok(())
        })
    });
    let (second, exit, _) = outcome(vec![moody], do_nothing(vec!["a.moody"])).await;
    assert_eq!((second, exit), (Outcome::NothingProved, Exit::Failed));
}

#[tokio::test]
async fn red_at_the_second_try_only_is_flaky_and_no_better() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let late = judged("a.late", |cx| {
        Box::pin(async {
            cx.examined(1);
            if cx.lane().is_broken("thing") && RUNS.fetch_add(1, SeqCst) == 1 {
                cx.find(Finding::new("thing", "whole", "broken"));
            }
            Ok(())
        })
    });
    let (outcome, exit, _) = outcome(vec![late], breaking("thing", &["a.late"], WELL)).await;
    assert_eq!((outcome, exit), (Outcome::SurvivedFlaky, Exit::Failed));
}

#[tokio::test]
async fn a_red_baseline_leaves_nothing_to_prove() {
    let red = judged("a.red", |cx| {
        Box::pin(async {
            cx.find(Finding::new("x", "1", "2"));
            Ok(())
        })
    });
    let record = prove_with(vec![red], vec![breaking("thing", &["a.red"], WELL)]).await;
    assert!(record.proofs.is_empty());
    assert_eq!(Exit::of(&record), Exit::Failed);
    assert!(record.not_verified.iter().any(|line| line.starts_with("a.red was not green")));
}

#[tokio::test]
async fn a_check_shown_by_symptoms_alone_is_listed_first() {
    let symptom = Sabotage { nature: Nature::Symptom, ..breaking("thing", &["a.one"], WELL) };
    let record = prove_with(vec![seeing("a.one")], vec![symptom]).await;
    assert!(record.not_verified[0].contains("symptoms alone"), "{:?}", record.not_verified);
}
