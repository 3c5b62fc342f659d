//! What a throwaway PostgreSQL costs on this machine: `cargo run -p sabot-sandbox --example figures`.
//!
//! Each figure is the median of several rounds; memory and disk take turns, so that both see the same machine.

use std::time::{Duration, Instant};

use sabot_sandbox::Place;
use sabot_sandbox::postgres::{Error, Options, Server};

const ROUNDS: usize = 9;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let begun = Instant::now();
    Server::start(Options::default()).await?.stop().await;
    println!("first start and stop (with initdb, unless the cache has it): {:?}", begun.elapsed());
    for (name, times) in starts().await? {
        println!("{name}: {}", summary(times));
    }
    let server = Server::start(Options::default()).await?;
    for (name, times) in databases(&server).await? {
        println!("{name}: {}", summary(times));
    }
    server.stop().await;
    Ok(())
}

async fn starts() -> Result<Vec<(&'static str, Vec<Duration>)>, Error> {
    let [mut memory, mut memory_stop, mut disk, mut disk_stop] = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        for (place, starts, stops) in
            [(Place::Memory, &mut memory, &mut memory_stop), (Place::Disk, &mut disk, &mut disk_stop)]
        {
            let begun = Instant::now();
            let server = Server::start(Options::default().place(place)).await?;
            starts.push(begun.elapsed());
            let begun = Instant::now();
            server.stop().await;
            stops.push(begun.elapsed());
        }
    }
    Ok(vec![
        ("start in memory", memory),
        ("stop in memory", memory_stop),
        ("start on disk", disk),
        ("stop on disk", disk_stop),
    ])
}

async fn databases(server: &Server) -> Result<Vec<(&'static str, Vec<Duration>)>, Error> {
    server.create_database("model").await?;
    let model = server.connect("model").await?;
    let rows = "CREATE TABLE shoe AS SELECT n, md5(n::text) FROM generate_series(1, 10000) n";
    model.batch_execute(rows).await.map_err(|source| Error::Query { doing: "fill".to_owned(), source })?;
    drop(model);
    let [mut connect, mut create, mut drops] = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        drop(server.connect("postgres").await?);
        connect.push(begun.elapsed());
        let begun = Instant::now();
        server.create_database_from("lane", "model").await?;
        create.push(begun.elapsed());
        let begun = Instant::now();
        server.drop_database("lane").await?;
        drops.push(begun.elapsed());
    }
    Ok(vec![("connect", connect), ("create a database from a template", create), ("drop it", drops)])
}

fn summary(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    format!(
        "median {:?}, fastest {:?}, slowest {:?}",
        at(times.len() / 2),
        at(0),
        at(times.len().saturating_sub(1))
    )
}
