//! Measured values as histograms on one logarithmic axis, with their percentiles and the limit.

use super::axis::{Axis, anchor, brief, percent, ticks};
use crate::Series;
use crate::report::html::words::{amount, count};
use maud::{Markup, html};

const BINS: usize = 60;
/// Rows of labels, then bars, then the axis: in pixels.
const TOP: f64 = 66.0;
const BOTTOM: f64 = 136.0;
const HEIGHT: f64 = 156.0;

/// All series of a check; those of one unit share their axis, so that they can be compared by looking.
pub(super) fn panel(series: &[Series]) -> Markup {
    html! {
        div.panels { @for each in series { (figure(each, &axis(series, &each.unit))) } }
    }
}

fn finite(series: &Series) -> impl Iterator<Item = f64> {
    series.samples.iter().copied().filter(|sample| sample.is_finite())
}

fn axis(all: &[Series], unit: &str) -> Axis {
    let alike = || all.iter().filter(|series| series.unit == unit);
    let values =
        || alike().flat_map(|series| finite(series).chain([series.p95_limit])).filter(|value| *value > 0.0);
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(0.0, f64::max);
    Axis::new(low / 1.3, high * 1.3)
}

fn figure(series: &Series, axis: &Axis) -> Markup {
    let percentiles = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)]
        .map(|(name, q)| (name, series.quantile(q).filter(|value| value.is_finite())));
    let over = percentiles[1].1.is_some_and(|p95| p95 > series.p95_limit);
    html! {
        figure.series {
            figcaption {
                span.what { (series.name) } " "
                span.value {
                    @if let Some(p95) = percentiles[1].1 {
                        strong { "p95 " (amount(p95, &series.unit)) }
                        i.key {} "limit " (amount(series.p95_limit, &series.unit)) " "
                        span.v.(if over { "fail" } else { "pass" }) { (if over { "over" } else { "within" }) }
                    } @else { "no samples" }
                }
            }
            svg role="img" aria-label=(in_words(series, &percentiles)) width="100%" height=(HEIGHT) {
                (ticks(axis, &axis.decades(), &series.unit, BOTTOM))
                (bars(series, axis))
                (limit(series, axis))
                (marks(&percentiles, axis, &series.unit))
            }
        }
    }
}

fn in_words(series: &Series, percentiles: &[(&str, Option<f64>)]) -> String {
    let mut text = count(series.samples.len(), "sample");
    for (name, value) in percentiles {
        if let Some(value) = value {
            text.push_str(&format!(", {name} {}", amount(*value, &series.unit)));
        }
    }
    text + &format!(", limit {}", amount(series.p95_limit, &series.unit))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "bins and samples are few"
)]
fn bars(series: &Series, axis: &Axis) -> Markup {
    let mut bins = [0_usize; BINS];
    for sample in finite(series) {
        let bin = (axis.place(sample) / 100.0 * BINS as f64) as usize;
        bins[bin.min(BINS - 1)] += 1;
    }
    let most = bins.iter().copied().max().unwrap_or(0).max(1) as f64;
    let width = 100.0 / BINS as f64;
    html! {
        @for (bin, number) in bins.into_iter().enumerate().filter(|(_, number)| *number > 0) {
            @let height = ((BOTTOM - TOP) * number as f64 / most).max(1.5);
            @let over = axis.value(bin as f64 / BINS as f64) >= series.p95_limit;
            rect.(if over { "bar fail" } else { "bar" }) x=(percent(bin as f64 * width)) y=(format!("{:.1}", BOTTOM - height))
                width=(percent(width * 0.86)) height=(format!("{height:.1}")) {}
        }
        line.base x1="0" x2="100%" y1=(BOTTOM) y2=(BOTTOM) {}
    }
}

fn limit(series: &Series, axis: &Axis) -> Markup {
    let place = axis.place(series.p95_limit);
    html! {
        @if series.p95_limit > 0.0 {
            line.limit x1=(percent(place)) x2=(percent(place)) y1="0" y2=(BOTTOM) {}
        }
    }
}

/// Each percentile with a label in a row of its own, so that close ones do not cover each other.
fn marks(percentiles: &[(&str, Option<f64>)], axis: &Axis, unit: &str) -> Markup {
    html! {
        @for ((name, value), row) in percentiles.iter().zip([14.0, 32.0, 50.0]) {
            @if let Some(value) = value {
                @let place = axis.place(*value);
                line.mark x1=(percent(place)) x2=(percent(place)) y1=(row + 4.0) y2=(BOTTOM) {}
                text.label x=(percent(place)) y=(row) text-anchor=(anchor(place)) { (name) " " (brief(*value, unit)) }
            }
        }
    }
}
