//! How long a throwaway PostgreSQL takes to be ready, and a database in it to be made.

use crate::{Outcome, median};
use sabot_sandbox::postgres::{Options, Server};
use std::time::Instant;

const TIMES: usize = 9;

/// Cold is the first start of a version on a machine; warm is every later one.
pub(crate) async fn figures() -> Outcome {
    let millis = |since: Instant| since.elapsed().as_secs_f64() * 1e3;
    let begun = Instant::now();
    let first = Server::start(Options::default()).await?;
    println!("  first start in this run   {:>7.0} ms (cold where no template was cached)", millis(begun));
    let mut starts = Vec::new();
    for _ in 0..TIMES {
        let begun = Instant::now();
        let server = Server::start(Options::default()).await?;
        let client = server.connect("postgres").await?;
        client.simple_query("SELECT 1").await?;
        starts.push(millis(begun));
        server.stop().await;
    }
    println!("  warm start and SELECT 1   {:>7.0} ms (median of {TIMES})", median(starts));
    first.create_database("template_bench").await?;
    let mut copies = Vec::new();
    for copy in 0..TIMES {
        let begun = Instant::now();
        first.create_database_from(&format!("copy_{copy}"), "template_bench").await?;
        copies.push(millis(begun));
    }
    println!("  a database from a template{:>7.0} ms (median of {TIMES})", median(copies));
    first.stop().await;
    Ok(())
}
