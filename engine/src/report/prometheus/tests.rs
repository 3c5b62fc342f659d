//! Tests of the Prometheus text, and what `promtool` says of it.

use super::prometheus;
use crate::report::samples::{full, hostile, proved};
use crate::{Gauge, Record, Result, Verdict};
use std::io::Write as _;
use std::process::{Command, Stdio};
use time::Duration;

/// Where the project's own script finds it; else it is said aloud that the test is left out.
fn promtool() -> Option<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/setup-promtool.sh");
    let output = Command::new(script).arg("--path").output().unwrap();
    let path = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    if path.is_empty() {
        // Not by a macro: the test harness would keep it to itself.
        writeln!(std::io::stderr(), "LEFT OUT: there is no promtool here (`make setup` gets it)").unwrap();
        return None;
    }
    Some(path)
}

fn line<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(start)).map(str::trim)
}

fn record(verdicts: &[(&str, Verdict)]) -> Record {
    let mut record = Record::begin("run", "test");
    let result = |&(id, verdict): &(&str, Verdict)| Result { verdict, ..Result::blank(id) };
    record.results = verdicts.iter().map(result).collect();
    record.finish();
    record
}

const PASS_OF_A: &str = "sabot_last_pass_timestamp_seconds{track=\"a\"}";
const PASS_OF_B: &str = "sabot_last_pass_timestamp_seconds{track=\"b\"}";
const END_OF_A: &str = "sabot_last_finished_timestamp_seconds{track=\"a\"}";
const END_OF_B: &str = "sabot_last_finished_timestamp_seconds{track=\"b\"}";

