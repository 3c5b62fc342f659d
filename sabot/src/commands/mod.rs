//! One file for each command.

pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod gc;
pub(crate) mod list;
pub(crate) mod platform;
pub(crate) mod run;
pub(crate) mod schema;

use sabot_checks::Embedded;
use sabot_engine::Exit;
use sabot_target::{Binaries, Stock, Target};

/// The embedded target, nothing of it started yet.
fn embedded() -> Result<Embedded, Exit> {
    stock().map(Embedded::new)
}

fn stock() -> Result<Stock, Exit> {
    match Binaries::beside_this() {
        Ok(binaries) => Ok(Stock::new(Target::embedded(), binaries)),
        Err(error) => {
            say(&error);
            Err(Exit::Unverified)
        }
    }
}

/// An error and its causes, on standard error.
fn say(error: &dyn std::error::Error) {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    eprintln!("error: {text}");
}
