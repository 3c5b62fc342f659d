//! `sabot doctor`: what is lacking here, which checks hang on it, and how far a run would go.

use super::{stock, target};
use crate::cli::DoctorArgs;
use crate::plan::table;
use sabot_checks::TargetArena;
use sabot_engine::{Arena as _, Exit, Need};
use sabot_target::{Binaries, Target};
use std::collections::BTreeMap;

/// Looks at each need of each check, and at the services' binaries.
pub(crate) async fn doctor(args: &DoctorArgs) -> Exit {
    let arena = match target(&args.of).and_then(stock) {
        Ok(stock) => TargetArena::new(stock),
        Err(exit) => return exit,
    };
    println!("target   {}", arena.target().told());
    let mut needed: BTreeMap<String, (Need, Vec<&str>)> = BTreeMap::new();
    let checks = sabot_checks::checks();
    for check in checks.iter().filter(|check| arena.leaves_out(check).is_none()) {
        for need in check.needs {
            needed.entry(need.to_string()).or_insert_with(|| (need.clone(), Vec::new())).1.push(check.id);
        }
    }
    let mut well = true;
    for (name, (need, checks)) in &needed {
        match arena.lacks(need) {
            None => println!("ok       {name:<12} {} checks", checks.len()),
            Some(reason) => {
                well = false;
                println!(
                    "lacking  {name:<12} {reason}\n         without it these are skipped: {}",
                    checks.join(", ")
                );
            }
        }
    }
    println!("\n{}", table(&arena, &checks).trim_end());
    for (track, reason) in &arena.target().left_out {
        println!("skipped  {track:<12} {reason}");
    }
    well &= services(arena.target()).await;
    if well { Exit::Passed } else { Exit::Unverified }
}

async fn services(target: &Target) -> bool {
    let Ok(binaries) = Binaries::of(target) else { return false };
    let found = if target.file.is_some() { "found" } else { "of this build" };
    let mut well = true;
    for service in &target.services {
        let program = service.program();
        match binaries.same_build(program).await {
            Ok(()) => println!("ok       {program:<12} {found}"),
            Err(error) => {
                well = false;
                println!("lacking  {program:<12} {error}");
            }
        }
    }
    well
}