#[test]
fn promtool_has_nothing_to_say_against_it() {
    let Some(promtool) = promtool() else { return };
    let check = |text: &str| {
        let mut command = Command::new("timeout");
        command.args(["60", &promtool, "check", "metrics"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success() && said.trim().is_empty(), said)
    };
    for record in [full(), proved(), hostile()] {
        let text = prometheus(&record, None);
        let (good, said) = check(&text);
        assert!(good, "{said}\n{text}");
    }
    assert!(!check("sabot_twice 1\nsabot_twice 1\n").0, "it does look");
}

#[test]
fn one_verdict_of_four_is_held() {
    let text = prometheus(&record(&[("a.one", Verdict::Unverified)]), None);
    for (verdict, held) in [("pass", "0"), ("fail", "0"), ("unverified", "1"), ("skipped", "0")] {
        let start = format!("sabot_check_verdict{{check=\"a.one\",track=\"a\",verdict=\"{verdict}\"}}");
        assert_eq!(line(&text, &start), Some(held), "{text}");
    }
    assert_eq!(line(&text, "sabot_exit_code"), Some("2"));
    assert_eq!(line(&text, "sabot_not_verified "), Some("1"));
    assert!(text.contains("# not verified: a.one: no reason given\n"), "{text}");
}

#[test]
fn a_track_passes_when_every_chosen_check_of_it_did() {
    let record = record(&[("a.one", Verdict::Pass), ("a.two", Verdict::Fail), ("b.one", Verdict::Pass)]);
    let text = prometheus(&record, None);
    let now = record.finished_at.unix_timestamp().to_string();
    assert_eq!(line(&text, PASS_OF_A), Some("0"), "never");
    assert_eq!(line(&text, PASS_OF_B), Some(now.as_str()));
    assert_eq!(line(&text, END_OF_A), Some(now.as_str()));
}

#[test]
fn a_skip_that_was_allowed_is_no_obstacle_and_no_pass() {
    let passed = |verdicts: &[(&str, Verdict)], allowed| {
        let mut record = record(verdicts);
        record.results[0].skip_allowed = allowed;
        line(&prometheus(&record, None), PASS_OF_A) != Some("0")
    };
    assert!(passed(&[("a.one", Verdict::Skipped), ("a.two", Verdict::Pass)], true));
    assert!(!passed(&[("a.one", Verdict::Skipped), ("a.two", Verdict::Pass)], false));
    assert!(!passed(&[("a.one", Verdict::Skipped)], true));
}

#[test]
fn a_run_that_failed_keeps_the_earlier_pass() {
    let mut early = record(&[("a.one", Verdict::Pass), ("b.one", Verdict::Pass)]);
    early.finished_at -= Duration::hours(5);
    let passed = early.finished_at.unix_timestamp().to_string();
    let late = record(&[("a.one", Verdict::Fail)]);
    let ended = late.finished_at.unix_timestamp().to_string();
    let text = prometheus(&late, Some(&prometheus(&early, None)));
    assert_eq!(
        (line(&text, PASS_OF_A), line(&text, END_OF_A)),
        (Some(passed.as_str()), Some(ended.as_str()))
    );
    assert_eq!(
        (line(&text, PASS_OF_B), line(&text, END_OF_B)),
        (Some(passed.as_str()), Some(passed.as_str()))
    );
    let again = prometheus(&record(&[("a.one", Verdict::Unverified)]), Some(&text));
    assert_eq!(line(&again, PASS_OF_A), Some(passed.as_str()), "and the one after it");
}

#[test]
fn an_interrupted_run_has_not_finished() {
    let mut record = record(&[("a.one", Verdict::Unverified)]);
    record.interrupted = Some(15);
    let before = format!("{END_OF_A} 1000\n{PASS_OF_A} 900\n");
    let text = prometheus(&record, Some(&before));
    assert_eq!((line(&text, END_OF_A), line(&text, PASS_OF_A)), (Some("1000"), Some("900")));
}

#[test]
fn a_damaged_file_before_counts_for_what_can_be_read_of_it() {
    let failed = record(&[("a.one", Verdict::Fail)]);
    let later = failed.finished_at.unix_timestamp() + 1000;
    for damaged in [
        format!("{PASS_OF_A} {later}"),
        format!("{PASS_OF_A} NaN"),
        format!("{PASS_OF_A} -5"),
        format!("{PASS_OF_A} soon"),
        PASS_OF_A.to_owned(),
        "sabot_last_pass_timestamp_seconds{track=\"a\",x=\"\"} 5".into(),
        "\0\u{fffd}<html>".into(),
    ] {
        let text = prometheus(&failed, Some(&format!("{damaged}\n{PASS_OF_B} 700\n")));
        assert_eq!((line(&text, PASS_OF_A), line(&text, PASS_OF_B)), (Some("0"), Some("700")), "{damaged}");
    }
    let smuggled = prometheus(&failed, Some("sabot_last_pass_timestamp_seconds{track=\"x\\\"} 1\n"));
    assert!(!smuggled.contains("track=\"x"), "{smuggled}");
}

#[test]
fn gauges_come_with_their_limits_and_a_repeated_one_once() {
    let mut record = record(&[("a.rto", Verdict::Pass)]);
    let gauge = |value| Gauge { name: "the \"time\" of a\\b".into(), unit: "s".into(), value, limit: 300.0 };
    record.results[0].figures = vec![crate::Figure::Gauge(gauge(9.0)), crate::Figure::Gauge(gauge(12.5))];
    let text = prometheus(&record, None);
    let labels = r#"{check="a.rto",track="a",what="the \"time\" of a\\b",unit="s"}"#;
    assert_eq!(line(&text, &format!("sabot_measured{labels}")), Some("12.5"));
    assert_eq!(line(&text, &format!("sabot_measured_limit{labels}")), Some("300"));
    assert_eq!(text.matches("sabot_measured{").count(), 1);
}

#[test]
fn series_are_summaries_with_the_limit_of_their_percentile() {
    let text = prometheus(&full(), None);
    let labels = r#"check="readiness.latency",track="readiness",what="cold",unit="ms""#;
    assert_eq!(line(&text, &format!("sabot_series{{{labels},quantile=\"0.95\"}}")), Some("190"));
    assert_eq!(line(&text, &format!("sabot_series_count{{{labels}}}")), Some("200"));
    assert_eq!(line(&text, &format!("sabot_series_limit{{{labels}}}")), Some("500"));
}

#[test]
fn proofs_are_counted_by_outcome() {
    let text = prometheus(&proved(), None);
    for (outcome, number) in [("proved", "1"), ("survived", "1"), ("void", "1"), ("nothing_survived", "1")] {
        assert_eq!(line(&text, &format!("sabot_proofs{{outcome=\"{outcome}\"}}")), Some(number), "{text}");
    }
    assert_eq!(line(&text, "sabot_unproven_checks"), Some("1"));
    assert!(!prometheus(&full(), None).contains("sabot_proofs"));
}
