//! The mistakes that a condition is written with, each put into the lane's copy.

use super::{EXTENSIONS, ID};
use crate::sabotage::edit::{Which, edited};
use sabot_engine::Sabotage;
use sabot_target::recovery::Alerts;
use sabot_target::{Lane, Target};
use serde_json::{Value, json};

/// A mistake: its name, what it stands for, and what it does to a condition.
type Mistake = (&'static str, &'static str, Box<dyn Fn(&mut Value) + Send + Sync>);

pub(in super::super::super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let alerts = &target.recovery.alerts;
    if alerts.newrelic.is_empty() {
        return Vec::new();
    }
    let which = Which::in_folders(&alerts.newrelic, EXTENSIONS);
    let mistakes = [terms(alerts), signal(alerts), query(alerts)].into_iter().flatten();
    let sabotages = mistakes.map(|(name, mistake, change)| {
        let metric = alerts.metric.clone();
        edited(&[ID], name, mistake, &which, move |text| rewritten(text, &metric, &change))
    });
    sabotages.collect()
}

/// The condition with the mistake in it; what is no condition on the metric stays as it is.
fn rewritten(text: &str, metric: &str, change: &(dyn Fn(&mut Value) + Send + Sync)) -> String {
    let Ok(was) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    let mut is = was.clone();
    let ours = is["nrql"]["query"].as_str().is_some_and(|query| query.contains(metric));
    if ours {
        change(&mut is);
    }
    if is == was { text.to_owned() } else { format!("{is:#}\n") }
}

fn terms(alerts: &Alerts) -> Vec<Mistake> {
    let (warning, critical) = (alerts.warning.after.as_secs(), alerts.critical.after.as_secs());
    let in_minutes = move |term: &mut Value| {
        if term["threshold"] == warning {
            term["threshold"] = json!(warning / 60);
        }
    };
    let swapped = move |term: &mut Value| {
        let other = if term["threshold"] == warning { critical } else { warning };
        term["threshold"] = json!(other);
    };
    let longer = alerts.longest_for.as_secs() * 12;
    let without = |threshold: u64| -> Box<dyn Fn(&mut Value) + Send + Sync> {
        Box::new(move |condition| {
            if let Some(terms) = condition["terms"].as_array_mut() {
                terms.retain(|term| term["threshold"] != threshold);
            }
        })
    };
    vec![
        (
            "in-minutes",
            "the hours of the warning were taken for minutes: it cries all day",
            each_term(in_minutes),
        ),
        ("swapped", "the thresholds of warning and page were swapped", each_term(swapped)),
        (
            "operator-turned",
            "the comparison is turned: it fires while all is well, and is silent once backups stop",
            each_term(|term| term["operator"] = json!("BELOW")),
        ),
        (
            "lasts-too-long",
            "the duration was raised against flapping, and comes on top of the threshold",
            each_term(move |term| term["thresholdDuration"] = json!(longer)),
        ),
        (
            "refused-by-the-provider",
            "the duration is no multiple of the window: the provider refuses the condition, and there is none",
            each_term(|term| term["thresholdDuration"] = json!(90)),
        ),
        ("warning-removed", "the warning was removed with a clean-up of noisy conditions", without(warning)),
        ("critical-removed", "the page was removed for a quiet weekend, and stayed away", without(critical)),
    ]
}

fn signal(alerts: &Alerts) -> Vec<Mistake> {
    let wide = alerts.aggregation_window.as_secs() * 6;
    vec![
        (
            "disabled",
            "the condition was disabled for a migration, and stayed so",
            setting("/enabled", json!(false)),
        ),
        (
            "window-widened",
            "the window was widened to smooth the graph: a stale backup shows hours later",
            setting("/signal/aggregationWindow", json!(wide)),
        ),
        (
            "gaps-filled-with-zero",
            "gaps are filled with zero, which is the age of a backup that has just ended",
            filled("STATIC", Some(0)),
        ),
        (
            "gaps-filled-with-the-last",
            "gaps are filled with the last value: the age no longer grows",
            filled("LAST_VALUE", None),
        ),
        (
            "lost-signal-unnoticed",
            "no violation is opened when the signal is lost: when the worker goes, its alerts go with it",
            setting("/expiration/openViolationOnExpiration", json!(false)),
        ),
        (
            "expiration-refused",
            "the signal is to be lost after three days, which the provider refuses",
            setting("/expiration/expirationDuration", json!(259_200)),
        ),
        (
            "learns-what-is-usual",
            "the condition learns from the past: an outage that lasts becomes usual",
            setting("/type", json!("BASELINE")),
        ),
    ]
}

fn query(alerts: &Alerts) -> Vec<Mistake> {
    let Alerts { metric, job_label, .. } = alerts;
    let (facet, filter) = (format!(" FACET {job_label}"), format!(" WHERE {metric} > 0 FACET"));
    vec![
        (
            "jobs-together",
            "the newest backup of all jobs counts: one that is well hides all that are not",
            in_query(move |query| query.replace(&facet, "")),
        ),
        (
            "zero-filtered",
            "a zero is filtered out as a worker that has just started: a job that never had a backup is never told of",
            in_query(move |query| query.replace(" FACET", &filter)),
        ),
        (
            "milliseconds",
            "the present is in milliseconds and the backup in seconds: it always fires",
            in_query(|query| query.replace(" / 1000", "")),
        ),
    ]
}

fn each_term(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Box<dyn Fn(&mut Value) + Send + Sync> {
    Box::new(move |condition| {
        condition["terms"].as_array_mut().into_iter().flatten().for_each(&change);
    })
}

/// Sets what is at `pointer`; where there is nothing, nothing is set.
fn setting(pointer: &'static str, value: Value) -> Box<dyn Fn(&mut Value) + Send + Sync> {
    Box::new(move |condition| {
        if let Some(held) = condition.pointer_mut(pointer) {
            *held = value.clone();
        }
    })
}

fn filled(option: &'static str, value: Option<u64>) -> Box<dyn Fn(&mut Value) + Send + Sync> {
    Box::new(move |condition| {
        condition["signal"]["fillOption"] = json!(option);
        condition["signal"]["fillValue"] = json!(value);
    })
}

fn in_query(
    change: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Box<dyn Fn(&mut Value) + Send + Sync> {
    Box::new(move |condition| {
        let query = condition["nrql"]["query"].as_str().unwrap_or_default();
        condition["nrql"]["query"] = json!(change(query));
    })
}
