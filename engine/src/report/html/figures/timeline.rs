//! Attempts against their schedule on a time axis from seconds to days: a ring where each was due, a dot where it was.

use super::axis::{Axis, percent, ticks};
use crate::report::html::words::{amount, count};
use crate::{Attempt, Timeline};
use maud::{Markup, html};

/// The height of one attempt, in pixels.
const STEP: f64 = 24.0;
/// How many attempts are drawn; the numbers under the drawing hold all.
const DRAWN: usize = 60;
/// Where the axis begins, in percent: left of it stand the names.
const MARGIN: f64 = 14.0;
/// An attempt within this many seconds of its time counts as on time, as does one within a thousandth of it.
const PUNCTUAL: f64 = 1.0;

pub(super) fn panel(timeline: &Timeline) -> Markup {
    let drawn = &timeline.attempts[..timeline.attempts.len().min(DRAWN)];
    html! {
        figure.timeline {
            figcaption { span.what { (timeline.name) } " " span.value { (in_words(timeline)) } }
            @if !drawn.is_empty() {
                (drawing(timeline, drawn))
                ul.legend {
                    li { svg width="14" height="14" aria-hidden="true" { circle.due cx="7" cy="7" r="5.5" {} } " due" }
                    li { svg width="14" height="14" aria-hidden="true" { circle.made cx="7" cy="7" r="3" {} } " made, on time" }
                    li { svg width="14" height="14" aria-hidden="true" { rect.late x="3" y="3" width="8" height="8" {} } " made, off its time" }
                }
            }
            (numbers(timeline))
        }
    }
}

fn is_punctual(attempt: &Attempt) -> bool {
    (attempt.observed - attempt.expected).abs() <= PUNCTUAL.max(attempt.expected.abs() / 1e3)
}

fn in_words(timeline: &Timeline) -> String {
    let all = timeline.attempts.len();
    match timeline.attempts.iter().filter(|attempt| !is_punctual(attempt)).count() {
        0 if all == 0 => "no attempts".into(),
        0 => format!("{}, all on time", count(all, "attempt")),
        off => format!("{off} of {} off their time", count(all, "attempt")),
    }
}

fn drawing(timeline: &Timeline, drawn: &[Attempt]) -> Markup {
    let latest = drawn.iter().flat_map(|attempt| [attempt.expected, attempt.observed]).fold(0.0, f64::max);
    let axis = Axis::from_zero(latest * 1.15, MARGIN);
    #[expect(clippy::cast_precision_loss, reason = "few are drawn")]
    let bottom = drawn.len() as f64 * STEP;
    html! {
        svg role="img" aria-label=(in_words(timeline)) width="100%" height=(bottom + 22.0) {
            (ticks(&axis, &axis.moments(), "s", bottom))
            @for (row, attempt) in drawn.iter().enumerate() {
                (mark(attempt, row, &axis))
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "few are drawn")]
fn mark(attempt: &Attempt, row: usize, axis: &Axis) -> Markup {
    let y = (row as f64 + 0.5) * STEP;
    let (due, made) = (axis.place(attempt.expected), axis.place(attempt.observed));
    html! {
        text.label x=(percent(MARGIN)) dx="-12" y=(y + 4.0) text-anchor="end" { (shortened(&attempt.name)) }
        line.lane x1=(percent(MARGIN)) x2="100%" y1=(y) y2=(y) {}
        line.between x1=(percent(due)) x2=(percent(made)) y1=(y) y2=(y) {}
        circle.due cx=(percent(due)) cy=(y) r="5.5" {}
        @if is_punctual(attempt) {
            circle.made cx=(percent(made)) cy=(y) r="3" {}
        } @else {
            svg.at x=(percent(made)) y=(y) { rect.late x="-4" y="-4" width="8" height="8" {} }
        }
    }
}

/// As much of a name as fits left of the axis on a phone; the numbers under the drawing have all of it.
fn shortened(name: &str) -> String {
    let name = name.strip_prefix("attempt ").map_or_else(|| name.to_owned(), |number| format!("№ {number}"));
    if name.chars().count() <= 5 { name } else { name.chars().take(4).chain(['…']).collect() }
}

fn numbers(timeline: &Timeline) -> Markup {
    html! {
        @if !timeline.attempts.is_empty() {
            details {
                summary { "The numbers" }
                div.scroll tabindex="0" role="region" aria-label="The attempts in numbers" {
                    table {
                        caption { "After the first, in seconds" }
                        thead { tr { th scope="col" { "attempt" } th.n scope="col" { "due" } th.n scope="col" { "made" } th.n scope="col" { "off by" } } }
                        tbody {
                            @for attempt in &timeline.attempts {
                                tr {
                                    th scope="row" { (attempt.name) }
                                    td.n { (amount(attempt.expected, "s")) }
                                    td.n { (amount(attempt.observed, "s")) }
                                    td.n { (amount(attempt.observed - attempt.expected, "s")) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
