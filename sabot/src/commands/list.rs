//! `sabot list` and `sabot explain`.

use super::{say, target};
use crate::catalogue;
use crate::cli::{ExplainArgs, ListArgs, ListFormat};
use sabot_engine::{Exit, Selection};

/// Lists the chosen checks.
pub(crate) fn list(args: &ListArgs) -> Exit {
    let target = match target(&args.of) {
        Ok(target) => target,
        Err(exit) => return exit,
    };
    let selection = Selection { patterns: args.patterns.clone(), with: None };
    let checks = match selection.choose(&sabot_checks::checks()) {
        Ok(checks) => checks,
        Err(error) => {
            say(&error);
            return error.exit();
        }
    };
    let sabotages = sabot_checks::sabotages(&target);
    match args.format {
        ListFormat::Text => print!("{}", catalogue::text(&checks, &sabotages, &target)),
        ListFormat::Json => println!("{}", catalogue::json(&checks, &sabotages, &target)),
        ListFormat::Markdown => print!("{}", catalogue::markdown(&checks, &sabotages)),
    }
    Exit::Passed
}

/// Explains one check in full.
pub(crate) fn explain(args: &ExplainArgs) -> Exit {
    let target = match target(&args.of) {
        Ok(target) => target,
        Err(exit) => return exit,
    };
    let checks = sabot_checks::checks();
    if !checks.iter().any(|check| check.id == args.id) {
        let selection = Selection { patterns: vec![args.id.clone()], with: None };
        match selection.choose(&checks) {
            Err(error) => {
                say(&error);
                return error.exit();
            }
            Ok(found) => {
                let ids: Vec<_> = found.iter().map(|check| check.id).collect();
                eprintln!("error: `{}` is not one check; it names {}", args.id, ids.join(", "));
            }
        }
        return Exit::Nothing;
    }
    let sabotages = sabot_checks::sabotages(&target);
    for check in checks.iter().filter(|check| check.id == args.id) {
        print!("{}", catalogue::explain(check, &sabotages));
        if let Some(reason) = sabot_checks::leaves_out(&target, check.id) {
            println!("\nof {} it is skipped: {reason}", target.name);
        }
    }
    Exit::Passed
}
