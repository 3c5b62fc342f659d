//! Lanes that never open, never come back and never go.

use super::*;
use crate::testing::{Field, Fields};
use std::sync::atomic::Ordering::SeqCst;

const NEVER: Duration = Duration::MAX;

/// Works off `jobs` jobs on one lane, each of which asks for it to be remade; what each came to.
async fn work_off(arena: &Arc<Fields>, jobs: usize) -> Vec<Result<(), CannotTell>> {
    tokio::time::pause();
    let mut lanes = Lanes::new(arena.clone(), 1, &[]);
    let work: Arc<Work<usize, Field, Result<(), CannotTell>>> =
        Arc::new(|_, _, lane| Box::pin(async move { (lane.map(drop), Aftermath::Remake) }));
    let done = lanes.work((0..jobs).collect(), &arena.stop, work, None).await;
    lanes.close().await;
    done
}

#[tokio::test]
async fn a_lane_that_never_opens_is_the_reason_of_its_jobs() {
    let arena = Arc::new(Fields { open_takes: NEVER, ..Fields::default() });
    let why = CannotTell::new("opening a lane took longer than 120s");
    assert_eq!(work_off(&arena, 2).await, [Err(why.clone()), Err(why)]);
}

#[tokio::test]
async fn an_interruption_does_not_wait_for_a_lane_to_open() {
    let arena = Arc::new(Fields { open_takes: NEVER, ..Fields::default() });
    let stop = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        arena.stop.cancel();
    };
    let (done, ()) = tokio::join!(work_off(&arena, 2), stop);
    assert_eq!(done, [Err(CannotTell::new("interrupted"))]);
}

#[tokio::test]
async fn a_lane_that_is_never_remade_is_replaced_though_it_never_goes() {
    let arena = Arc::new(Fields { remake_takes: NEVER, close_takes: NEVER, ..Fields::default() });
    assert_eq!(work_off(&arena, 2).await, [Ok(()), Ok(())]);
    assert_eq!((arena.opened.load(SeqCst), arena.closing.load(SeqCst)), (2, 2));
}
