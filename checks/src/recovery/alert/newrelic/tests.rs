//! Conditions, good and bad, and what is said of each.

use super::super::File;
use super::{condition, judge_conditions};
use sabot_engine::Finding;
use sabot_target::recovery::{Alerts, Staleness};
use serde_json::{Value, json};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// Another target than the embedded one, so that its names are taken from here.
fn alerts() -> Alerts {
    Alerts {
        prometheus: Vec::new(),
        newrelic: vec!["conditions".into()],
        metric: "dumped".into(),
        job_label: "task".into(),
        jobs: vec!["orders".into()],
        labels: vec![("site".into(), "here".into())],
        severity_label: "level".into(),
        warning: Staleness { severity: "Warning".into(), after: HOUR * 36 },
        critical: Staleness { severity: "Critical".into(), after: HOUR * 60 },
        longest_for: HOUR,
        evaluation_interval: Duration::from_secs(60),
        aggregation_window: HOUR,
    }
}

fn age() -> Value {
    json!({
        "name": "Stale", "enabled": true, "type": "STATIC",
        "nrql": {"query": "FROM Metric SELECT max(timestamp)/1000 - max(dumped) FACET task"},
        "signal": {"aggregationWindow": 3600, "aggregationMethod": "EVENT_FLOW", "aggregationDelay": 120},
        "terms": [
            {"priority": "WARNING", "operator": "ABOVE", "threshold": 129_600, "thresholdDuration": 3600, "thresholdOccurrences": "ALL"},
            {"priority": "CRITICAL", "operator": "ABOVE", "threshold": 216_000, "thresholdDuration": 3600, "thresholdOccurrences": "ALL"}
        ],
        "expiration": {"expirationDuration": 7200, "openViolationOnExpiration": true}
    })
}

fn duration() -> Value {
    json!({
        "name": "None lately",
        "nrql": {"query": "SELECT count(dumped) FROM Metric"},
        "signal": {"aggregationWindow": 3600, "fillOption": "STATIC", "fillValue": 0},
        "terms": [
            {"priority": "WARNING", "operator": "BELOW_OR_EQUALS", "threshold": 0, "thresholdDuration": 129_600},
            {"priority": "CRITICAL", "operator": "BELOW", "threshold": 1, "thresholdDuration": 216_000, "thresholdOccurrences": "ALL"}
        ]
    })
}

/// `condition` with these values at these pointers.
fn with(mut condition: Value, changes: &[(&str, Value)]) -> Value {
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = condition.pointer_mut(parent).unwrap();
        match name.parse::<usize>() {
            Ok(place) => parent[place] = value.clone(),
            Err(_) => parent[name] = value.clone(),
        }
    }
    condition
}

fn judged(value: &Value) -> (Vec<Finding>, Vec<String>) {
    let file = File { name: "stale.json".into(), path: "stale.json".into(), text: value.to_string() };
    judge_conditions(&condition::find(&[file]).unwrap(), &alerts())
}

#[test]
fn the_age_form_is_verified_alone_in_a_list_or_within_what_it_is_sent_in() {
    let equals = [
        ("/terms/0/operator", json!("ABOVE_OR_EQUALS")),
        ("/terms/1/thresholdOccurrences", json!("AT_LEAST_ONCE")),
    ];
    let pinned = [(
        "/nrql/query",
        json!(
            "SELECT latest(timestamp) / 1000 - latest(`dumped`) FROM Metric WHERE task = 'orders' AND site = 'here'"
        ),
    )];
    let mut warning = age();
    let critical = json!([warning["terms"].as_array_mut().unwrap().pop().unwrap()]);
    let critical = with(age(), &[("/terms", critical), ("/expiration", json!({}))]);
    for value in [
        age(),
        json!([age()]),
        json!({"data": {"condition": age()}, "other": {"nrql": {"query": "SELECT count(*) FROM Log"}, "terms": []}}),
        with(age(), &equals),
        with(age(), &pinned),
        json!([warning, critical]),
    ] {
        let (findings, untold) = judged(&value);
        assert!(findings.is_empty() && untold.is_empty(), "{value:#}: {findings:#?} {untold:?}");
    }
}

