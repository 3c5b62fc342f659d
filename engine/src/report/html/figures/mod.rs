//! The figures: what checks measured, drawn by the program itself as SVG, each with its numbers in words.

mod axis;
mod gauge;
mod rows;
mod series;
mod timeline;

use crate::{Figure, Record, Result};
use maud::{Markup, html};

/// Whether there is anything to draw.
pub(super) fn any(record: &Record) -> bool {
    record.results.iter().any(drawn)
}

fn drawn(result: &Result) -> bool {
    !result.figures.is_empty() || !result.series.is_empty()
}

pub(super) fn section(record: &Record) -> Markup {
    html! {
        @if any(record) {
            section #figures aria-labelledby="figures-title" {
                h2 #figures-title { "Figures" }
                @for (index, result) in record.results.iter().enumerate().filter(|(_, result)| drawn(result)) {
                    (of_check(index, result))
                }
            }
        }
    }
}

fn of_check(index: usize, result: &Result) -> Markup {
    let gauges: Vec<_> = result
        .figures
        .iter()
        .filter_map(|figure| if let Figure::Gauge(gauge) = figure { Some(gauge) } else { None })
        .collect();
    html! {
        article.figures #{ "figures-" (index) } {
            h3 { a href={ "#check-" (index) } { code { (result.id) } } }
            @if !gauges.is_empty() { (gauge::panel(&gauges)) }
            @if !result.series.is_empty() { (series::panel(&result.series)) }
            @for figure in &result.figures {
                @match figure {
                    Figure::Gauge(_) => {}
                    Figure::Timeline(timeline) => (timeline::panel(timeline)),
                    Figure::Rows(rows) => (rows::panel(rows)),
                }
            }
        }
    }
}
