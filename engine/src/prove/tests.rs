//! The rules of proof, each on a lane that is a set of broken things.

use super::*;
use crate::testing::{Field, Fields, check, judged, toil};
use crate::{Exit, Finding, Nature, Need, Sharing, Sort, do_nothing};
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// What comes of looking whether a break landed.
#[derive(Clone, Copy, PartialEq)]
enum Look {
    Seen,
    NotSeen,
    Panics,
}

/// Breaks `what`, and counts how often that was undone.
#[derive(Clone)]
struct Break {
    what: &'static str,
    look: Look,
    /// Whether the undo helps.
    undoes: bool,
    /// How long putting on, looking and undoing each keep the machine busy.
    takes: Duration,
    undone: Arc<AtomicUsize>,
}

/// It lands and is undone.
fn well() -> Break {
    Break { what: "", look: Look::Seen, undoes: true, takes: Duration::ZERO, undone: Arc::default() }
}

impl Worn<Field> for Break {
    fn landed<'a>(&'a self, lane: &'a Field) -> BoxFuture<'a, Judgement<String>> {
        // Not within the future: a panic may come before there is one.
        assert!(self.look != Look::Panics, "the look");
        Box::pin(async {
            toil(&lane.busy, self.takes).await;
            if self.look == Look::Seen { Ok("seen".into()) } else { Err(CannotTell::new("not seen")) }
        })
    }

    fn undo<'a>(self: Box<Self>, lane: &'a Field) -> BoxFuture<'a, Judgement> {
        Box::pin(async move {
            toil(&lane.busy, self.takes).await;
            if self.undoes {
                lane.broken.lock().unwrap().remove(self.what);
            }
            self.undone.fetch_add(1, SeqCst);
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
            let how = Break { what, ..how.clone() };
            Box::pin(async move {
                toil(&lane.busy, how.takes).await;
                Ok(Box::new(how) as Box<dyn Worn<Field>>)
            })
        }),
    }
}

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

/// Proves on two lanes of `arena`, stopped by its own token.
async fn prove_on(
    arena: &Arc<Fields>,
    checks: Vec<Arc<Check<Field>>>,
    sabotages: Vec<Sabotage<Field>>,
) -> Record {
    let mut lanes = Lanes::new(arena.clone(), 2, &[]);
    let mut record = Record::begin("prove", "test");
    let run = RunOptions { stop: arena.stop.clone(), allow_skips: vec!["cluster".into()] };
    let options = ProveOptions { run, ..ProveOptions::default() };
    prove(&mut lanes, &**arena, &checks, sabotages, &options, &Events::channel().0, &mut record).await;
    lanes.close().await;
    record
}

/// Proves `sabotages` and the prover.
async fn prove_with(checks: Vec<Arc<Check<Field>>>, mut sabotages: Vec<Sabotage<Field>>) -> Record {
    let arena = Arc::new(Fields::default());
    sabotages.push(do_nothing(checks.iter().map(|check| check.id).collect()));
    let record = prove_on(&arena, checks, sabotages).await;
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
    let (outcome, exit, _) = outcome(vec![seeing("a.one")], breaking("thing", &["a.one"], well())).await;
    assert_eq!((outcome, exit), (Outcome::Proved, Exit::Passed));
}

#[tokio::test]
async fn a_check_that_stays_green_survives_and_fails_the_proof() {
    let (outcome, exit, why) = outcome(vec![seeing("a.one")], breaking("only x", &["a.one"], well())).await;
    assert_eq!((outcome, exit), (Outcome::Survived, Exit::Failed));
    assert_eq!(why, "a.one stayed green");
}

#[tokio::test]
async fn red_of_another_check_alone_is_collateral() {
    let checks = vec![seeing("a.blind"), sharp("a.sharp")];
    let (outcome, exit, why) = outcome(checks, breaking("only x", &["a.blind"], well())).await;
    assert_eq!((outcome, exit), (Outcome::Collateral, Exit::Failed));
    assert!(why.contains("a.sharp"));
}

#[tokio::test]
async fn what_did_not_land_is_void() {
    let how = Break { look: Look::NotSeen, ..well() };
    let (outcome, exit, why) = outcome(vec![seeing("a.one")], breaking("thing", &["a.one"], how)).await;
    assert_eq!((outcome, exit), (Outcome::Void, Exit::Unverified));
    assert_eq!(why, "it did not land: not seen");
}

