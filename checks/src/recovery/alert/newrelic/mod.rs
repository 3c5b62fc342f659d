//! `recovery.alert.newrelic`: conditions on the staleness of backups are there, can fire, and fire when they must.
//!
//! Two forms are read. In the *age* form the signal is the age of the newest backup. In the *duration* form it is a count
//! of successes that stays at zero for as long as the threshold; the provider's documents do not let a condition last
//! that long, so that with its thresholds right it is still not verified.

mod condition;
mod query;
mod sabotages;
mod signal;
mod term;
#[cfg(test)]
mod tests;

pub(in super::super) use sabotages::sabotages;

use super::{alerts, plain, read, unless_all_was_told};
use condition::Condition;
use query::Form;
use sabot_engine::{CannotTell, Check, Cx, Finding, Judgement, Level, Need, Sharing};
use sabot_target::Lane;
use sabot_target::recovery::{Alerts, Severity};
use std::time::Duration;

const ID: &str = "recovery.alert.newrelic";

/// The ends of files of conditions.
const EXTENSIONS: &[&str] = &["json"];

pub(in super::super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "backups stop, and nobody is told: the condition is disabled, asks for a duration that the provider \
                       does not keep, or takes silence for health",
        asserts: "there is an enabled condition on the newest backup with a term of each severity; in the age form each \
                  term, evaluated on signals, is silent while backups succeed and just below its threshold and met just \
                  above, for each job by itself and for a metric that is zero; a lost signal opens a violation, gaps are \
                  not filled with health, the window is as promised and every value one that the provider takes",
        remedy: "ship the age form: `max(timestamp) / 1000 - max(metric) FACET job`, ABOVE the promised seconds, with \
                 openViolationOnExpiration",
        needs: &[Need::Files],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(10),
        no_cause: None,
        judge: |cx| Box::pin(async { judge(cx) }),
    }
}

fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let alerts = alerts(cx.lane());
    if alerts.newrelic.is_empty() {
        return Err(CannotTell::new("the target's description names no New Relic conditions"));
    }
    let files = read(cx.lane(), &alerts.newrelic, EXTENSIONS)?;
    let found = condition::find(&files)?;
    cx.examined(files.len());
    cx.fact("conditions", found.len());
    let (findings, untold) = judge_conditions(&found, alerts);
    findings.into_iter().for_each(|finding| cx.find(finding));
    unless_all_was_told(&untold)
}

/// The findings about `found`, and what could not be told of them.
fn judge_conditions(found: &[Condition], alerts: &Alerts) -> (Vec<Finding>, Vec<String>) {
    let (mut findings, mut untold) = (Vec::new(), Vec::new());
    let ours: Vec<_> = found.iter().filter(|one| query::is_about(&one.nrql.query, alerts)).collect();
    let mut ages = Vec::new();
    for condition in &ours {
        let form = judge_condition(condition, alerts, &mut findings, &mut untold);
        if form == Some(Form::Age) {
            ages.push(*condition);
        }
    }
    for severity in Severity::ALL {
        let terms = ours.iter().flat_map(|condition| &condition.terms);
        if !terms.clone().any(|term| term::severity(term, alerts) == Some(severity)) {
            let staleness = alerts.staleness(severity);
            let priority = staleness.severity.to_uppercase();
            let expected = format!("one on `{}` that fires after {}", alerts.metric, plain(staleness.after));
            let finding = Finding::new(format!("terms of priority {priority}"), expected, "none");
            findings.push(finding.remedy(format!("add a term of priority {priority}")));
        }
    }
    if !ages.is_empty() && !ages.iter().any(|condition| signal::tells_of_its_end(condition)) {
        let places: Vec<_> = ages.iter().map(|condition| condition.place()).collect();
        let finding = Finding::new(
            places.join(", "),
            "a violation when the metric is absent",
            "silent: no signal, no age",
        );
        findings.push(finding.remedy("set expiration.expirationDuration and openViolationOnExpiration"));
    }
    (findings, untold)
}

fn judge_condition(
    condition: &Condition,
    alerts: &Alerts,
    findings: &mut Vec<Finding>,
    untold: &mut Vec<String>,
) -> Option<Form> {
    let place = condition.place();
    if !condition.enabled {
        let finding = Finding::new(&place, "enabled", "disabled");
        findings.push(finding.remedy("enable it"));
    }
    if let Some(kind) = condition.kind.as_ref().filter(|kind| !kind.eq_ignore_ascii_case("STATIC")) {
        let finding = Finding::new(
            &place,
            "type STATIC",
            format!("{kind}: it learns what is usual, an outage included"),
        );
        findings.push(finding.remedy("compare with a fixed threshold"));
    }
    findings.extend(signal::judge(condition, alerts));
    let read = query::read(&condition.nrql.query, alerts);
    untold.extend(read.untold.into_iter().map(|what| format!("{place}: {what}")));
    for (expected, observed, remedy) in read.wrong {
        findings
            .push(Finding::new(&place, expected, observed).evidence(&condition.nrql.query).remedy(remedy));
    }
    let form = read.form?;
    for severity in Severity::ALL {
        let of_it = condition.terms.iter().filter(|term| term::severity(term, alerts) == Some(severity));
        if of_it.clone().count() > 1 {
            let finding =
                Finding::new(&place, "at most one term of each priority", "two: the provider refuses it");
            findings.push(finding.remedy("make two conditions of it"));
        }
        findings.extend(of_it.flat_map(|term| term::judge(condition, term, severity, form, alerts)));
    }
    match form {
        Form::Age => findings.extend(signal::gaps(condition, alerts)),
        Form::Successes => untold.push(format!(
            "{place}: in the duration form it can't be verified: the provider documents a thresholdDuration of at most {} s \
             (by another page 7200 s), so it refuses the condition or the condition can't fire; a count without data is no \
             value, not zero. The age form can be verified",
            term::LONGEST_DURATION
        )),
    }
    Some(form)
}
