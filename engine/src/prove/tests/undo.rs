//! What was put on is undone once, whatever came between. The undos are counted where they happen: the lane is remade
//! after each proof, and would hide that one was missing.

use super::*;

/// One sabotage of `check`: the proof, and how often it was undone.
async fn undone(check: Arc<Check<Field>>, how: Break) -> (Proof, usize) {
    let counted = how.undone.clone();
    let sabotage = breaking("thing", &[check.id], how);
    let record = prove_on(&Arc::default(), vec![check], vec![sabotage]).await;
    (record.proofs[0].clone(), counted.load(SeqCst))
}

fn reason(proof: &Proof) -> &str {
    proof.reason.as_deref().unwrap_or_default()
}

#[tokio::test]
async fn it_is_undone_once_when_a_check_panics() {
    // The panic comes before the check has returned its future.
    let panicking = judged("a.panics", |cx| {
        cx.examined(1);
        assert!(!cx.lane().is_broken("thing"), "crash");
        Box::pin(async { Ok(()) })
    });
    let (proof, undone) = undone(panicking, well()).await;
    assert_eq!((proof.outcome, undone), (Outcome::Void, 1));
    assert!(reason(&proof).contains("the check panicked"), "{proof:?}");
}

#[tokio::test]
async fn it_is_undone_once_when_the_look_panics() {
    let (proof, undone) = undone(seeing("a.one"), Break { look: Look::Panics, ..well() }).await;
    assert_eq!((proof.outcome, undone), (Outcome::Void, 1));
    assert_eq!(reason(&proof), "it did not land: looking whether it landed panicked");
}

#[tokio::test]
async fn it_is_undone_once_when_the_look_sees_nothing() {
    let (proof, undone) = undone(seeing("a.one"), Break { look: Look::NotSeen, ..well() }).await;
    assert_eq!((proof.outcome, undone), (Outcome::Void, 1));
}

#[tokio::test]
async fn it_is_undone_once_when_a_check_runs_into_the_limit_of_the_engine() {
    tokio::time::pause();
    let silent = judged("a.silent", |cx| {
        Box::pin(async {
            cx.examined(1);
            if cx.lane().is_broken("thing") { std::future::pending().await } else { Ok(()) }
        })
    });
    let (proof, undone) = undone(silent, well()).await;
    assert_eq!((proof.outcome, undone), (Outcome::Void, 1));
    assert!(reason(&proof).contains("the engine's limit"), "{proof:?}");
}

#[tokio::test]
async fn it_is_undone_once_when_interrupted_while_a_check_runs() {
    let waiting = judged("a.waits", |cx| {
        Box::pin(async {
            cx.examined(1);
            if cx.lane().is_broken("thing") {
                cx.lane().stop.cancel();
                std::future::pending().await
            }
            Ok(())
        })
    });
    let (proof, undone) = undone(waiting, well()).await;
    assert_eq!((proof.outcome, undone), (Outcome::Void, 1));
    assert!(reason(&proof).contains("interrupted"), "{proof:?}");
}

/// Red at what is broken, and at that moment a signal comes.
fn last_words() -> Arc<Check<Field>> {
    judged("a.last", |cx| {
        Box::pin(async {
            cx.examined(1);
            if cx.lane().is_broken("thing") {
                cx.find(Finding::new("thing", "whole", "broken"));
                cx.lane().stop.cancel();
            }
            Ok(())
        })
    })
}

#[tokio::test]
async fn interrupted_before_it_was_green_again_is_void() {
    let (proof, undone) = undone(last_words(), well()).await;
    assert_eq!((proof.outcome, reason(&proof), undone), (Outcome::Void, "interrupted", 1));
}

#[tokio::test]
async fn each_sabotage_that_an_interruption_forestalls_is_void() {
    let things = ["thing", "second", "third", "fourth"];
    let sabotages = things.map(|what| breaking(what, &["a.last"], well())).to_vec();
    let record = prove_on(&Arc::default(), vec![last_words()], sabotages).await;
    let proofs: Vec<_> = record.proofs.iter().map(|proof| (proof.outcome, reason(proof))).collect();
    assert_eq!(proofs.len(), 4);
    assert_eq!(proofs[3], (Outcome::Void, "interrupted"), "{proofs:?}");
}

#[tokio::test]
async fn a_panic_of_the_engine_makes_one_proof_void_and_the_rest_goes_on() {
    // The sum of the limits overflows.
    let endless = Sabotage { limit: Duration::MAX, ..breaking("thing", &["a.one"], well()) };
    let sabotages = vec![endless.clone(), endless, breaking("other", &["a.one"], well())];
    let record = prove_on(&Arc::default(), vec![seeing("a.one")], sabotages).await;
    assert_eq!((record.proofs[0].outcome, reason(&record.proofs[0])), (Outcome::Void, ENGINE_PANICKED));
    assert_eq!(record.proofs[2].outcome, Outcome::Proved);
}

#[tokio::test]
async fn a_lane_is_remade_when_putting_it_on_panics_fails_or_takes_too_long() {
    tokio::time::pause();
    let put_on: [(Arc<crate::PutOn<Field>>, &str); 3] = [
        (Arc::new(|_: &Field| panic!("half put on")), "putting it on panicked"),
        (Arc::new(|_: &Field| Box::pin(async { Err(CannotTell::new("no room")) })), "no room"),
        (Arc::new(|_: &Field| Box::pin(std::future::pending())), "putting it on took longer than 1s"),
    ];
    for (put_on, why) in put_on {
        let arena = Arc::new(Fields::default());
        let sabotage = Sabotage { put_on, ..breaking("thing", &["a.one"], well()) };
        let record = prove_on(&arena, vec![seeing("a.one")], vec![sabotage]).await;
        let proof = &record.proofs[0];
        assert_eq!((proof.outcome, reason(proof)), (Outcome::Void, why));
        assert_eq!(arena.remade.load(SeqCst), 1);
    }
}
