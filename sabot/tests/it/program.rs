//! The program as a user meets it: exit codes and messages.

use super::running::{Running, folders_of};
use std::path::Path;

/// What a run of the program came to.
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) text: String,
    pub(crate) errors: String,
}

/// Runs the program to its end.
pub(crate) fn sabot(args: &[&str]) -> Output {
    sabot_with(args, &[])
}

/// The same with some environment variables set.
pub(crate) fn sabot_with(args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut running = Running::start_program(Path::new(env!("CARGO_BIN_EXE_sabot")), args, env);
    let (status, text) = running.end();
    Output { code: status.code().unwrap_or(-1), text, errors: running.errors() }
}

#[test]
fn an_unknown_check_is_answered_with_the_nearest_and_exit_code_4() {
    for args in [["run", "readiness.envelop"], ["explain", "readiness.envelop"]] {
        let output = sabot(&args);
        assert_eq!(output.code, 4);
        assert!(output.errors.contains("did you mean `readiness.envelope`?"), "{}", output.errors);
    }
}

#[test]
fn a_wrong_flag_is_bad_usage() {
    let output = sabot(&["run", "--lane", "2"]);
    assert_eq!(output.code, 3);
    assert!(output.errors.contains("--lanes"), "{}", output.errors);
    let output = sabot(&["run", "--with", "wire"]);
    assert_eq!(output.code, 3);
    assert!(output.errors.contains("unknown need `wire`"), "{}", output.errors);
    assert_eq!(sabot(&["run", "--lanes", "0"]).code, 3);
}

#[test]
fn a_soak_of_no_length_is_refused_before_anything_starts() {
    let output = sabot_with(&["run", "readiness.matrix"], &[("SABOT_SOAK_SECONDS", "soon")]);
    assert_eq!(output.code, 3);
    assert!(output.errors.contains("SABOT_SOAK_SECONDS is \"soon\": give"), "{}", output.errors);
}

#[test]
fn a_report_that_cannot_be_written_stops_the_run_before_it_begins() {
    let output = sabot(&["run", "--report", "json=/proc/nowhere/record.json"]);
    assert_eq!(output.code, 3);
    assert!(output.errors.contains("/proc/nowhere"), "{}", output.errors);
    let output = sabot(&["run", "--report", "junk=record"]);
    assert_eq!(output.code, 3);
    assert!(output.errors.contains("no report is called `junk`"), "{}", output.errors);
}

#[test]
fn explaining_a_check_names_its_sabotages() {
    let output = sabot(&["explain", "readiness.cache"]);
    assert_eq!(output.code, 0);
    assert!(
        output.text.contains("readiness.cache/") && output.text.contains("without it"),
        "{}",
        output.text
    );
}

#[test]
fn the_list_for_programs_is_json() {
    let output = sabot(&["list", "--format", "json", "readiness"]);
    let list: serde_json::Value = serde_json::from_str(&output.text).unwrap();
    assert!(list.as_array().unwrap().iter().all(|check| !check["sabotages"].as_array().unwrap().is_empty()));
}

#[test]
fn completions_are_printed_for_a_shell() {
    assert!(sabot(&["completions", "bash"]).text.contains("complete -F _sabot"));
}

#[test]
fn without_postgresql_the_checks_are_skipped_with_the_remedy() {
    let empty = tempfile::tempdir().unwrap();
    let env = [("SABOT_POSTGRES_BIN", empty.path().to_str().unwrap()), ("PATH", "")];
    let output = sabot_with(&["run", "readiness"], &env);
    assert_eq!(output.code, 2, "{}", output.text);
    assert!(output.text.contains("postgresql"), "{}", output.text);
    assert!(output.text.contains("0 passed, 0 failed"), "{}", output.text);
    let allowed = sabot_with(&["run", "readiness", "--allow-skips", "services"], &env);
    assert_eq!(allowed.code, 0, "{}", allowed.text);
    assert!(allowed.text.contains("of them allowed"), "{}", allowed.text);
}

#[test]
fn with_files_alone_nothing_is_started_and_no_postgresql_is_needed() {
    let empty = tempfile::tempdir().unwrap();
    let folder = empty.path().to_str().unwrap();
    // No program is to be found at all, and no cache can be made.
    let env = [("SABOT_POSTGRES_BIN", folder), ("PATH", ""), ("SABOT_CACHE_DIR", "/proc/none")];
    let mut running =
        Running::start_program(Path::new(env!("CARGO_BIN_EXE_sabot")), &["run", "--with", "files"], &env);
    let owner = running.id();
    let (status, text) = running.end();
    assert_eq!(status.code(), Some(0), "{text}");
    assert!(text.contains("recovery.alert.prometheus") && text.contains("0 unverified, 0 skipped"), "{text}");
    assert_eq!(folders_of(owner), Vec::<std::path::PathBuf>::new(), "the lanes' copies are gone");
}

#[test]
fn a_sabotage_of_a_file_never_touches_the_real_one() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus/recovery.rules.yml");
    let before = std::fs::read(&rules).unwrap();
    let sabotage = "recovery.alert.prometheus/operator-turned";
    let output = sabot(&["prove", "recovery.alert.prometheus", "--sabotage", sabotage]);
    assert_eq!(output.code, 0, "{}", output.text);
    assert_eq!(std::fs::read(&rules).unwrap(), before);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let cache = Path::new(file.path()).join("cache");
    let output = sabot_with(&["run", "readiness.matrix"], &[("SABOT_CACHE_DIR", cache.to_str().unwrap())]);
    assert_eq!(output.code, 2, "{}", output.text);
    assert!(output.text.contains(cache.to_str().unwrap()), "{}", output.text);
}
