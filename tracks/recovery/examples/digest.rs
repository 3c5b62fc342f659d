//! Prints how long the content of a database takes to tell, and what it is:
//! `DATABASE_URL=postgres://… cargo run --release -p sabot-recovery --example digest`.

use sabot_recovery::digest::postgres::{How, content};
use std::time::{Duration, Instant};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config: tokio_postgres::Config = std::env::var("DATABASE_URL")?.parse()?;
    let began = Instant::now();
    let database = content(&config, &How::fast(Duration::from_secs(600))).await?;
    let took = began.elapsed();
    let rows: u64 = database.tables.iter().map(|table| table.rows).sum();
    println!("{}: {} tables, {rows} rows in {took:.2?}", database.name, database.tables.len());
    for table in &database.tables {
        println!("{} {} {}", table.name, table.rows, table.digest);
    }
    Ok(())
}
