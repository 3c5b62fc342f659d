//! Draws the page of a record that was written earlier: html RECORD.json PAGE.html

use sabot_engine::{Record, report};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(record), Some(page)) = (arguments.next(), arguments.next()) else {
        return Err("two files are wanted: html RECORD.json PAGE.html".into());
    };
    let json = std::fs::read_to_string(&record).map_err(|error| format!("{record}: {error}"))?;
    let parsed: Record = serde_json::from_str(&json).map_err(|error| format!("{record}: {error}"))?;
    let begun = Instant::now();
    let html = report::html(&parsed);
    let took = begun.elapsed();
    std::fs::write(&page, &html).map_err(|error| format!("{page}: {error}"))?;
    println!("{} results drawn in {took:.1?}: {} KiB", parsed.results.len(), html.len() / 1024);
    Ok(())
}