/// A changed condition, and what is said of it.
type Row = (Vec<(&'static str, Value)>, &'static str);

fn each_is_found(rows: Vec<Row>) {
    for (changes, found) in rows {
        let (findings, untold) = judged(&with(age(), &changes));
        let told =
            |finding: &Finding| format!("{}: {}: {}", finding.subject, finding.expected, finding.observed);
        assert!(findings.iter().any(|finding| told(finding).contains(found)), "{changes:?}: {findings:#?}");
        assert!(untold.is_empty(), "{changes:?}: {untold:?}");
    }
}

#[test]
fn each_mistake_in_the_signal_is_found() {
    each_is_found(vec![
        (vec![("/enabled", json!(false))], "disabled"),
        (vec![("/type", json!("BASELINE"))], "it learns what is usual"),
        (vec![("/signal/aggregationWindow", json!(7200))], "signal.aggregationWindow 3600: 7200"),
        (vec![("/signal", json!({}))], "signal.aggregationWindow 3600: 60"),
        (vec![("/signal/aggregationWindow", json!(43_200))], "30 to 21600 s: 43200: the provider refuses it"),
        (vec![("/signal/aggregationDelay", json!(1201))], "0 to 1200 s: 1201: the provider refuses it"),
        (vec![("/signal/slideBy", json!(1000))], "a divisor of it: 1000: the provider refuses it"),
        (vec![("/violationTimeLimitSeconds", json!(60))], "300 to 2592000 s: 60: the provider refuses it"),
        (
            vec![("/expiration/expirationDuration", json!(216_000))],
            "30 to 172800 s: 216000: the provider refuses it",
        ),
        (vec![("/expiration/openViolationOnExpiration", json!(false))], "no signal, no age"),
        (vec![("/expiration", json!({}))], "no signal, no age"),
        (vec![("/signal/fillOption", json!("LAST_VALUE"))], "the last age, which then no longer grows"),
        (vec![("/signal/fillOption", json!("STATIC"))], "filled with 0, a young backup"),
        (vec![("/name", json!("x".repeat(129)))], "at most 128 characters: 129"),
    ]);
}

#[test]
fn each_mistake_in_the_terms_is_found() {
    let both = |field: &str, value: Value| -> Vec<(&'static str, Value)> {
        let pointers = match field {
            "operator" => ["/terms/0/operator", "/terms/1/operator"],
            _ => ["/terms/0/thresholdDuration", "/terms/1/thresholdDuration"],
        };
        pointers.map(|pointer| (pointer, value.clone())).to_vec()
    };
    each_is_found(vec![
        (
            vec![("/terms/0/threshold", json!(2160))],
            "WARNING, when backups succeed every night: silent: firing",
        ),
        (
            vec![("/terms/1/threshold", json!(215_990))],
            "CRITICAL, when the newest backup is a second younger than 60h: silent: firing",
        ),
        (
            vec![("/terms/1/threshold", json!(216_060))],
            "CRITICAL, when the newest backup is a second older than 60h: firing: silent",
        ),
        (
            both("operator", json!("BELOW")),
            "WARNING, when the metric is zero: no backup has ever succeeded: firing: silent",
        ),
        (
            both("operator", json!("EQUALS")),
            "WARNING, when the newest backup is a second older than 36h: firing: silent",
        ),
        (both("operator", json!("BEYOND")), "the provider knows no such operator"),
        (both("duration", json!(90)), "90 s: the provider refuses it"),
        (both("duration", json!(7200)), "at most 3600 s: 7200 s, on top of the threshold"),
        (both("duration", Value::Null), "a thresholdDuration: none"),
        (vec![("/terms/1/priority", json!("WARNING"))], "two: the provider refuses it"),
        (vec![("/terms/1/priority", json!("WARNING"))], "terms of priority CRITICAL"),
    ]);
}

#[test]
fn each_mistake_in_the_query_is_found() {
    let query = |query: &str| vec![("/nrql/query", json!(query))];
    each_is_found(vec![
        (query("SELECT max(timestamp)/1000 - max(dumped) FROM Metric"), "one signal for all jobs"),
        (query("SELECT max(timestamp)/1000 - max(dumped) FROM Metric FACET host"), "FACET host"),
        (
            query("SELECT max(timestamp) - max(dumped) FROM Metric FACET task"),
            "`timestamp` is in milliseconds",
        ),
        (query("SELECT latest(dumped) FROM Metric FACET task"), "it is above every threshold"),
        (
            query("SELECT max(timestamp)/1000 - max(dumped) FROM Metric WHERE dumped > 0 FACET task"),
            "`WHERE dumped > 0`",
        ),
        (
            query("SELECT max(timestamp)/1000 - max(dumped) FROM Metric WHERE task = 'gone'"),
            "which it never does",
        ),
        (
            query("SELECT max(timestamp)/1000 - max(dumped) FROM Metric WHERE site = 'there' FACET task"),
            "which it never does",
        ),
        (
            query("SELECT max(timestamp)/1000 - max(other) FROM Metric FACET task"),
            "terms of priority WARNING",
        ),
    ]);
}

#[test]
fn what_no_reader_understands_is_not_judged() {
    for (query, reason) in [
        (
            "SELECT max(timestamp)/1000 - max(dumped) FROM Metric WHERE host LIKE 'db%' FACET task",
            "whether anything passes",
        ),
        ("SELECT rate(max(dumped), 1 hour) FROM Metric FACET task", "none of the forms that are read"),
        ("FROM Metric dumped", "no SELECT"),
    ] {
        let (findings, untold) = judged(&with(age(), &[("/nrql/query", json!(query))]));
        assert!(untold.iter().any(|untold| untold.contains(reason)), "{query}: {findings:?} {untold:?}");
    }
}

#[test]
fn the_duration_form_is_never_verified_and_its_mistakes_are_found() {
    let (findings, untold) = judged(&duration());
    assert!(findings.is_empty(), "{findings:#?}");
    assert!(
        untold.iter().any(|untold| untold.contains("it refuses the condition or the condition can't fire")),
        "{untold:?}"
    );
    for (pointer, value, found) in [
        ("/terms/0/thresholdDuration", json!(2160), "thresholdDuration 129600: 2160"),
        ("/terms/1/thresholdDuration", Value::Null, "thresholdDuration 216000: none"),
        ("/terms/1/threshold", json!(0), "CRITICAL, when a window without any: firing: silent"),
        ("/terms/0/operator", json!("ABOVE"), "WARNING, when a window with a success: silent: firing"),
        ("/terms/1/thresholdOccurrences", json!("AT_LEAST_ONCE"), "every hour without a backup fires"),
        ("/enabled", json!(false), "disabled"),
        ("/signal/aggregationWindow", json!(60), "signal.aggregationWindow 3600: 60"),
        ("/terms", json!([]), "terms of priority WARNING"),
    ] {
        let (findings, _) = judged(&with(duration(), &[(pointer, value)]));
        let told =
            |finding: &Finding| format!("{}: {}: {}", finding.subject, finding.expected, finding.observed);
        assert!(findings.iter().any(|finding| told(finding).contains(found)), "{pointer}: {findings:#?}");
    }
}

#[test]
fn a_file_that_is_no_json_is_named() {
    let file = File { name: "stale.json".into(), path: "stale.json".into(), text: "{\n  \"nrql\":\n".into() };
    let error = condition::find(&[file]).unwrap_err().to_string();
    assert!(error.contains("stale.json") && error.contains("line 3"), "{error}");
}
