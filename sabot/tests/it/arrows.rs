//! The arrows of ARCHITECTURE.md: which crate may use which, read from cargo's own metadata.

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};

/// Crate → those it may use; everything else of ours is forbidden. `sabot-sandbox` is anyone's dev-dependency.
const ARROWS: &[(&str, &[&str])] = &[
    ("sabot", &["sabot-checks", "sabot-engine", "sabot-target", "sabot-recovery"]),
    (
        "sabot-platform",
        &["sabot-contract", "sabot-delivery", "sabot-propagation", "sabot-readiness", "sabot-recovery"],
    ),
    (
        "sabot-checks",
        &["sabot-engine", "sabot-target", "sabot-wire", "sabot-sandbox", "sabot-recovery", "sabot-contract"],
    ),
    ("sabot-target", &["sabot-wire", "sabot-sandbox"]),
    ("sabot-recovery", &["sabot-sandbox"]),
    ("sabot-contract", &[]),
    ("sabot-delivery", &[]),
    ("sabot-propagation", &[]),
    ("sabot-readiness", &[]),
    ("sabot-engine", &[]),
    ("sabot-wire", &[]),
    ("sabot-sandbox", &[]),
];

/// Every edge between crates of the workspace: from, to, and whether only tests use it.
fn edges() -> Vec<(String, String, bool)> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let ours: BTreeSet<_> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let mut edges = Vec::new();
    for package in &metadata.packages {
        for dependency in package.dependencies.iter().filter(|dependency| ours.contains(&dependency.name)) {
            let only_tests = dependency.kind == DependencyKind::Development;
            edges.push((package.name.to_string(), dependency.name.clone(), only_tests));
        }
    }
    assert!(ours.contains("sabot") && !edges.is_empty(), "the metadata was read");
    let drawn: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    for crate_name in &ours {
        assert!(
            drawn.contains_key(crate_name.as_str()),
            "{crate_name} has no arrows: add it here and in ARCHITECTURE.md"
        );
    }
    edges
}

fn forbidden(edges: &[(String, String, bool)]) -> Vec<String> {
    let drawn: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    edges
        .iter()
        .filter(|(from, to, only_tests)| {
            let allowed = drawn.get(from.as_str()).is_some_and(|arrows| arrows.contains(&to.as_str()));
            !(allowed || *only_tests && to == "sabot-sandbox")
        })
        .map(|(from, to, _)| format!("{from} → {to}"))
        .collect()
}

#[test]
fn only_the_drawn_arrows_exist() {
    assert_eq!(forbidden(&edges()), Vec::<String>::new(), "see ARCHITECTURE.md for what may use what");
}

#[test]
fn an_arrow_that_is_not_drawn_is_found() {
    let platform_judges = ("sabot-platform".to_owned(), "sabot-engine".to_owned(), false);
    let test_judges = ("sabot-readiness".to_owned(), "sabot-wire".to_owned(), true);
    let test_sandbox = ("sabot-readiness".to_owned(), "sabot-sandbox".to_owned(), true);
    assert_eq!(
        forbidden(&[platform_judges, test_judges, test_sandbox]),
        ["sabot-platform → sabot-engine", "sabot-readiness → sabot-wire"]
    );
}
