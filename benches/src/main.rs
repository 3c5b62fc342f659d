//! The figures: each beside its ceiling, interleaved in one run, medians of five rounds.
//!
//! `make bench` runs all; `figures readiness`, `figures delivery`, `figures http-wire`, `figures pg-wire` and `figures sandbox` run one.

mod delivery;
mod http;
mod load;
mod pg;
mod sandbox;

use std::process::ExitCode;

/// Rounds of each measurement; the median counts.
pub(crate) const ROUNDS: usize = 5;

/// Whatever goes wrong ends the bench: a figure with an error in it is none.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    let mut failed = false;
    for name in ["sandbox", "readiness", "delivery", "http-wire", "pg-wire"] {
        if !wanted(name) {
            continue;
        }
        println!("\n{name}");
        let measured = match name {
            "sandbox" => sandbox::figures().await,
            "readiness" => http::readiness().await,
            "delivery" => delivery::figures().await,
            "http-wire" => http::wire().await,
            _ => pg::wire().await,
        };
        if let Err(error) = measured {
            eprintln!("error: {name}: {error}");
            failed = true;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The median of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
