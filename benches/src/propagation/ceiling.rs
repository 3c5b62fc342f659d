//! The ceiling: our statements, on our schema, from a loop that does nothing else.

use sabot_propagation::{Audit, sql};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::ours::KIND;
use super::place::Database;
use super::worker::{Called, Working};
use crate::Outcome;

/// Rows that a claim takes, and a completion writes: as many as ours by default.
pub(crate) const BATCH: usize = 500;

const LEASE_MICROS: i64 = 300_000_000;

/// Starts so many loops, each on a connection of its own; they end when nothing is due.
pub(crate) async fn start(
    database: &Database,
    loops: usize,
    audit: &Audit,
    called: &Called,
) -> Outcome<Working> {
    let mut clients = Vec::new();
    for _ in 0..loops {
        clients.push(database.connect().await?);
    }
    let (audit, called) = (audit.clone(), called.clone());
    let all = async move {
        let mut loops = tokio::task::JoinSet::new();
        for (lease, client) in (1..).zip(clients) {
            let (complete, called) = (sql::applied(&audit), called.clone());
            loops.spawn(async move { run(&client, &complete, lease, &called).await });
        }
        while let Some(ended) = loops.join_next().await {
            ended.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        }
        Ok(())
    };
    Ok(Working::new(all, || {}))
}

/// Claims and completes until nothing is due. It leaves out what lies before the last claim, as the runner does.
async fn run(
    client: &Client,
    complete: &str,
    lease: i64,
    called: &Called,
) -> Result<(), tokio_postgres::Error> {
    let kinds = [KIND.name()];
    let (actor, batch) = ("propagation", i64::try_from(BATCH).unwrap_or(i64::MAX));
    let mut floor = f64::NEG_INFINITY;
    loop {
        let rows = client
            .query_typed(
                sql::CLAIM,
                &[
                    (&&kinds[..], Type::TEXT_ARRAY),
                    (&LEASE_MICROS, Type::INT8),
                    (&floor, Type::FLOAT8),
                    (&batch, Type::INT8),
                    (&lease, Type::INT8),
                ],
            )
            .await?;
        if rows.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        floor = rows.iter().map(|row| row.get::<_, f64>(7)).fold(floor, f64::max) - 0.001;
        let (leases, skipped) = (vec![lease; ids.len()], vec![None::<&str>; ids.len()]);
        let written = client
            .query_typed(
                complete,
                &[
                    (&ids, Type::INT8_ARRAY),
                    (&leases, Type::INT8_ARRAY),
                    (&skipped, Type::TEXT_ARRAY),
                    (&actor, Type::TEXT),
                ],
            )
            .await?;
        for _ in written {
            called.now();
        }
    }
}
