//! How fast rows come in: one by one and in batches, each call durable before the next. No worker runs meanwhile.

use std::sync::Arc;
use std::time::Instant;

use deadpool_postgres::Pool;
use sabot_propagation::enqueue;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::place::{Database, LIMIT, Place};
use super::queue::{PORTION, Queue};
use super::{Sizes, apalis, graphile, ours};
use crate::Outcome;
use crate::table::{Goal, Table};

/// The columns that ours fills, as literals where they are the same in every row.
const INSERT: &str = "INSERT INTO pending_propagations (kind, team_id, target_tier, payload)
     VALUES ('tier_elevation', $1, 'pro', '{\"from\":\"free\"}') RETURNING id";

const INSERT_MANY: &str = "INSERT INTO pending_propagations (kind, team_id, target_tier, payload)
     SELECT 'tier_elevation', team, 'pro', '{\"from\":\"free\"}' FROM unnest($1::bigint[]) AS new (team) RETURNING id";

/// A way to enqueue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The bare `INSERT`: a statement alone, on a table that wakes nobody.
    Insert,
    /// The same between `BEGIN` and `COMMIT`.
    InsertInTransaction,
    /// `enqueue`, which takes a transaction: between `BEGIN` and `COMMIT` too.
    Ours,
    /// The SQL function: a statement alone.
    OursBySql,
    Graphile,
    Apalis,
}

impl Way {
    const ALL: [Self; 6] =
        [Self::Insert, Self::InsertInTransaction, Self::Ours, Self::OursBySql, Self::Graphile, Self::Apalis];
    /// Those that have a call for many.
    const BATCHED: [Self; 4] = [Self::Insert, Self::Ours, Self::Graphile, Self::Apalis];

    fn name(self) -> &'static str {
        match self {
            Self::Insert => "bare INSERT",
            Self::InsertInTransaction => "bare INSERT in a transaction",
            Self::Ours => "ours: enqueue",
            Self::OursBySql => "ours: propagation_enqueue",
            Self::Graphile => "graphile_worker",
            Self::Apalis => "apalis-postgres",
        }
    }

    fn queue(self) -> Queue {
        match self {
            Self::Insert | Self::InsertInTransaction => Queue::Bare,
            Self::Ours | Self::OursBySql => Queue::Ours,
            Self::Graphile => Queue::Graphile,
            Self::Apalis => Queue::Apalis,
        }
    }
}

/// Where the calls go.
enum Producer {
    Ours(Way, Pool),
    Graphile(graphile::Producer),
    Apalis(PgPool),
}

impl Producer {
    async fn new(way: Way, database: &Database, connections: usize) -> Outcome<Self> {
        let producer = match way {
            Way::Graphile => Self::Graphile(graphile::Producer::new(database, connections)?),
            Way::Apalis => Self::Apalis(apalis::pool(database).await?),
            _ => Self::Ours(way, database.pool(connections)?),
        };
        Ok(producer)
    }

    async fn one(&self, team: usize) -> Outcome {
        let (way, pool) = match self {
            Self::Graphile(producer) => return producer.one(team).await,
            Self::Apalis(pool) => return apalis::enqueue_one(pool, team).await,
            Self::Ours(way, pool) => (way, pool),
        };
        let team_id = i64::try_from(team)?;
        let mut client = pool.get().await?;
        match way {
            Way::Insert => drop(client.query_one(&client.prepare_cached(INSERT).await?, &[&team_id]).await?),
            Way::OursBySql => {
                drop(client.query_one(&client.prepare_cached(ours::ENQUEUE).await?, &[&team_id]).await?);
            }
            _ => {
                let transaction = client.transaction().await?;
                if *way == Way::Ours {
                    enqueue(&transaction, &ours::new(team)?).await?;
                } else {
                    let statement = transaction.prepare_cached(INSERT).await?;
                    transaction.query_one(&statement, &[&team_id]).await?;
                }
                transaction.commit().await?;
            }
        }
        Ok(())
    }

