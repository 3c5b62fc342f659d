//! A target that is not ours: a service in Python, with field names and words of its own, that `sabot.toml` describes.

use super::program::{Output, sabot};
use sabot_engine::{Outcome, Record, Verdict};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A copy of the service, whose description is changed by `change`; its folder goes with it.
struct Orders(tempfile::TempDir);

impl Orders {
    fn new() -> Self {
        Self::changed(|text| text)
    }

    fn changed(change: impl FnOnce(String) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/foreign");
        for file in ["server.py", "migrate.py", "postgres.py"] {
            std::fs::copy(own.join(file), folder.path().join(file)).unwrap();
        }
        let text = std::fs::read_to_string(own.join("sabot.toml")).unwrap();
        std::fs::write(folder.path().join("sabot.toml"), change(text)).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program with `args` on it; its record, where it wrote one.
    fn judged(&self, args: &[&str]) -> (Output, Option<Record>) {
        let (config, record) = (self.file("sabot.toml"), self.file("record.json"));
        let report = format!("json={}", record.display());
        let output = sabot(&[args, &["--config", config.to_str().unwrap(), "--report", &report]].concat());
        let record = std::fs::read_to_string(record).ok().map(|text| serde_json::from_str(&text).unwrap());
        (output, record)
    }
}

fn replaced(old: &'static str, new: &'static str) -> impl FnOnce(String) -> String {
    move |text| {
        assert!(text.contains(old), "{old}");
        text.replacen(old, new, 1)
    }
}

#[test]
fn a_foreign_service_that_keeps_its_promises_is_green() {
    let (output, record) = Orders::new().judged(&["run", "readiness", "delivery.replay"]);
    let record = record.unwrap();
    assert_eq!(output.code, 0, "{}\n{}", output.text, output.errors);
    assert!(output.errors.contains("target: orders, as "), "{}", output.errors);
    assert_eq!(record.target, "orders");
    let (skipped, judged): (Vec<_>, Vec<_>) =
        record.results.iter().partition(|result| result.verdict == Verdict::Skipped);
    assert_eq!(judged.len(), 7, "every check of readiness applies");
    assert!(judged.iter().all(|result| result.verdict == Verdict::Pass));
    let reasons: Vec<_> = skipped.iter().map(|result| result.reason.as_deref()).collect();
    assert_eq!(reasons, [Some("sabot.toml has no [delivery]")], "and is no failure by itself");
}

#[test]
fn a_foreign_service_that_lies_is_red() {
    let lying = replaced("\"server.py\"]", "\"server.py\", \"--swallow-errors\"]");
    let checks = ["run", "readiness.criticality", "readiness.liveness", "readiness.matrix"];
    let (output, record) = Orders::changed(lying).judged(&checks);
    assert_eq!(output.code, 1, "{}\n{}", output.text, output.errors);
    let verdict = |id: &str| {
        let results = &record.as_ref().unwrap().results;
        results.iter().find(|result| result.id == id).unwrap().verdict
    };
    assert_eq!(verdict("readiness.criticality"), Verdict::Fail);
    assert_eq!(verdict("readiness.liveness"), Verdict::Fail, "readiness never notices");
    assert_eq!(verdict("readiness.matrix"), Verdict::Pass, "the rows themselves are there");
}

/// The description of the service when it answers in a form that others share.
fn in_form(form: &str) -> impl FnOnce(String) -> String {
    move |text| {
        let (before, rest) = text.split_once("[readiness.shape]").unwrap();
        let (_, after) = rest.split_once("[[readiness.matrix]]").unwrap();
        let text = format!("{before}[[readiness.matrix]]{after}");
        let text = text.replacen("[readiness]\n", &format!("[readiness]\nform = \"{form}\"\n"), 1);
        text.replacen("BUILD = ", &format!("FORM = \"{form}\"\nBUILD = "), 1)
    }
}

#[test]
fn every_form_of_answer_is_judged() {
    let args = ["run", "readiness.criticality", "readiness.matrix", "readiness.envelope"];
    for form in ["actuator", "health-json", "microprofile", "status"] {
        let (output, record) = Orders::changed(in_form(form)).judged(&args);
        assert_eq!(output.code, 0, "{form}: {}\n{}", output.text, output.errors);
        let results = record.unwrap().results;
        let skipped = results.iter().filter(|result| result.verdict == Verdict::Skipped).count();
        assert_eq!(
            skipped,
            if form == "status" { 2 } else { 0 },
            "{form}: without rows nothing tells of them"
        );
    }
}

#[test]
fn a_harmless_dependency_that_a_form_does_not_show_is_proved_to_be_harmless() {
    let harmless = ["prove", "readiness.criticality", "--sabotage", "*/orders-payments-critical"];
    let (output, record) = Orders::changed(in_form("actuator")).judged(&harmless);
    assert_eq!(output.code, 0, "{}\n{}", output.text, output.errors);
    assert_eq!(record.unwrap().unproven, Vec::<String>::new());
}

#[test]
fn a_form_brings_the_names_of_its_fields() {
    let twice = replaced("path = \"/ready\"", "path = \"/ready\"\nform = \"actuator\"");
    let (output, _) = Orders::changed(twice).judged(&["run", "readiness"]);
    assert_eq!(output.code, 3, "{}", output.errors);
    assert!(
        output.errors.contains("readiness.shape: the form brings the names of its fields"),
        "{}",
        output.errors
    );
}

#[test]
fn a_criticality_other_than_declared_is_red() {
    let harmless = replaced("CRITICAL = \"db=true", "CRITICAL = \"db=false");
    let (output, record) = Orders::changed(harmless).judged(&["run", "readiness.criticality"]);
    assert_eq!(output.code, 1, "{}\n{}", output.text, output.errors);
    let findings = &record.unwrap().results[0].findings;
    assert!(findings.iter().all(|finding| finding.subject.starts_with("orders: db")), "{findings:?}");
    assert!(!findings.is_empty());
}

#[test]
fn a_check_is_proved_on_a_foreign_service() {
    let (output, record) = Orders::new().judged(&["prove", "readiness.criticality"]);
    assert_eq!(output.code, 0, "{}\n{}", output.text, output.errors);
    let record = record.unwrap();
    assert_eq!(record.unproven, Vec::<String>::new());
    let proved = record.proofs.iter().filter(|proof| proof.outcome == Outcome::Proved).count();
    assert_eq!(proved, record.proofs.len() - 1, "all but doing nothing");
    let has = |id: &str| record.proofs.iter().any(|proof| proof.sabotage.ends_with(id));
    for id in ["/orders-db-harmless", "/orders-payments-critical", "/migration-missing", "/probe-too-heavy"] {
        assert!(has(id), "{id}: {}", output.text);
    }
}

#[test]
fn a_service_that_does_not_start_is_told_with_its_last_words() {
    let broken = replaced("CACHE = \"db=500ms,payments=500ms\"", "CACHE = \"db=soon\"");
    let (output, _) = Orders::changed(broken).judged(&["run", "readiness.matrix"]);
    assert_eq!(output.code, 2, "{}\n{}", output.text, output.errors);
    assert!(output.text.contains("ValueError: soon"), "{}", output.text);
}

#[test]
fn a_migration_that_fails_is_told_with_its_last_words() {
    let orders = Orders::new();
    std::fs::write(orders.file("migrate.py"), "raise SystemExit('no such migration')").unwrap();
    let (output, _) = orders.judged(&["run", "readiness.matrix"]);
    assert_eq!(output.code, 2, "{}\n{}", output.text, output.errors);
    assert!(output.text.contains("no such migration"), "{}", output.text);
}

#[test]
fn a_command_gets_what_is_described_and_nothing_else() {
    let orders = Orders::new();
    let spy = "import os; open('environment', 'w').write('\\n'.join(sorted(os.environ)))\n";
    let server = std::fs::read_to_string(orders.file("server.py")).unwrap();
    std::fs::write(
        orders.file("server.py"),
        server.replacen("import datetime\n", &format!("import datetime\n{spy}"), 1),
    )
    .unwrap();
    let (output, _) = orders.judged(&["run", "readiness.matrix"]);
    assert_eq!(output.code, 0, "{}\n{}", output.text, output.errors);
    let names = std::fs::read_to_string(orders.file("environment")).unwrap();
    let names: BTreeSet<_> = names.lines().map(str::to_owned).collect();
    for described in ["BUILD", "CACHE", "CRITICAL", "DATABASE_URL", "HOME", "PATH", "PAYMENTS_URL", "PORT"] {
        assert!(names.contains(described), "{described}: {names:?}");
    }
    // A launcher of the interpreter may set variables of its own, which are no inheritance.
    for ours in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "USER", "LD_LIBRARY_PATH"] {
        assert!(!names.contains(ours), "{ours} is inherited");
    }
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "there is something to inherit");
}

