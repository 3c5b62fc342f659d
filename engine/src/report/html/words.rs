//! Numbers, times and verdicts as people write them.

pub(super) use crate::report::text::number;

use crate::{Outcome, Verdict};
use maud::{Markup, html};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A verdict as a word with a shape and a colour.
pub(super) fn verdict(verdict: Verdict) -> Markup {
    html! { span.v.(verdict.to_string()) { (verdict) } }
}

/// An outcome as a word, with the shape of the verdict that it is as good as.
pub(super) fn outcome(outcome: Outcome) -> Markup {
    html! { span.v.(likeness(outcome).to_string()) { (outcome) } }
}

/// The verdict that an outcome is as good as.
pub(super) const fn likeness(outcome: Outcome) -> Verdict {
    if outcome.is_good() {
        Verdict::Pass
    } else if outcome.is_disproof() {
        Verdict::Fail
    } else {
        Verdict::Unverified
    }
}

/// `1 check`, `2 checks`.
pub(super) fn count(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", grouped(number))
}

/// A whole number with its thousands apart.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Words in a row: `a`, `a and b`, `a, b and c`.
pub(super) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A moment, for people and for programs.
pub(super) fn moment(time: OffsetDateTime) -> Markup {
    let machine = time.format(&Rfc3339).unwrap_or_default();
    html! { time datetime=(machine) { (day(time)) ", " (clock(time)) " UTC" } }
}

fn day(time: OffsetDateTime) -> String {
    format!("{} {} {}", time.day(), time.month(), time.year())
}

fn clock(time: OffsetDateTime) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// How long something took.
#[expect(clippy::cast_precision_loss, reason = "a run does not last for centuries")]
pub(super) fn took(millis: u64) -> String {
    amount(millis as f64 / 1e3, "s")
}

/// A measured value with its unit; seconds become minutes, hours and days.
pub(super) fn amount(value: f64, unit: &str) -> String {
    match unit {
        "s" => seconds(value),
        "ms" if value.abs() >= 1e4 => seconds(value / 1e3),
        _ => format!("{} {unit}", number(value)),
    }
}

fn seconds(value: f64) -> String {
    let (size, sign) = (value.abs(), if value < 0.0 { "−" } else { "" });
    let text = match size {
        0.0 => "0 s".to_owned(),
        size if size < 0.9995 => format!("{} ms", number(size * 1e3)),
        size if size < 59.95 => format!("{} s", number((size * 10.0).round() / 10.0)),
        size if size < 3_570.0 => two(size, (60.0, "min"), (1.0, "s")),
        size if size < 48.0 * 3_600.0 => two(size, (3_600.0, "h"), (60.0, "min")),
        size => two(size, (86_400.0, "d"), (3_600.0, "h")),
    };
    format!("{sign}{text}")
}

/// Two units, the second left out when it is none.
fn two(value: f64, large: (f64, &str), small: (f64, &str)) -> String {
    let total = (value / small.0).round();
    let each = large.0 / small.0;
    let (whole, rest) = ((total / each).floor(), total % each);
    if rest == 0.0 {
        format!("{whole} {}", large.1)
    } else {
        format!("{whole} {} {rest} {}", large.1, small.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_write_them() {
        let told = |value| amount(value, "s");
        assert_eq!([told(0.0), told(0.35), told(12.04), told(59.99)], ["0 s", "350 ms", "12 s", "1 min"]);
        assert_eq!([told(159.5), told(300.0), told(3_600.0)], ["2 min 40 s", "5 min", "1 h"]);
        assert_eq!([told(108_000.0), told(-90.0), told(205_200.0)], ["30 h", "−1 min 30 s", "2 d 9 h"]);
        assert_eq!([amount(2.345, "ms"), amount(250.0, "rows")], ["2.35 ms", "250 rows"]);
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([grouped(7), grouped(1_000), grouped(1_234_567)], ["7", "1,000", "1,234,567"]);
        assert_eq!([count(1, "check"), count(2, "check")], ["1 check", "2 checks"]);
        assert_eq!(listed(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}