#[tokio::test]
async fn what_is_not_green_again_is_void() {
    let how = Break { undoes: false, ..well() };
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
    let (outcome, exit, why) = outcome(vec![fragile], breaking("thing", &["a.fragile"], well())).await;
    assert_eq!((outcome, exit), (Outcome::Void, Exit::Unverified));
    assert!(why.contains("panicked"), "{why}");
}

#[tokio::test]
async fn each_named_check_must_turn_red() {
    let checks = vec![sharp("a.sharp"), seeing("a.blind")];
    let (outcome, _, why) = outcome(checks, breaking("only x", &["a.sharp", "a.blind"], well())).await;
    assert_eq!(outcome, Outcome::Survived);
    assert_eq!(why, "a.blind stayed green");
}

#[tokio::test]
async fn doing_nothing_must_survive() {
    let record = prove_with(vec![seeing("a.one")], vec![]).await;
    // The only check is unproven: nothing but the do-nothing sabotage names it.
    assert_eq!((record.proofs[0].outcome, Exit::of(&record)), (Outcome::NothingSurvived, Exit::Failed));
    // Nothing was shown of it at all, so not by symptoms alone either.
    assert!(!record.not_verified.iter().any(|line| line.contains("symptoms")), "{:?}", record.not_verified);

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
    let record = prove_with(vec![moody], vec![]).await;
    assert_eq!((record.proofs[0].outcome, Exit::of(&record)), (Outcome::NothingProved, Exit::Failed));
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
    let (outcome, exit, _) = outcome(vec![late], breaking("thing", &["a.late"], well())).await;
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
    let record = prove_with(vec![red], vec![breaking("thing", &["a.red"], well())]).await;
    assert!(record.proofs.is_empty());
    assert_eq!(Exit::of(&record), Exit::Failed);
    assert!(record.not_verified.iter().any(|line| line.starts_with("a.red was not green")));
}

#[tokio::test]
async fn a_check_shown_by_symptoms_alone_is_listed_first() {
    let symptom = Sabotage { nature: Nature::Symptom, ..breaking("thing", &["a.one"], well()) };
    let record = prove_with(vec![seeing("a.one")], vec![symptom]).await;
    assert!(record.not_verified[0].contains("symptoms alone"), "{:?}", record.not_verified);
}

#[tokio::test]
async fn an_allowed_skip_leaves_the_proof_of_the_prover() {
    let checks = vec![seeing("a.one"), check("a.cluster", &[Need::Cluster])];
    let sabotages = vec![breaking("thing", &["a.one"], well()), breaking("other", &["a.cluster"], well())];
    let record = prove_with(checks, sabotages).await;
    let outcomes: Vec<_> = record.proofs.iter().map(|proof| proof.outcome).collect();
    assert_eq!(outcomes, [Outcome::Proved, Outcome::NothingSurvived]);
    assert_eq!(record.proofs[1].turns_red, ["a.one"]);
    assert!(record.not_verified.iter().any(|line| line.starts_with("a.cluster was not green")));
    assert_eq!(Exit::of(&record), Exit::Passed);
}

#[tokio::test]
async fn a_check_that_measures_time_is_alone_among_the_steps_of_sabotage_and_the_changes_of_lanes() {
    tokio::time::pause();
    let mut alone = Arc::into_inner(judged("a.alone", |cx| {
        Box::pin(async {
            cx.examined(1);
            for _ in 0..10 {
                if cx.lane().busy.load(SeqCst) != 0 {
                    cx.find(Finding::new("lanes", "alone", "in company"));
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            if cx.lane().is_broken("thing") {
                cx.find(Finding::new("thing", "whole", "broken"));
            }
            Ok(())
        })
    }))
    .unwrap();
    alone.sharing = Sharing::Alone;
    let checks = vec![Arc::new(alone), seeing("a.one"), seeing("a.two")];
    let takes = Duration::from_millis(37);
    let arena = Fields { open_takes: takes, remake_takes: takes, ..Fields::default() };
    let how = Break { takes, ..well() };
    let sabotages = vec![
        breaking("thing", &["a.alone"], how.clone()),
        breaking("one", &["a.one"], how.clone()),
        breaking("two", &["a.two"], how),
        do_nothing(vec!["a.alone"]),
    ];
    let record = prove_on(&Arc::new(arena), checks, sabotages).await;
    assert_eq!(Exit::of(&record), Exit::Passed, "{record:#?}");
    let disturbed =
        record.proofs.iter().flat_map(|proof| &proof.matrix).filter_map(|red| red.finding.as_ref());
    assert_eq!(disturbed.filter(|finding| finding.subject == "lanes").count(), 0);
}

mod undo;
