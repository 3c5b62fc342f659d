//! `recovery.alert.prometheus`: rules on the staleness of backups are there, and fire when they must and no earlier.
//!
//! A rule with the right number in it can still never fire. So each is evaluated on synthetic series of the metric,
//! by `promtool` where it is installed and by an evaluator of our own; where the two differ, nothing is told.

mod class;
mod own;
mod promtool;
mod reach;
mod rules;
mod sabotages;
mod scenario;
#[cfg(test)]
mod tests;

pub(in super::super) use sabotages::sabotages;

use super::{alerts, plain, read, unless_all_was_told};
use class::Class;
use rules::Alert;
use sabot_engine::{CannotTell, Check, Cx, Finding, Judgement, Level, Need, Sharing};
use sabot_target::Lane;
use sabot_target::recovery::{Alerts, Severity};
use std::path::Path;
use std::time::Duration;

const ID: &str = "recovery.alert.prometheus";

pub(in super::super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "backups stop, and nobody is told: the rule compares minutes with hours, waits for a metric that is \
                       gone, or can never be true; or it cries over one missed hour until nobody listens",
        asserts: "in every rule file there is an alert of each severity on the age of the newest backup; evaluated on \
                  synthetic series, each severity is silent while backups succeed and just below its threshold, and fires \
                  once threshold, its own `for` and one evaluation have passed: for each job by itself, for a metric that \
                  is zero, and for one that is absent; no `for` is longer than promised, no alert can never fire",
        remedy: "alert on `time() - max by (job) (metric) > seconds or absent(metric)`, once for each severity",
        needs: &[Need::Files],
        walks: Some("every rule of the rule files"),
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(100),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// The ends of rule files.
const EXTENSIONS: &[&str] = &["yml", "yaml"];

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let alerts = alerts(cx.lane());
    if alerts.prometheus.is_empty() {
        return Err(CannotTell::new("the target's description names no Prometheus rules"));
    }
    let (found, rules) = rules::find(&read(cx.lane(), &alerts.prometheus, EXTENSIONS)?, alerts)?;
    let tool = promtool::find();
    cx.examined(rules);
    cx.fact("rules", format!("{rules}, {} of them on the staleness of backups", found.len()));
    let by = if tool.is_some() {
        "promtool, and Sabot's own evaluation"
    } else {
        "Sabot's own evaluation; no promtool here"
    };
    cx.fact("evaluated by", by);
    let told = judge_alerts(&found, alerts, tool.as_deref()).await;
    told.findings.into_iter().for_each(|finding| cx.find(finding));
    if !told.aside.is_empty() {
        cx.fact("alerts of other severities, left aside", told.aside.join(", "));
    }
    unless_all_was_told(&told.untold)
}

/// What came of a set of alerts.
#[derive(Debug, Default)]
struct Told {
    findings: Vec<Finding>,
    /// What could not be told.
    untold: Vec<String>,
    /// Alerts that are neither of the severities described.
    aside: Vec<String>,
}

async fn judge_alerts(found: &[Alert], alerts: &Alerts, tool: Option<&Path>) -> Told {
    let mut told = Told::default();
    for alert in found.iter().filter(|alert| alert.severity(alerts).is_none()) {
        match alert.says.as_deref() {
            Some(template) if template.contains("{{") => {
                told.untold.push(format!("{}: its severity is made by a template", alert.place()));
            }
            _ => told.aside.push(alert.place()),
        }
    }
    for alert in found.iter().filter(|alert| alert.hold > alerts.longest_for) {
        told.findings.push(
            Finding::new(
                alert.place(),
                format!("`for` of at most {}", plain(alerts.longest_for)),
                format!("`for: {}`", plain(alert.hold)),
            )
            .remedy("shorten `for`: it comes on top of the threshold"),
        );
    }
    let classes = Severity::ALL.map(|severity| Class::new(severity, found, alerts));
    let mut theirs = Vec::new();
    if let Some(tool) = tool.filter(|_| found.iter().any(|alert| alert.path.is_some())) {
        match promtool::ask(tool, &classes).await {
            Ok(answers) => theirs = answers,
            Err(reason) => told.untold.push(reason.to_string()),
        }
    }
    for (number, class) in classes.iter().enumerate() {
        let one = class.judge(theirs.get(number));
        told.findings.extend(one.findings);
        told.untold.extend(one.untold);
    }
    told.untold.sort();
    told.untold.dedup();
    told
}
