//! `sabot doctor`: what is lacking here, and which checks hang on it.

use super::embedded;
use sabot_engine::{Arena as _, Exit, Need};
use sabot_target::{Binaries, Target};
use std::collections::BTreeMap;

/// Looks at each need of each check, and at the services' binaries.
pub(crate) async fn doctor() -> Exit {
    let arena = match embedded() {
        Ok(arena) => arena,
        Err(exit) => return exit,
    };
    let mut needed: BTreeMap<String, (Need, Vec<&str>)> = BTreeMap::new();
    for check in sabot_checks::checks() {
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
    well &= services().await;
    if well { Exit::Passed } else { Exit::Unverified }
}

async fn services() -> bool {
    let Ok(binaries) = Binaries::beside_this() else { return false };
    let mut well = true;
    for service in &Target::embedded().services {
        match binaries.same_build(&service.program).await {
            Ok(()) => println!("ok       {:<12} of this build", service.program),
            Err(error) => {
                well = false;
                println!("lacking  {:<12} {error}", service.program);
            }
        }
    }
    well
}