    async fn many(&self, first: usize, last: usize) -> Outcome {
        match self {
            Self::Graphile(producer) => producer.many(first, last).await,
            Self::Apalis(pool) => apalis::enqueue_many(pool, first, last).await,
            Self::Ours(Way::Ours, pool) => ours::enqueue_batch(pool, first, last).await,
            Self::Ours(_, pool) => {
                let teams = (first..=last).map(i64::try_from).collect::<Result<Vec<_>, _>>()?;
                let client = pool.get().await?;
                client.query(&client.prepare_cached(INSERT_MANY).await?, &[&teams]).await?;
                Ok(())
            }
        }
    }
}

/// Rows a second of so many producers, each with its share of the rows.
async fn singly(place: &mut Place, way: Way, producers: usize, rows: usize) -> Outcome<f64> {
    let database = place.fresh(way.queue(), 0, 0).await?;
    let producer = Arc::new(Producer::new(way, &database, producers).await?);
    let share = rows / producers;
    // What is connected and prepared once is so before the clock runs.
    timeout(LIMIT, together(&producer, producers, 1)).await??;
    let begun = Instant::now();
    timeout(LIMIT, together(&producer, producers, share)).await??;
    let took = begun.elapsed();
    finish(place, way, database, (share + 1) * producers).await?;
    Ok((share * producers) as f64 / took.as_secs_f64())
}

/// So many producers at once, each with so many rows.
async fn together(producer: &Arc<Producer>, producers: usize, each: usize) -> Outcome {
    let mut tasks = JoinSet::new();
    for number in 0..producers {
        let producer = Arc::clone(producer);
        tasks.spawn(async move {
            for team in number * each..(number + 1) * each {
                producer.one(team).await?;
            }
            Outcome::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

/// Rows a second of one producer with a call for each portion.
async fn batched(place: &mut Place, way: Way, rows: usize) -> Outcome<f64> {
    let database = place.fresh(way.queue(), 0, 0).await?;
    let producer = Producer::new(way, &database, 1).await?;
    let calls = rows.div_ceil(PORTION);
    let all = async {
        producer.many(1, PORTION).await?;
        let begun = Instant::now();
        for call in 1..=calls {
            producer.many(call * PORTION + 1, (call + 1) * PORTION).await?;
        }
        Outcome::Ok(begun.elapsed())
    };
    let took = timeout(LIMIT, all).await??;
    finish(place, way, database, (calls + 1) * PORTION).await?;
    Ok((calls * PORTION) as f64 / took.as_secs_f64())
}

/// An error unless all rows are there.
async fn finish(place: &Place, way: Way, database: Database, rows: usize) -> Outcome {
    let found = way.queue().unfinished(&database.connect().await?).await?;
    if found != i64::try_from(rows)? {
        return Err(format!("{}: {found} rows of {rows} are there", way.name()).into());
    }
    place.remove(database).await
}

/// Everything interleaved: each round has every figure once.
pub(crate) async fn figures(place: &mut Place, sizes: &Sizes, goals: &mut Vec<Goal>) -> Outcome {
    let [mut one, mut eight, mut many] = std::array::from_fn(|_| Table::new("rows/s"));
    for _ in 0..sizes.rounds {
        for way in Way::ALL {
            one.add(way.name(), singly(place, way, 1, sizes.rows / 10).await?);
            eight.add(way.name(), singly(place, way, 8, sizes.rows * 2 / 5).await?);
        }
        for way in Way::BATCHED {
            many.add(way.name(), batched(place, way, sizes.rows).await?);
        }
    }
    let ours = Way::Ours.name();
    for (table, producers) in [(&one, "1 producer"), (&eight, "8 producers")] {
        table.print(&format!("enqueue one by one, {producers}"), ours);
        for (way, to) in [(Way::OursBySql, Way::Insert), (Way::Ours, Way::InsertInTransaction)] {
            let what = format!("enqueue, {producers}, {} to {}", way.name(), to.name());
            goals.push(Goal::at_least(0.8, what, table.ratio(way.name(), to.name())));
        }
    }
    many.print(&format!("enqueue in batches of {PORTION}"), ours);
    goals.push(Goal::at_least(70_000.0, "enqueue in batches, rows/s", many.median(ours)));
    Ok(())
}
