//! The mistakes that a staleness rule is written with, each put into the lane's copy.

use super::{EXTENSIONS, ID};
use crate::sabotage::edit::{Which, added, edited};
use regex::{Captures, Regex};
use sabot_engine::Sabotage;
use sabot_target::recovery::Alerts;
use sabot_target::{Lane, Target};

/// A change, as the sabotage that makes it.
type Make<'a> = dyn Fn(&str, &str, Box<dyn Fn(&str) -> String + Send + Sync>) -> Sabotage<Lane> + 'a;

pub(in super::super::super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let alerts = &target.recovery.alerts;
    if alerts.prometheus.is_empty() {
        return Vec::new();
    }
    let which = Which::in_folders(&alerts.prometheus, EXTENSIONS);
    let metric = alerts.metric.clone();
    let make = move |name: &str, mistake: &str, change: Box<dyn Fn(&str) -> String + Send + Sync>| {
        // Rules of other things are none of its business.
        let metric = metric.clone();
        let only_ours = move |text: &str| if text.contains(&metric) { change(text) } else { text.to_owned() };
        edited(&[ID], name, mistake, &which, only_ours)
    };
    let mut sabotages = thresholds(alerts, &make);
    sabotages.extend(timing(alerts, &make));
    sabotages.extend(blind(alerts, &make));
    sabotages.extend(missing(alerts, &make));
    let which = Which::in_folders(&alerts.prometheus, EXTENSIONS);
    let mistake =
        "another team adds a file with a rule of its own on the same metric, and pages at every late night";
    sabotages.push(added(&[ID], "another-file", mistake, &which, ("sabot-added.rules.yml", hasty(alerts))));
    sabotages
}

fn seconds(alerts: &Alerts) -> (String, String) {
    (alerts.warning.after.as_secs().to_string(), alerts.critical.after.as_secs().to_string())
}

fn thresholds(alerts: &Alerts, make: &Make<'_>) -> Vec<Sabotage<Lane>> {
    let (warning, critical) = seconds(alerts);
    let in_minutes = |seconds: &str, hours: u64| replacing(seconds.to_owned(), (hours * 60).to_string());
    let both = (warning.clone(), critical.clone());
    let swapped = move |text: &str| {
        let aside = text.replace(&both.0, "@");
        aside.replace(&both.1, &both.0).replace('@', &both.1)
    };
    vec![
        make(
            "warning-in-minutes",
            "the hours of the warning were taken for minutes: it cries all day, until nobody listens",
            in_minutes(&warning, alerts.warning.after.as_secs() / 3600),
        ),
        make(
            "critical-in-minutes",
            "the hours of the page were taken for minutes: it wakes somebody every night",
            in_minutes(&critical, alerts.critical.after.as_secs() / 3600),
        ),
        make(
            "warning-in-milliseconds",
            "the threshold is in milliseconds and the metric in seconds: it fires after years",
            replacing(warning.clone(), format!("{warning}000")),
        ),
        make("swapped", "the thresholds of warning and page were swapped", Box::new(swapped)),
        make(
            "operator-turned",
            "the comparison is turned: it fires while all is well, and is silent once backups stop",
            rewriting(r"> (\d)", |found| format!("< {}", &found[1])),
        ),
    ]
}

fn timing(alerts: &Alerts, make: &Make<'_>) -> Vec<Sabotage<Lane>> {
    let (_, critical) = seconds(alerts);
    // Beyond the time that it holds, within the day.
    let end = alerts.critical.after + alerts.longest_for * 4;
    let bounded = replacing(format!("> {critical}"), format!("> {critical} < {}", end.as_secs()));
    let long = format!("for: {}h", alerts.longest_for.as_secs() / 3600 * 2);
    vec![
        make(
            "for-too-long",
            "`for` was doubled against flapping, and comes on top of the threshold",
            rewriting(r"for: \S+", move |_| long.clone()),
        ),
        make("stops-crying", "an upper bound keeps an old alert from nagging: it ends unheeded", bounded),
    ]
}

/// What keeps a rule with the right number from firing.
fn blind(alerts: &Alerts, make: &Make<'_>) -> Vec<Sabotage<Lane>> {
    let Alerts { metric, job_label, .. } = alerts;
    // The metric within the age, and not that within `absent`.
    let aged = format!(r"(time\(\)[^\n]*)\({metric}\)");
    let aged_as = |inside: String| rewriting(&aged, move |found| format!("{}({inside})", &found[1]));
    vec![
        make(
            "absent-unnoticed",
            "the part for an absent metric was taken out as noise: when the worker goes, its alerts go with it",
            rewriting(r"\s*or\s+absent\([^)]*\)", |_| String::new()),
        ),
        make(
            "zero-filtered",
            "a zero is filtered out as a worker that has just started: a job that never had a backup is never told of",
            aged_as(format!("{metric} > 0")),
        ),
        make(
            "never-true",
            "the job was renamed and the rule's matcher was not: the number is right, and it can never fire",
            aged_as(format!("{metric}{{{job_label}=\"renamed\"}}")),
        ),
        make(
            "jobs-together",
            "the newest backup of all jobs counts: one that is well hides all that are not",
            rewriting(r"max\s+(without|by)\s*\([^)]*\)", |_| "max".to_owned()),
        ),
    ]
}

fn missing(alerts: &Alerts, make: &Make<'_>) -> Vec<Sabotage<Lane>> {
    let (warning, critical) = seconds(alerts);
    // What stands before the first rule stays, and every rule without the number.
    let without = |number: String| -> Box<dyn Fn(&str) -> String + Send + Sync> {
        Box::new(move |text| {
            let rules =
                text.split_inclusive('\n').fold(vec![String::new()], |mut rules: Vec<String>, line| {
                    if line.trim_start().starts_with("- alert:") {
                        rules.push(String::new());
                    }
                    if let Some(last) = rules.last_mut() {
                        last.push_str(line);
                    }
                    rules
                });
            rules.into_iter().filter(|rule| !rule.contains(&number)).collect()
        })
    };
    vec![
        make("warning-removed", "the warning was removed with a clean-up of noisy rules", without(warning)),
        make(
            "critical-removed",
            "the page was removed for a quiet weekend, and stayed away",
            without(critical),
        ),
    ]
}

fn replacing(what: String, by: String) -> Box<dyn Fn(&str) -> String + Send + Sync> {
    Box::new(move |text| text.replace(&what, &by))
}

/// Replaces every match; a pattern that is none changes nothing, so that the sabotage does not land.
fn rewriting(
    pattern: &str,
    by: impl Fn(&Captures<'_>) -> String + Send + Sync + 'static,
) -> Box<dyn Fn(&str) -> String + Send + Sync> {
    let pattern = Regex::new(pattern).ok();
    Box::new(move |text| match &pattern {
        Some(pattern) => pattern.replace_all(text, |found: &Captures<'_>| by(found)).into_owned(),
        None => text.to_owned(),
    })
}

/// A rule file whose alert fires at half of the threshold.
fn hasty(alerts: &Alerts) -> String {
    let Alerts { metric, severity_label, critical, .. } = alerts;
    let half = critical.after.as_secs() / 2;
    format!(
        "groups:\n  - name: added\n    rules:\n      - alert: BackupLate\n        expr: time() - {metric} > {half}\n        \
         labels:\n          {severity_label}: {}\n",
        critical.severity
    )
}
