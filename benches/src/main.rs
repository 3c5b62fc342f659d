//! The figures: each beside its ceiling, interleaved in one run, medians of five rounds.
//!
//! `make bench` runs all; `figures recovery`, `figures readiness`, `figures delivery`, `figures http-wire`, `figures pg-wire`, `figures sandbox`
//! and `figures propagation` run one. The last takes `--rounds N`, `--rows N` (of the smaller drain, 20000) and `--large`,
//! which adds a million rows and some minutes.

mod delivery;
mod http;
mod load;
mod pg;
mod propagation;
mod recovery;
mod sandbox;
mod table;

use std::process::ExitCode;

use propagation::Sizes;

/// Rounds of each measurement; the median counts.
pub(crate) const ROUNDS: usize = 5;

/// What can be measured, in this order.
const NAMES: [&str; 7] =
    ["sandbox", "recovery", "readiness", "delivery", "propagation", "http-wire", "pg-wire"];

/// Whatever goes wrong ends the bench: a figure with an error in it is none.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let (chosen, sizes) = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(3);
        }
    };
    let mut failed = false;
    for name in NAMES {
        if !(chosen.is_empty() || chosen.iter().any(|chosen| chosen == name)) {
            continue;
        }
        println!("\n{name}");
        let measured = match name {
            "sandbox" => sandbox::figures().await,
            "recovery" => recovery::figures().await,
            "readiness" => http::readiness().await,
            "delivery" => delivery::figures().await,
            "propagation" => propagation::figures(&sizes).await,
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

/// The names that were given, and how much of the queue to measure.
fn arguments(mut given: impl Iterator<Item = String>) -> Outcome<(Vec<String>, Sizes)> {
    let (mut chosen, mut sizes) = (Vec::new(), Sizes::default());
    while let Some(argument) = given.next() {
        let mut number = || -> Outcome<usize> {
            let number = given.next().ok_or_else(|| format!("{argument} needs a number"))?;
            let number = number.parse().map_err(|_| format!("{argument} {number}: that is not a number"))?;
            if number == 0 { Err(format!("{argument} 0: that measures nothing").into()) } else { Ok(number) }
        };
        match argument.as_str() {
            "--rounds" => sizes.rounds = number()?,
            "--rows" => sizes.rows = number()?,
            "--large" => sizes.large = true,
            name if NAMES.contains(&name) => chosen.push(argument),
            other => return Err(format!("{other} is none of {}", NAMES.join(", ")).into()),
        }
    }
    Ok((chosen, sizes))
}

/// The median of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
