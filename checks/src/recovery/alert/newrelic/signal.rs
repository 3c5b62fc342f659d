//! How a condition's signal is made: its window, its gaps, its end; and the provider's bounds.
//!
//! Bounds after the provider's Terraform documentation (`website/docs/r/nrql_alert_condition.html.markdown`).

use super::condition::Condition;
use sabot_engine::Finding;
use sabot_target::recovery::Alerts;
use std::ops::RangeInclusive;

/// The window of a condition that names none, in seconds.
pub(super) const DEFAULT_WINDOW: u64 = 60;

/// What is wrong with the signal of `condition`.
pub(super) fn judge(condition: &Condition, alerts: &Alerts) -> Vec<Finding> {
    let mut findings = bounds(condition);
    let window = condition.signal.aggregation_window.unwrap_or(DEFAULT_WINDOW);
    let promised = alerts.aggregation_window.as_secs();
    if window != promised {
        findings.push(
            Finding::new(
                condition.place(),
                format!("signal.aggregationWindow {promised}"),
                window.to_string(),
            )
            .remedy(
                "set the window as promised: a wider one shows a stale backup later, a narrower one has gaps",
            ),
        );
    }
    findings
}

/// Whether its gaps look like a young backup.
pub(super) fn gaps(condition: &Condition, alerts: &Alerts) -> Option<Finding> {
    let signal = &condition.signal;
    let least = alerts.warning.after.as_secs_f64();
    let observed = match signal.fill_option.as_deref().map(str::to_uppercase).as_deref() {
        None | Some("NONE") => return None,
        Some("STATIC") if signal.fill_value.is_some_and(|value| value > least) => return None,
        Some("STATIC") => format!("filled with {}, a young backup", signal.fill_value.unwrap_or_default()),
        Some("LAST_VALUE") => "filled with the last age, which then no longer grows".to_owned(),
        Some(other) => format!("fillOption {other}, which the provider does not know"),
    };
    Some(
        Finding::new(format!("{}, gaps in the signal", condition.place()), "left as they are", observed)
            .remedy("set fillOption to NONE, and open a violation when the signal is lost"),
    )
}

/// Whether somebody is told when the signal is lost.
pub(super) fn tells_of_its_end(condition: &Condition) -> bool {
    let expiration = &condition.expiration;
    expiration.open_violation_on_expiration && expiration.expiration_duration.is_some()
}

/// Values that the provider refuses.
fn bounds(condition: &Condition) -> Vec<Finding> {
    let signal = &condition.signal;
    let longest_delay = match signal.aggregation_method.as_deref().map(str::to_uppercase).as_deref() {
        Some("CADENCE") => 3600,
        _ => 1200,
    };
    let bounded: [(&str, Option<u64>, RangeInclusive<u64>); 5] = [
        ("signal.aggregationWindow", signal.aggregation_window, 30..=21_600),
        ("signal.aggregationDelay", signal.aggregation_delay, 0..=longest_delay),
        ("signal.aggregationTimer", signal.aggregation_timer, 0..=1200),
        ("expiration.expirationDuration", condition.expiration.expiration_duration, 30..=172_800),
        ("violationTimeLimitSeconds", condition.violation_time_limit_seconds, 300..=2_592_000),
    ];
    let refused = |what: &str, expected: String, observed: String| {
        Finding::new(
            format!("{}, {what}", condition.place()),
            expected,
            format!("{observed}: the provider refuses it"),
        )
        .remedy("keep to the provider's bounds, or the condition is never made")
    };
    let mut findings: Vec<_> = bounded
        .into_iter()
        .filter_map(|(what, value, range)| {
            let value = value.filter(|value| !range.contains(value))?;
            Some(refused(what, format!("{} to {} s", range.start(), range.end()), value.to_string()))
        })
        .collect();
    let window = signal.aggregation_window.unwrap_or(DEFAULT_WINDOW);
    if let Some(slide) =
        signal.slide_by.filter(|slide| *slide == 0 || *slide >= window || !window.is_multiple_of(*slide))
    {
        findings.push(refused(
            "signal.slideBy",
            format!("smaller than {window} and a divisor of it"),
            slide.to_string(),
        ));
    }
    if condition.name.chars().count() > 128 {
        findings.push(refused(
            "the condition's name",
            "at most 128 characters".into(),
            condition.name.chars().count().to_string(),
        ));
    }
    findings
}
