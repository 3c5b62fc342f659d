//! `sabot run --baseline`: what was red in an earlier record is known, and only what is new fails the run.

use super::program::{Output, sabot};
use serde_json::Value;
use std::path::{Path, PathBuf};

const CONFIG: &str = "
[target]
name = \"the shop\"
[services.app]
command = [\"sh\"]
listen_env = \"PORT\"
[recovery.alerts]
prometheus = [\"rules.yml\"]
jobs = [\"platform\"]
[recovery.alerts.labels]
service = \"worker\"
";

/// A target of which one file is judged: alert rules, good ones at first.
struct Shop(tempfile::TempDir);

impl Shop {
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        std::fs::write(shop.file("sabot.toml"), CONFIG).unwrap();
        shop.spoil(&[]);
        shop
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes the rules with these thresholds out of reach.
    fn spoil(&self, thresholds: &[&str]) {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus/recovery.rules.yml");
        let mut rules = std::fs::read_to_string(own).unwrap();
        for threshold in thresholds {
            assert!(rules.contains(threshold), "{threshold}");
            rules = rules.replace(threshold, "99999999999");
        }
        std::fs::write(self.file("rules.yml"), rules).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        let config = self.file("sabot.toml");
        sabot(&[&["run", "recovery.alert.prometheus", "--config", config.to_str().unwrap()], args].concat())
    }

    /// Runs it, with the record in the file of this name.
    fn recorded(&self, name: &str, args: &[&str]) -> (Output, Value) {
        let report = format!("json={}", self.file(name).display());
        let output = self.run(&[&["--report", &report], args].concat());
        (output, serde_json::from_str(&std::fs::read_to_string(self.file(name)).unwrap()).unwrap())
    }

    fn against(&self, baseline: &str) -> (Output, Value) {
        let baseline = self.file(baseline);
        self.recorded("now.json", &["--baseline", baseline.to_str().unwrap()])
    }
}

const WARNING: &str = "129600";
const CRITICAL: &str = "216000";

#[test]
fn what_was_red_before_is_listed_and_fails_nothing_and_what_is_new_fails() {
    let shop = Shop::new();
    shop.spoil(&[WARNING]);
    let (first, _) = shop.recorded("before.json", &[]);
    assert_eq!(first.code, 1, "{}", first.text);
    let (same, record) = shop.against("before.json");
    assert_eq!(same.code, 0, "{}\n{}", same.text, same.errors);
    assert!(
        same.text.contains("known from the baseline\n  recovery.alert.prometheus: warning alerts, when"),
        "{}",
        same.text
    );
    assert!(same.text.contains("(1 failed as in the baseline)"), "{}", same.text);
    assert!(!same.text.contains("what did not come out as it must"), "{}", same.text);
    let findings = record["results"][0]["findings"].as_array().unwrap();
    assert!(!findings.is_empty() && findings.iter().all(|finding| finding["known"] == true), "{findings:?}");
    assert_eq!(record["baseline"]["known"].as_array().unwrap().len(), findings.len());

    shop.spoil(&[WARNING, CRITICAL]);
    let (more, record) = shop.against("before.json");
    assert_eq!(more.code, 1, "{}", more.text);
    assert!(
        more.text.contains("fail        recovery.alert.prometheus: critical alerts, when"),
        "{}",
        more.text
    );
    let findings = record["results"][0]["findings"].as_array().unwrap();
    let known = findings.iter().filter(|finding| finding["known"] == true).count();
    assert!(known > 0 && known < findings.len(), "{findings:?}");

    shop.spoil(&[]);
    let (mended, record) = shop.against("before.json");
    assert_eq!(mended.code, 0, "{}", mended.text);
    assert!(
        mended.text.contains("green since the baseline\n  recovery.alert.prometheus: warning"),
        "{}",
        mended.text
    );
    assert!(record["baseline"]["known"].as_array().unwrap().is_empty());
}

#[test]
fn every_report_shows_what_is_known() {
    let shop = Shop::new();
    shop.spoil(&[WARNING]);
    shop.recorded("before.json", &[]);
    let kinds = ["html", "junit", "markdown"];
    let reports = kinds.map(|kind| format!("{kind}={}", shop.file(kind).display()));
    let baseline = shop.file("before.json");
    let output = shop.run(&[
        "--baseline",
        baseline.to_str().unwrap(),
        "--report",
        &format!("{},github", reports.join(",")),
    ]);
    assert_eq!(output.code, 0, "{}\n{}", output.text, output.errors);
    let read = |kind: &str| std::fs::read_to_string(shop.file(kind)).unwrap();
    let notice = "::notice title=sabot%3A recovery.alert.prometheus::known from the baseline: ";
    assert!(output.text.contains(notice) && !output.text.contains("::error"), "{}", output.text);
    let junit = read("junit");
    assert!(
        junit.contains("message=\"known from the baseline: ") && junit.contains("failures=\"0\""),
        "{junit}"
    );
    assert!(junit.contains("name=\"recovery.alert.prometheus: known from the baseline\""), "{junit}");
    assert!(read("markdown").contains("## Known from the baseline\n\n- `recovery.alert.prometheus`: "));
    assert!(read("html").contains("Nothing new: 1 of 1 check failed as in the baseline on the shop."));
}

#[test]
fn a_record_that_cannot_be_held_against_a_run_is_bad_usage() {
    let shop = Shop::new();
    shop.recorded("before.json", &[]);
    let good = std::fs::read_to_string(shop.file("before.json")).unwrap();
    for (text, told) in [
        ("{}".to_owned(), "it is no record of Sabot"),
        ("[".to_owned(), "it can't be read as a record"),
        (good.replace("\"version\": 1", "\"version\": 2"), "it is of version 2, and this Sabot reads 1"),
        (
            good.replace("\"target\": \"the shop\"", "\"target\": \"another\""),
            "it is of another, and this run judges the shop",
        ),
    ] {
        std::fs::write(shop.file("wrong.json"), text).unwrap();
        let wrong = shop.file("wrong.json");
        let output = shop.run(&["--baseline", wrong.to_str().unwrap()]);
        assert_eq!(output.code, 3, "{told}: {}", output.text);
        assert!(output.errors.contains(told) && output.errors.contains("wrong.json"), "{}", output.errors);
        assert_eq!(output.text, "", "nothing was begun");
    }
    let output = shop.run(&["--baseline", "/nowhere/record.json"]);
    assert_eq!(output.code, 3);
    assert!(output.errors.contains("--baseline /nowhere/record.json: "), "{}", output.errors);
}
