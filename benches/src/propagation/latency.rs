//! How long after a commit the handler is called, where nothing else is to be done.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use super::Sizes;
use super::contender::{APALIS, Contender, GRAPHILE, OURS};
use super::graphile;
use super::place::Place;
use super::worker::Called;
use crate::table::{Goal, Table};
use crate::{Outcome, median};

/// Commits of each contender in each round.
pub(crate) const SAMPLES: usize = 200;

/// For the first dispatch, with all that a start needs, and for each later one.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything interleaved: each round has every contender once.
pub(crate) async fn figures(place: &mut Place, sizes: &Sizes, goals: &mut Vec<Goal>) -> Outcome {
    let contenders = [OURS, Contender::Graphile(graphile::How::Default), GRAPHILE, APALIS];
    let [mut half, mut most] = [Table::new("ms"), Table::new("ms")];
    for _ in 0..sizes.rounds {
        for who in contenders {
            let mut waits = waits(place, who).await?;
            waits.sort_by(f64::total_cmp);
            most.add(&who.to_string(), waits[SAMPLES * 99 / 100]);
            half.add(&who.to_string(), median(waits));
        }
    }
    let ours = OURS.to_string();
    half.print(&format!("from commit to dispatch, P50 of {SAMPLES}"), &ours);
    most.print(&format!("from commit to dispatch, P99 of {SAMPLES}"), &ours);
    goals.push(Goal::below(20.0, "from commit to dispatch, P99, ms", most.median(&ours)));
    Ok(())
}

/// Milliseconds from the moment at which each `COMMIT` is sent, so with its own time, until the handler's first line.
async fn waits(place: &mut Place, who: Contender) -> Outcome<Vec<f64>> {
    let database = place.fresh(who.queue(), 0, 0).await?;
    let mut client = database.connect().await?;
    let (called, mut calls) = Called::timed();
    let working = who.start(&database, called).await?;
    // The first finds the worker starting.
    wait(&mut client, who, 0, &mut calls).await?;
    let mut waits = Vec::with_capacity(SAMPLES);
    for sample in 1..=SAMPLES {
        sleep(pause(sample)).await;
        waits.push(wait(&mut client, who, sample, &mut calls).await?.as_secs_f64() * 1e3);
    }
    working.stop().await?;
    place.remove(database).await?;
    Ok(waits)
}

/// The time between one dispatch and the next commit: 10 to 60 ms, spread so that no polling period falls into step.
fn pause(sample: usize) -> Duration {
    let spread = u64::try_from(sample).unwrap_or(0).wrapping_mul(2_654_435_761) % 50_000;
    Duration::from_micros(10_000 + spread)
}

async fn wait(
    client: &mut Client,
    who: Contender,
    sample: usize,
    calls: &mut UnboundedReceiver<Instant>,
) -> Outcome<Duration> {
    let waited = async {
        let team = i64::try_from(sample)?;
        let transaction = client.transaction().await?;
        transaction.query_one(who.queue().enqueue_one(), &[&team]).await?;
        let committed = Instant::now();
        transaction.commit().await?;
        let called = calls.recv().await.ok_or("the worker is gone")?;
        Outcome::Ok(called.duration_since(committed))
    };
    timeout(PATIENCE, waited).await.map_err(|_| format!("{who} dispatched nothing within {PATIENCE:?}"))?
}
