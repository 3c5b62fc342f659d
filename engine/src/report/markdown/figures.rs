//! What was measured: values against their limits, samples by their percentiles, attempts beside their schedule, and
//! rows before and after.

use super::escape::{code, escape};
use super::page::Page;
use crate::report::text::number;
use crate::{Figure, Gauge, Record, Result, Rows, Series, Timeline};

/// So many attempts or rows of one figure are shown.
const MOST: usize = 50;

/// Draws the figures and series of all results.
pub(super) fn draw(record: &Record, page: &mut Page) {
    page.section(
        "\n## Measured against a limit\n\n| check | what | value | limit | |\n| --- | --- | ---: | ---: | --- |\n",
        figures(record).filter_map(|(result, figure)| match figure {
            Figure::Gauge(gauge) => Some(of_gauge(result, gauge)),
            Figure::Timeline(_) | Figure::Rows(_) => None,
        }),
    );
    let series =
        record.results.iter().flat_map(|result| result.series.iter().map(move |series| (result, series)));
    page.section(
        "\n## Samples\n\n| check | what | unit | samples | p50 | p95 | p99 | limit of p95 | |\n\
         | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
        series.map(|(result, series)| of_series(result, series)),
    );
    page.section(
        "\n## Figures\n",
        figures(record).filter_map(|(result, figure)| match figure {
            Figure::Timeline(timeline) => Some(folded(result, &timeline.name, &of_timeline(timeline))),
            Figure::Rows(rows) => Some(folded(result, &rows.name, &of_rows(rows))),
            Figure::Gauge(_) => None,
        }),
    );
}

fn figures(record: &Record) -> impl Iterator<Item = (&Result, &Figure)> {
    record.results.iter().flat_map(|result| result.figures.iter().map(move |figure| (result, figure)))
}

fn of_gauge(result: &Result, gauge: &Gauge) -> String {
    let Gauge { name, unit, value, limit } = gauge;
    let unit = escape(unit);
    format!(
        "| {} | {} | {} {unit} | {} {unit} | {} |\n",
        code(&result.id),
        escape(name),
        number(*value),
        number(*limit),
        within(*value, *limit)
    )
}

fn of_series(result: &Result, series: &Series) -> String {
    let quantile = |q| series.quantile(q).map_or_else(|| "·".into(), number);
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        code(&result.id),
        escape(&series.name),
        escape(&series.unit),
        series.samples.len(),
        quantile(0.5),
        quantile(0.95),
        quantile(0.99),
        number(series.p95_limit),
        series.quantile(0.95).map_or("·", |p95| within(p95, series.p95_limit)),
    )
}

fn within(value: f64, limit: f64) -> &'static str {
    if value <= limit { "within" } else { "**over**" }
}

fn folded(result: &Result, name: &str, table: &str) -> String {
    let summary = format!("{}: {}", result.id, name);
    format!("\n<details><summary>{}</summary>\n\n{table}\n</details>\n", escape(&summary))
}

fn of_timeline(timeline: &Timeline) -> String {
    let mut table = "| attempt | by the schedule | observed |\n| --- | ---: | ---: |\n".to_owned();
    for attempt in timeline.attempts.iter().take(MOST) {
        let (expected, observed) = (number(attempt.expected), number(attempt.observed));
        table.push_str(&format!("| {} | {expected} s | {observed} s |\n", escape(&attempt.name)));
    }
    table + &more(timeline.attempts.len())
}

/// Both moments in one table, side by side where a value differs.
fn of_rows(rows: &Rows) -> String {
    let columns: Vec<_> = rows.columns.iter().map(|column| escape(column)).collect();
    let mut table = format!("| {} |\n|{}\n", columns.join(" | "), " --- |".repeat(columns.len()));
    let number = rows.before.len().max(rows.after.len());
    for at in 0..number.min(MOST) {
        let cells = (0..rows.columns.len()).map(|column| {
            let value = |rows: &[Vec<String>]| rows.get(at).and_then(|row| row.get(column)).cloned();
            match (value(&rows.before), value(&rows.after)) {
                (Some(before), Some(after)) if before == after => escape(&before),
                (before, after) => format!("{} → **{}**", of_cell(before), of_cell(after)),
            }
        });
        table.push_str(&format!("| {} |\n", cells.collect::<Vec<_>>().join(" | ")));
    }
    table + &more(number)
}

fn of_cell(value: Option<String>) -> String {
    value.map_or_else(|| "no row".into(), |value| escape(&value))
}

fn more(number: usize) -> String {
    let more = number.saturating_sub(MOST);
    if more > 0 { format!("\n{more} more are in the JSON record.\n") } else { String::new() }
}
