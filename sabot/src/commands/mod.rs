//! One file for each command.

pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod gc;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod plan;
pub(crate) mod platform;
pub(crate) mod run;
pub(crate) mod schema;

use crate::cli::ConfigArg;
use sabot_engine::Exit;
use sabot_target::{Binaries, FILE_NAME, Stock, Target};
use std::path::Path;

/// What is judged, as `--config` says, or else `sabot.toml` in the working folder; the embedded platform where there is
/// neither. One that a file describes is told of on standard error.
fn target(of: &ConfigArg) -> Result<Target, Exit> {
    let usual = Path::new(FILE_NAME);
    let file = of.config.as_deref().or_else(|| usual.exists().then_some(usual));
    let Some(file) = file else { return Ok(Target::embedded()) };
    match Target::from_file(file) {
        Ok(target) => {
            eprintln!("target: {}", target.told());
            Ok(target)
        }
        Err(error) => {
            say(&error);
            Err(Exit::Usage)
        }
    }
}

/// Lanes of `target`, nothing of it started yet.
fn stock(target: Target) -> Result<Stock, Exit> {
    match Binaries::of(&target) {
        Ok(binaries) => Ok(Stock::new(target, binaries)),
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
