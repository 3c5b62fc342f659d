//! Reports as the program writes them, of a run that needs nothing but files.

use super::program::{Output, sabot, sabot_with};
use boon::{Compiler, Schemas};
use serde_json::Value;
use std::path::Path;

/// Why `record` does not keep to the schema that the program prints.
fn against_the_schema(record: &Value) -> Option<String> {
    let printed = sabot(&["schema", "record"]);
    assert_eq!(printed.code, 0, "{}", printed.errors);
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("record.json", serde_json::from_str(&printed.text).unwrap()).unwrap();
    let mut schemas = Schemas::new();
    let index = compiler.compile("record.json", &mut schemas).unwrap();
    schemas.validate(record, index).err().map(|error| format!("{error:#}"))
}

/// Runs without PostgreSQL, so that `readiness.cache` is skipped.
fn without_postgresql(args: &[&str], summary: &str) -> Output {
    let empty = tempfile::tempdir().unwrap();
    let folder = empty.path().to_str().unwrap();
    sabot_with(args, &[("SABOT_POSTGRES_BIN", folder), ("PATH", ""), ("GITHUB_STEP_SUMMARY", summary)])
}

#[test]
fn a_run_writes_every_report_and_its_record_keeps_to_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["json", "junit", "markdown", "prometheus", "summary"];
    let places = names.map(|name| folder.path().join(name).display().to_string());
    let files: Vec<_> =
        names.iter().zip(&places).take(4).map(|(kind, place)| format!("{kind}={place}")).collect();
    let reports = format!("{},github", files.join(","));
    let chosen = ["run", "recovery.alert.prometheus", "readiness.cache", "--report", &reports];
    let output = without_postgresql(&chosen, &places[4]);
    assert_eq!(output.code, 2, "{}\n{}", output.text, output.errors);
    assert!(
        output.text.contains("\n::warning title=sabot%3A readiness.cache::was skipped: "),
        "{}",
        output.text
    );
    let read = |place: &str| std::fs::read_to_string(Path::new(place)).unwrap();
    let record: Value = serde_json::from_str(&read(&places[0])).unwrap();
    assert_eq!(against_the_schema(&record), None);
    let mut wrong = record;
    wrong["results"][0]["verdict"] = "green".into();
    assert!(against_the_schema(&wrong).is_some(), "it does look");
    assert!(read(&places[1]).contains("<testcase name=\"recovery.alert.prometheus\""));
    assert_eq!(read(&places[2]), read(&places[4]), "the summary of the step is the Markdown report");
    let metrics = read(&places[3]);
    assert!(metrics.contains("sabot_last_pass_timestamp_seconds{track=\"readiness\"} 0\n"), "{metrics}");
    assert!(!metrics.contains("sabot_last_pass_timestamp_seconds{track=\"recovery\"} 0\n"), "{metrics}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 5, "nothing else is left there");
}

#[test]
fn with_json_on_standard_output_the_annotations_go_to_the_other() {
    let output =
        without_postgresql(&["run", "readiness.cache", "--format", "json", "--report", "github"], "");
    assert_eq!(against_the_schema(&serde_json::from_str(&output.text).unwrap()), None);
    assert!(output.errors.contains("::warning title=sabot%3A readiness.cache::"), "{}", output.errors);
}
