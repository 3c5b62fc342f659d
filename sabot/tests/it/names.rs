//! Names come from the target: no string literal of the judges equals one of the default target's names.

use sabot_target::Target;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every name of the default target that a check could be tempted to write out.
fn names() -> BTreeSet<String> {
    let target = Target::embedded();
    let readiness = &target.readiness;
    let (shape, words) = (&readiness.shape, &readiness.words);
    let mut names: BTreeSet<String> = [
        &readiness.path,
        &readiness.live_path,
        &readiness.unauthorised,
        &shape.overall,
        &shape.service,
        &shape.commit,
        &shape.rows,
        &shape.name,
        &shape.status,
        &shape.latency,
        &shape.error,
        &shape.checked_at,
        &words.ok,
        &words.degraded,
        &words.failed,
    ]
    .into_iter()
    .cloned()
    .collect();
    names.extend(
        target.databases.iter().flat_map(|database| [&database.name, &database.migrate_env]).cloned(),
    );
    names.extend(target.stand_ins.iter().map(|(name, _)| name.clone()));
    names.extend(target.secrets.iter().map(|(name, _)| name.clone()));
    let levers = &readiness.levers;
    let turned = [&levers.critical, &levers.period, &levers.time_limit, &levers.commit];
    names.extend(turned.into_iter().flatten().map(|lever| lever.env.clone()));
    names.extend(levers.off.iter().flat_map(|(_, variables)| variables).cloned());
    for service in &target.services {
        names.insert(service.name.clone());
        names.extend([&service.program, &service.listen_env, &service.alive_path].into_iter().cloned());
        names.extend(service.env.iter().map(|(name, _)| name.clone()));
        names.extend(service.wires.iter().map(|wire| wire.name.clone()));
    }
    for row in &readiness.matrix {
        names.insert(row.dependency.clone());
    }
    // What is not there (a database without a migration) is named by nothing.
    names.remove("");
    names
}

/// The contents of every plain string literal of a source file, its tests and comments left out.
fn literals(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        // Odd pieces between unescaped quotes are literals.
        for literal in line.replace("\\\"", "").split('"').skip(1).step_by(2) {
            found.insert(literal.to_owned());
        }
    }
    found
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn the_judges_write_no_name_of_the_default_target() {
    let names = names();
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../checks/src")), &mut files);
    assert!(files.len() > 5, "the sources were found");
    for file in files {
        for literal in literals(&std::fs::read_to_string(&file).unwrap()) {
            assert!(!names.contains(&literal), "{}: take \"{literal}\" from the target", file.display());
        }
    }
}

#[test]
fn a_literal_is_found_and_a_comment_is_none() {
    let source = "// \"api\"\nlet a = f(\"readyz\", \"ok\");\n#[cfg(test)]\nlet b = \"brevo\";";
    assert_eq!(literals(source), BTreeSet::from(["readyz".to_owned(), "ok".to_owned()]));
}
