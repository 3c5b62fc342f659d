//! The example in another language: each of its mistakes is found by the checks that it names, and mended it is green.

use super::program::{Output, sabot_with};
use sabot_engine::{Record, Verdict};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/orders")
}

/// The checks that must turn red.
fn named() -> Vec<String> {
    let mistakes = std::fs::read_to_string(example().join("mistakes.json")).unwrap();
    let mistakes: Vec<Value> = serde_json::from_str(&mistakes).unwrap();
    let checks = mistakes.iter().flat_map(|mistake| mistake["checks"].as_array().unwrap());
    let mut checks: Vec<_> = checks.map(|check| check.as_str().unwrap().to_owned()).collect();
    checks.sort();
    checks.dedup();
    checks
}

/// A copy of the example, whose services run by the Python that has a client of PostgreSQL.
struct Copy(tempfile::TempDir);

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copied = Command::new("cp").arg("-r").arg(example()).arg(folder.path()).status().unwrap();
        assert!(copied.success());
        Self(folder)
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("orders")
    }

    fn mend(&self) {
        let patch = std::fs::File::open(example().join("mended.patch")).unwrap();
        let args = ["--quiet", "--strip", "1", "--directory"];
        let mended = Command::new("patch").args(args).arg(self.folder()).stdin(patch).status().unwrap();
        assert!(mended.success(), "mended.patch no longer fits the example");
    }

    fn run(&self, checks: &[String]) -> (Output, Record) {
        let (config, record) = (self.folder().join("sabot.toml"), self.0.path().join("record.json"));
        let report = format!("json={}", record.display());
        let mut args = vec!["run", "--config", config.to_str().unwrap(), "--report", &report];
        args.extend(checks.iter().map(String::as_str));
        let path = format!("{}:{}", clients().display(), std::env::var("PATH").unwrap());
        let output = sabot_with(&args, &[("PATH", &path)]);
        let record = std::fs::read_to_string(record)
            .unwrap_or_else(|_| panic!("no record: {}\n{}", output.text, output.errors));
        (output, serde_json::from_str(&record).unwrap())
    }
}

/// Where `scripts/setup-clients.sh` puts Python.
fn clients() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = set("SABOT_CACHE_DIR").or_else(|| Some(set("XDG_CACHE_HOME")?.join("sabot")));
    let cache = cache.unwrap_or_else(|| set("HOME").expect("HOME is set").join(".cache/sabot"));
    let bin = cache.join("clients/python/bin");
    assert!(bin.join("python3").exists(), "run scripts/setup-clients.sh first");
    bin
}

#[test]
fn each_mistake_of_the_example_is_found_and_mended_nothing_is() {
    let (copy, checks) = (Copy::new(), named());
    let (output, record) = copy.run(&checks);
    assert_eq!(output.code, 1, "{}\n{}", output.text, output.errors);
    assert_eq!(record.results.len(), checks.len());
    for result in &record.results {
        assert_eq!(result.verdict, Verdict::Fail, "{}: {}", result.id, output.text);
    }
    copy.mend();
    let (output, _) = copy.run(&checks);
    assert_eq!(output.code, 0, "{}\n{}", output.text, output.errors);
}
