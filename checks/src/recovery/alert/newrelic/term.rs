//! One threshold of a condition, evaluated on signals of which it is known what must follow.

use super::super::plain;
use super::condition::{Condition, Term};
use super::query::Form;
use sabot_engine::Finding;
use sabot_target::recovery::{Alerts, Severity};
use std::time::Duration;

/// The longest `thresholdDuration` by the provider's more generous page; by another it is two hours.
pub(super) const LONGEST_DURATION: u64 = 86_400;
/// The shortest of a static condition.
const SHORTEST_DURATION: u64 = 60;

/// The severity that `term` is for.
pub(super) fn severity(term: &Term, alerts: &Alerts) -> Option<Severity> {
    let is = |severity: &Severity| alerts.staleness(*severity).severity.eq_ignore_ascii_case(&term.priority);
    Severity::ALL.into_iter().find(is)
}

/// What is wrong with `term` of `condition`.
pub(super) fn judge(
    condition: &Condition,
    term: &Term,
    severity: Severity,
    form: Form,
    alerts: &Alerts,
) -> Vec<Finding> {
    let subject = format!("{}, {}", condition.place(), term.priority);
    let after = alerts.staleness(severity).after;
    let mut findings = match form {
        Form::Age => of_age(term, &subject, after),
        Form::Successes => of_successes(term, &subject, after),
    };
    findings.extend(duration(condition, term, &subject, form, alerts));
    findings
}

/// Whether the signal's `value` is beyond the threshold; `None` for an operator that the provider does not know.
fn met(term: &Term, value: f64) -> Option<bool> {
    Some(match term.operator.to_uppercase().as_str() {
        "ABOVE" => value > term.threshold,
        "ABOVE_OR_EQUALS" => value >= term.threshold,
        "BELOW" => value < term.threshold,
        "BELOW_OR_EQUALS" => value <= term.threshold,
        "EQUAL" | "EQUALS" => value == term.threshold,
        "NOT_EQUALS" => value != term.threshold,
        _ => return None,
    })
}

/// The signal is an age in seconds.
fn of_age(term: &Term, subject: &str, after: Duration) -> Vec<Finding> {
    let told = plain(after);
    let after = after.as_secs_f64();
    let night = 24.0 * 3600.0;
    let since_1970 = 1.7e9;
    let signals = [
        ("backups succeed every night".to_owned(), night, false),
        (format!("the newest backup is a second younger than {told}"), after - 1.0, false),
        (format!("the newest backup is a second older than {told}"), after + 1.0, true),
        ("the metric is zero: no backup has ever succeeded".to_owned(), since_1970, true),
    ];
    expected_of(term, subject, &signals, "let it be ABOVE the promised age, in seconds")
}

/// The signal is a count of successes in each window.
fn of_successes(term: &Term, subject: &str, after: Duration) -> Vec<Finding> {
    let signals =
        [("a window with a success".to_owned(), 1.0, false), ("a window without any".to_owned(), 0.0, true)];
    let mut findings = expected_of(term, subject, &signals, "let it be BELOW_OR_EQUALS 0");
    if term.threshold_duration != Some(after.as_secs()) {
        let observed =
            term.threshold_duration.map_or_else(|| "none".to_owned(), |seconds| seconds.to_string());
        findings.push(
            Finding::new(subject, format!("thresholdDuration {}", after.as_secs()), observed)
                .remedy("let it last for the promised age, in seconds"),
        );
    }
    if !holds_for_all(term) {
        findings.push(
            Finding::new(
                subject,
                "thresholdOccurrences ALL",
                "AT_LEAST_ONCE: every hour without a backup fires",
            )
            .remedy("let it hold for the whole duration"),
        );
    }
    findings
}

fn expected_of(
    term: &Term,
    subject: &str,
    signals: &[(String, f64, bool)],
    remedy: &'static str,
) -> Vec<Finding> {
    let compared = format!("{} {}", term.operator, term.threshold);
    let said = |fires: bool| if fires { "firing" } else { "silent" };
    let wrong = signals.iter().filter_map(|(when, value, fires)| {
        let observed = match met(term, *value) {
            Some(met) if met == *fires => return None,
            Some(met) => said(met),
            None => "refused: the provider knows no such operator",
        };
        Some(
            Finding::new(format!("{subject}, when {when}"), said(*fires), observed)
                .evidence(compared.clone())
                .remedy(remedy),
        )
    });
    wrong.collect()
}

fn holds_for_all(term: &Term) -> bool {
    term.threshold_occurrences.as_deref().is_none_or(|occurrences| occurrences.eq_ignore_ascii_case("ALL"))
}

/// Whether the duration is one that the provider takes, and not too long.
fn duration(
    condition: &Condition,
    term: &Term,
    subject: &str,
    form: Form,
    alerts: &Alerts,
) -> Option<Finding> {
    // In the other form it *is* the threshold, and beyond what the provider takes anyway.
    if form == Form::Successes {
        return None;
    }
    let window = condition.signal.aggregation_window.unwrap_or(super::signal::DEFAULT_WINDOW).max(1);
    let longest = alerts.longest_for.as_secs();
    let finding = |expected: String, observed: String| {
        Some(Finding::new(subject, expected, observed).remedy("let it last for one aggregation window"))
    };
    match term.threshold_duration {
        None => finding("a thresholdDuration".into(), "none: the provider refuses it".into()),
        Some(seconds)
            if !(SHORTEST_DURATION..=LONGEST_DURATION).contains(&seconds) || seconds % window != 0 =>
        {
            finding(
                format!(
                    "a thresholdDuration of {SHORTEST_DURATION} to {LONGEST_DURATION} s, and a multiple of the window of {window} s"
                ),
                format!("{seconds} s: the provider refuses it"),
            )
        }
        Some(seconds) if holds_for_all(term) && seconds > longest => finding(
            format!("a thresholdDuration of at most {longest} s"),
            format!("{seconds} s, on top of the threshold"),
        ),
        Some(_) => None,
    }
}
