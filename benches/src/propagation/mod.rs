//! The queue beside its peers and its ceiling, on one durable PostgreSQL: how fast it drains, takes rows in, and wakes.
//!
//! A worker and its server share the machine. Peers write no audit rows; ours does, unless a line says otherwise.

mod apalis;
mod ceiling;
mod contender;
mod drain;
mod enqueue;
mod graphile;
mod latency;
mod ours;
mod place;
mod queue;
mod worker;

use crate::{Outcome, ROUNDS};
use place::Place;

/// How much is measured.
pub(crate) struct Sizes {
    /// How often each figure is taken; the median counts.
    pub(crate) rounds: usize,
    /// Rows of the smaller drain; the larger has five times as many.
    pub(crate) rows: usize,
    /// Whether to measure with fifty times as many too, which takes minutes.
    pub(crate) large: bool,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { rounds: ROUNDS, rows: 20_000, large: false }
    }
}

/// All tables, and after them which goals are met.
pub(crate) async fn figures(sizes: &Sizes) -> Outcome {
    let mut place = Place::start().await?;
    println!(
        "  rounds: {}; medians, and of ratios within each round; one worker process, {} at once, batches of {}",
        sizes.rounds,
        worker::CONCURRENCY,
        ceiling::BATCH
    );
    let mut goals = Vec::new();
    drain::figures(&mut place, sizes, &mut goals).await?;
    enqueue::figures(&mut place, sizes, &mut goals).await?;
    latency::figures(&mut place, sizes, &mut goals).await?;
    if sizes.large {
        drain::large(&mut place, sizes, &mut goals).await?;
    }
    println!("\n  goals, of ours");
    for goal in &goals {
        goal.print();
    }
    place.stop().await;
    Ok(())
}
