//! Rows before and after: one table, what changed marked by word, sign and colour.

use crate::Rows;
use crate::report::html::words::count;
use maud::{Markup, html};
use std::collections::{HashMap, HashSet};

/// More rows than these are not drawn, and it is said.
const DRAWN: usize = 200;

/// One row at two moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair<'a> {
    before: Option<&'a [String]>,
    after: Option<&'a [String]>,
}

impl Pair<'_> {
    fn word(&self) -> &'static str {
        match (self.before, self.after) {
            (Some(before), Some(after)) if before == after => "same",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "gone",
            (None, _) => "new",
        }
    }
}

pub(super) fn panel(rows: &Rows) -> Markup {
    let pairs = pairs(rows);
    let differ = pairs.iter().filter(|pair| pair.word() != "same").count();
    html! {
        figure.rows {
            figcaption {
                span.what { (rows.name) } " "
                span.value {
                    @if differ == 0 {
                        strong { "unchanged" } ": " (count(pairs.len(), "row")) ", each as it was "
                        span.v.pass { "same" }
                    } @else {
                        strong { (differ) " of " (count(pairs.len(), "row")) } " not as before "
                        span.v.fail { "changed" }
                    }
                }
            }
            (table(rows, &pairs))
            @if pairs.len() > DRAWN {
                p { (count(pairs.len() - DRAWN, "further row")) " not shown here; the record has them." }
            }
        }
    }
}

fn table(rows: &Rows, pairs: &[Pair<'_>]) -> Markup {
    // Rows that differ come first, so that no limit hides them.
    let (same, differ): (Vec<_>, Vec<_>) = pairs.iter().partition(|pair| pair.word() == "same");
    let any = !differ.is_empty();
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "Rows: " (rows.name) } {
            table {
                caption { @if any { "Before and after" } @else { "Before and after alike" } }
                thead {
                    tr {
                        @if any { th scope="col" { "row" } }
                        @for column in &rows.columns { th scope="col" { (column) } }
                    }
                }
                tbody {
                    @for pair in differ.into_iter().chain(same).take(DRAWN) { (row(pair, rows.columns.len(), any)) }
                }
            }
        }
    }
}

fn row(pair: &Pair<'_>, columns: usize, any: bool) -> Markup {
    let width = columns.max(pair.before.map_or(0, <[_]>::len)).max(pair.after.map_or(0, <[_]>::len));
    html! {
        tr.(pair.word()) {
            @if any { th.state scope="row" { (pair.word()) } }
            @for column in 0..width {
                (cell(pair.before.and_then(|row| row.get(column)), pair.after.and_then(|row| row.get(column))))
            }
        }
    }
}

fn cell(before: Option<&String>, after: Option<&String>) -> Markup {
    html! {
        @if before == after {
            td { @if let Some(value) = before { (value) } }
        } @else {
            td.differs {
                @if let Some(value) = before { del { span.h { "before: " } (value) } " " }
                @if let Some(value) = after { ins { span.h { "after: " } (value) } }
            }
        }
    }
}

/// Rows that belong together: by their first column where that tells them apart at both moments, else by their place.
fn pairs(rows: &Rows) -> Vec<Pair<'_>> {
    let slices = |rows| -> Vec<&[String]> { <[Vec<String>]>::iter(rows).map(Vec::as_slice).collect() };
    let (before, after) = (slices(&rows.before), slices(&rows.after));
    if !(tells_apart(&before) && tells_apart(&after)) {
        let longest = before.len().max(after.len());
        return (0..longest)
            .map(|at| Pair { before: before.get(at).copied(), after: after.get(at).copied() })
            .collect();
    }
    let mut left: HashMap<_, _> = after.iter().map(|row| (&row[0], *row)).collect();
    let mut pairs: Vec<_> =
        before.iter().map(|row| Pair { before: Some(row), after: left.remove(&row[0]) }).collect();
    let new = after.iter().filter(|row| left.contains_key(&row[0]));
    pairs.extend(new.map(|row| Pair { before: None, after: Some(row) }));
    pairs
}

fn tells_apart(rows: &[&[String]]) -> bool {
    let mut seen = HashSet::new();
    rows.iter().all(|row| row.first().is_some_and(|key| seen.insert(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(before: &[&[&str]], after: &[&[&str]]) -> Vec<&'static str> {
        let owned = |rows: &[&[&str]]| -> Vec<Vec<String>> {
            rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect()
        };
        let rows = Rows { name: String::new(), columns: vec![], before: owned(before), after: owned(after) };
        pairs(&rows).iter().map(Pair::word).collect()
    }

    #[test]
    fn rows_are_told_apart_by_their_first_column() {
        assert_eq!(
            words(&[&["a", "1"], &["b", "2"]], &[&["b", "3"], &["c", "4"]]),
            ["gone", "changed", "new"]
        );
    }

    #[test]
    fn rows_with_the_same_first_column_are_told_apart_by_their_place() {
        assert_eq!(words(&[&["a", "1"], &["a", "2"]], &[&["a", "1"], &["a", "3"]]), ["same", "changed"]);
        assert_eq!(words(&[&[]], &[&["a"], &["b"]]), ["changed", "new"]);
    }
}
