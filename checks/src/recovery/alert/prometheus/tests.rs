//! Rule files, good and bad, and what is said of each: by our own evaluation, and by `promtool` too where it is there.

use super::super::File;
use super::{Told, judge_alerts, promtool, rules};
use sabot_target::recovery::{Alerts, Staleness};
use std::path::Path;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// Another target than the embedded one, so that its names are taken from here.
fn alerts() -> Alerts {
    Alerts {
        prometheus: vec!["rules".into()],
        newrelic: Vec::new(),
        metric: "dumped".into(),
        job_label: "task".into(),
        jobs: vec!["orders".into(), "users".into()],
        labels: vec![("site".into(), "here".into())],
        severity_label: "level".into(),
        warning: Staleness { severity: "look".into(), after: HOUR * 36 },
        critical: Staleness { severity: "page".into(), after: HOUR * 60 },
        longest_for: HOUR,
        evaluation_interval: Duration::from_secs(60),
        aggregation_window: HOUR,
    }
}

/// One alert.
fn rule(expr: &str, level: &str, hold: &str) -> String {
    format!("- alert: Stale\n  expr: {expr:?}\n  for: {hold}\n  labels: {{level: {level}}}\n")
}

/// A group with these rules.
fn group(rules: &[String]) -> String {
    let rules = rules.concat().replace('\n', "\n      ");
    format!("groups:\n  - name: one\n    rules:\n      {rules}\n")
}

/// Both alerts, of an expression in which `LIMIT` is the threshold.
fn both(expr: &str, hold: &str) -> String {
    let of = |limit: &str, level: &str| rule(&expr.replace("LIMIT", limit), level, hold);
    group(&[of("129600", "look"), of("216000", "page")])
}

async fn judged(text: &str, tool: Option<&Path>) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.yml");
    std::fs::write(&path, text).unwrap();
    let file = File { name: "rules.yml".into(), path, text: text.to_owned() };
    let alerts = alerts();
    let (found, _) = rules::find(&[file], &alerts).unwrap();
    judge_alerts(&found, &alerts, tool).await
}

fn subjects(told: &Told) -> String {
    let findings = told.findings.iter().map(|finding| format!("{}: {}", finding.subject, finding.observed));
    findings.collect::<Vec<_>>().join("\n")
}

const GOOD: &str = "time() - max by (task) (dumped) > LIMIT or absent(dumped)";

#[tokio::test]
async fn rules_that_do_what_they_must_are_left_alone() {
    let apart = group(&[
        rule("time() - dumped > 129600 and dumped > 0", "look", "0s"),
        rule("time() - dumped > 216000 and dumped > 0", "page", "1h"),
        rule("dumped == 0", "look", "10m"),
        rule("dumped == 0 or absent(dumped)", "page", "0"),
        rule("absent(dumped)", "look", "5m"),
    ]);
    let object = GOOD.replace("LIMIT", "129600");
    let object = format!(
        "kind: PrometheusRule\nspec:\n  {}",
        group(&[rule(&object, "look", "5m"), rule(&GOOD.replace("LIMIT", "216000"), "page", "5m")])
            .replace('\n', "\n  ")
    );
    for text in [
        both(GOOD, "30m"),
        both(GOOD, "1h"),
        both(
            "absent(dumped) or (time() - max without (pod) (dumped{site=\"here\"})) / 3600 > LIMIT / 3600",
            "0s",
        ),
        both("dumped <= time() - LIMIT or absent(dumped)", "59s"),
        both("LIMIT < time() - dumped{task=~\"orders|users|another-job\"} or absent(dumped)", "7m"),
        both("max by (task) (time() - dumped) > LIMIT or on() absent(dumped)", "20m"),
        both(GOOD, "30m").replace("- name: one", "- name: one\n    interval: 7m"),
        apart,
        object,
    ] {
        for tool in [None, promtool::find()] {
            let told = judged(&text, tool.as_deref()).await;
            assert!(told.findings.is_empty() && told.untold.is_empty(), "{text}\nby {tool:?}: {told:#?}");
        }
    }
}

