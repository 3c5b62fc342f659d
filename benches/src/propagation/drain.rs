//! How fast one worker process works off what has piled up.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::Sizes;
use super::contender::{APALIS, CEILING, Contender, GRAPHILE, OURS};
use super::place::{LIMIT, Place};
use super::worker::Called;
use super::{graphile, ours};
use crate::Outcome;
use crate::table::{Goal, Table};

/// How often another connection looks whether all is written down, once all is handled.
const LOOK: Duration = Duration::from_millis(1);

/// Rows for a worker that takes one for each of its slots and polling period.
const FEW: usize = 48;

/// Rows a second from the start of the worker until its handler has run for every row and another connection sees none
/// that is unfinished. `kept` rows were applied before.
pub(crate) async fn rate(place: &mut Place, who: Contender, due: usize, kept: usize) -> Outcome<f64> {
    let database = place.fresh(who.queue(), due, kept).await?;
    let watcher = database.connect().await?;
    let (called, count) = Called::counting(due);
    let drained = async {
        let begun = Instant::now();
        let mut working = who.start(&database, called).await?;
        working.until_all(&count).await?;
        while who.queue().unfinished(&watcher).await? > 0 {
            sleep(LOOK).await;
        }
        let took = begun.elapsed();
        working.stop().await?;
        Outcome::Ok(took)
    };
    let took = timeout(LIMIT, drained).await.map_err(|_| format!("{who} did not end within {LIMIT:?}"))??;
    count.exact()?;
    if let Some(audited) = who.audited() {
        ours::verify(&watcher, due, audited).await?;
    }
    place.remove(database).await?;
    Ok(due as f64 / took.as_secs_f64())
}

/// Everything interleaved: each round has every contender once.
pub(crate) async fn figures(place: &mut Place, sizes: &Sizes, goals: &mut Vec<Goal>) -> Outcome {
    let contenders = [
        CEILING,
        Contender::Ceiling { loops: 1, audited: false },
        Contender::Ceiling { loops: 2, audited: true },
        OURS,
        Contender::Ours(ours::How::Unaudited),
        Contender::Ours(ours::How::Superseding),
        GRAPHILE,
        APALIS,
        Contender::Apalis { batch: super::ceiling::BATCH },
    ];
    let defaults = Contender::Graphile(graphile::How::Default);
    let [mut less, mut more] = [Table::new("rows/s"), Table::new("rows/s")];
    let mut slow = Table::new("rows/s");
    for _ in 0..sizes.rounds {
        for who in contenders {
            less.add(&who.to_string(), rate(place, who, sizes.rows, 0).await?);
            more.add(&who.to_string(), rate(place, who, sizes.rows * 5, 0).await?);
        }
        slow.add(&OURS.to_string(), rate(place, OURS, FEW, 0).await?);
        slow.add(&defaults.to_string(), rate(place, defaults, FEW, 0).await?);
    }
    let ours = OURS.to_string();
    for (table, rows) in [(&less, sizes.rows), (&more, sizes.rows * 5)] {
        table.print(&format!("drain {rows} rows"), &ours);
        for (goal, to) in [(0.7, CEILING), (1.0, GRAPHILE), (4.0, APALIS)] {
            let ratio = table.ratio(&ours, &to.to_string());
            let stretch = if to == GRAPHILE { " (stretch 1.50)" } else { "" };
            goals.push(Goal::at_least(goal, format!("drain {rows} rows, to {to}{stretch}"), ratio));
        }
    }
    slow.print(&format!("drain {FEW} rows: the default takes one for each slot and second"), &ours);
    let flat = crate::table::in_round(more.of(&ours), less.of(&ours));
    goals.push(Goal::at_least(0.8, format!("drain {} rows, to {} rows", sizes.rows * 5, sizes.rows), flat));
    Ok(())
}

/// The same with very many rows: waiting behind those that are next, or applied before and kept.
pub(crate) async fn large(place: &mut Place, sizes: &Sizes, goals: &mut Vec<Goal>) -> Outcome {
    let million = sizes.rows * 50;
    let cases = [
        (format!("{} rows", sizes.rows), sizes.rows, 0),
        (format!("{million} rows"), million, 0),
        (format!("{} rows, {million} applied ones kept", sizes.rows), sizes.rows, million),
    ];
    let mut table = Table::new("rows/s");
    for _ in 0..sizes.rounds {
        for (what, due, kept) in &cases {
            table.add(what, rate(place, OURS, *due, *kept).await?);
        }
    }
    let [(usual, ..), rest @ ..] = &cases;
    table.print("drain, ours alone", usual);
    for (what, ..) in rest {
        goals.push(Goal::at_least(0.8, format!("drain {what}, to {usual}"), table.ratio(what, usual)));
    }
    Ok(())
}