#[test]
fn a_wrong_description_stops_every_command_before_anything_starts() {
    let orders = Orders::changed(replaced("{wire:db}", "{wire:dbb}"));
    let config = orders.file("sabot.toml");
    let config = config.to_str().unwrap();
    for command in [&["run"][..], &["prove"], &["list"], &["explain", "readiness.cache"], &["doctor"]] {
        let output = sabot(&[command, &["--config", config]].concat());
        assert_eq!(output.code, 3, "{command:?}: {}", output.text);
        assert_eq!(output.text, "", "{command:?}");
        let told = "sabot.toml:16:16: services.orders.env.DATABASE_URL: no wire of this service is called `dbb`; did you \
                    mean `db`?";
        assert!(output.errors.contains(told), "{}", output.errors);
    }
    let missing = sabot(&["run", "--config", "/nowhere/sabot.toml"]);
    assert_eq!(missing.code, 3);
    assert!(missing.errors.contains("/nowhere/sabot.toml can't be read"), "{}", missing.errors);
}

#[test]
fn lists_and_the_doctor_speak_of_the_described_target() {
    let orders = Orders::new();
    let config = orders.file("sabot.toml");
    let of = |command: &[&str]| sabot(&[command, &["--config", config.to_str().unwrap()]].concat());
    let list = of(&["list", "readiness.criticality", "delivery.replay"]);
    assert_eq!(list.code, 0, "{}", list.errors);
    assert!(list.text.contains("skipped: sabot.toml has no [delivery]"), "{}", list.text);
    let explained = of(&["explain", "readiness.criticality"]);
    assert!(explained.text.contains("readiness.criticality/orders-db-harmless"), "{}", explained.text);
    let doctor = of(&["doctor"]);
    assert!(
        doctor.text.contains("ok       python3") && doctor.text.contains("skipped  recovery"),
        "{}",
        doctor.text
    );
}