#[tokio::test]
async fn each_mistake_is_found_by_what_it_does() {
    let stale = "page alerts, when one job's newest backup is older than 60h";
    for (text, found) in [
        (
            both(&GOOD.replace("LIMIT", "2160"), "30m"),
            "look alerts, when backups succeed every night: firing",
        ),
        (
            both(&GOOD.replace("LIMIT", "129590"), "0s"),
            "look alerts, when the newest backup is a second younger than 36h: firing",
        ),
        (both(&GOOD.replace("LIMIT", "216000000"), "0s"), stale),
        (both(&GOOD.replace('>', "<"), "30m"), "page alerts, when backups succeed every night: firing"),
        (both(&GOOD.replace('>', "=="), "30m"), stale),
        (both(GOOD, "2h"), "rules.yml, line 5: Stale: `for: 2h`"),
        (
            both("time() - max by (task) (dumped) > LIMIT", "5m"),
            "the metric is absent: nobody tells of backups: silent",
        ),
        (
            both(&GOOD.replace("(dumped) >", "(dumped > 0) >"), "5m"),
            "the metric is zero: no backup has ever succeeded: silent",
        ),
        (both(&GOOD.replace("by (task) ", ""), "5m"), "one evaluation, and another job is well: silent"),
        (both(&GOOD.replace("max by (task) (dumped)", "dumped{task=\"gone\"}"), "5m"), stale),
        (both(&GOOD.replace("max by (task) (dumped)", "dumped{site=\"there\"}"), "5m"), stale),
        (
            both(&GOOD.replace("> LIMIT", "> LIMIT < 230000"), "5m"),
            "another job is well, and a day more: silent",
        ),
        (
            both(&GOOD.replace("> LIMIT", "> bool LIMIT"), "5m"),
            "page alerts, when backups succeed every night: firing",
        ),
        (group(&[rule(&GOOD.replace("LIMIT", "129600"), "look", "5m")]), "alerts of severity page: none"),
        (both("vector(1) > LIMIT", "5m"), "alerts of severity look: none"),
        (both(GOOD, "5m").replace("level: look", "level: info"), "alerts of severity look: none"),
        (
            both(GOOD, "5m")
                .replace("level: look", "level: swap")
                .replace("level: page", "level: look")
                .replace("level: swap", "level: page"),
            "page alerts, when the newest backup is a second younger than 60h: firing",
        ),
        (
            format!(
                "{}\n      - alert: Mute\n        expr: time() - dumped < 0 > 129600\n        labels: {{level: look}}\n",
                both(GOOD, "5m").trim_end()
            ),
            "Mute: it never fires",
        ),
    ] {
        for tool in [None, promtool::find()] {
            let told = judged(&text, tool.as_deref()).await;
            assert!(subjects(&told).contains(found), "{text}\nby {tool:?}: {told:#?}");
            assert!(told.untold.is_empty(), "{text}\nby {tool:?}: {told:#?}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_judged_is_said_and_is_no_finding() {
    let recorded = format!(
        "groups:\n  - name: one\n    rules:\n      - record: age\n        expr: time() - dumped\n      {}",
        (rule("age > 129600 or absent(dumped)", "look", "5m")
            + &rule("age > 216000 or absent(dumped)", "page", "5m"))
            .replace('\n', "\n      ")
    );
    let elsewhere = recorded.replacen("      - alert", "  - name: two\n    rules:\n      - alert", 1);
    for (text, untold, by_promtool) in [
        (
            both(&GOOD.replace("max by (task) (dumped)", "max_over_time(dumped[10m])"), "5m"),
            "the function `max_over_time`",
            true,
        ),
        (both(&GOOD.replace("dumped", "dumped offset 1m"), "5m"), "`offset`", true),
        (
            both(GOOD, "5m").replace("for: 5m", "for: 5m\n        keep_firing_for: 5m"),
            "`keep_firing_for`",
            true,
        ),
        (recorded, "it asks for `age`, which another rule records", true),
        (elsewhere, "which no rule before it in its group records", false),
        (both(&GOOD.replace("(dumped)", "(dumped{cluster=\"x\"})"), "5m"), "no label `cluster`", false),
        (both(&GOOD.replace("or absent", "and on() up == 1 or absent"), "5m"), "it asks for `up` too", false),
        (both(&GOOD.replace("LIMIT", "{{ .Values.hours }}"), "5m"), "its expression can't be parsed", false),
        (
            both(GOOD, "5m").replace("level: page", "level: '{{ $x }}'"),
            "its severity is made by a template",
            false,
        ),
    ] {
        let told = judged(&text, None).await;
        assert!(told.untold.iter().any(|reason| reason.contains(untold)), "{text}: {told:#?}");
        let Some(tool) = promtool::find() else { continue };
        let told = judged(&text, Some(&tool)).await;
        assert_eq!(told.untold.is_empty(), by_promtool, "{text}: {told:#?}");
        assert!(!by_promtool || told.findings.is_empty(), "{text}: {told:#?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_its_line() {
    let find = |text: &str| {
        let file = File { name: "rules.yml".into(), path: "rules.yml".into(), text: text.to_owned() };
        rules::find(&[file], &alerts()).map(drop).unwrap_err().to_string()
    };
    let error = find("groups:\n  - name: one\n    rules:\n      - alert: x\n     expr: y\n");
    assert!(error.contains("rules.yml") && error.contains("line 4") && !error.contains('\n'), "{error}");
    assert!(find("rules: []\n").contains("holds no `groups`"));
    let error = find(&both(GOOD, "soon"));
    assert!(error.contains("rules.yml, line 5: Stale: `for: soon`"), "{error}");
}

#[tokio::test]
async fn a_promtool_that_fails_or_differs_leaves_nothing_verified() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("promtool");
    for (script, reason) in [
        ("echo broken >&2; exit 7", "promtool ended with exit status: 7: broken"),
        ("echo '    expr: \"…mark!=\\\"q0x0x0q\\\"…\", time: 37h'; exit 1", "one of them is wrong"),
    ] {
        std::fs::write(&tool, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
        let told = judged(&both(GOOD, "5m"), Some(&tool)).await;
        assert!(told.findings.is_empty(), "{told:#?}");
        assert!(told.untold.iter().any(|untold| untold.contains(reason)), "{told:#?}");
    }
}
