//! The matrix of proof: which checks each sabotage turned red.

use super::proofs;
use super::words::likeness;
use crate::{Proof, Record, Red, Verdict};
use maud::{Markup, html};
use std::collections::{HashMap, HashSet};

/// A check of the record: its place there, its id, and whether another track begins with it.
struct Column<'a> {
    index: usize,
    check: &'a str,
    begins: bool,
}

pub(super) fn section(record: &Record) -> Markup {
    html! {
        @if !record.proofs.is_empty() {
            section #proof aria-labelledby="proof-title" {
                h2 #proof-title { "Proof" }
                p { "Each sabotage breaks the target in the way that a check guards against, and that check must turn red." }
                (legend())
                (table(record))
                h3 { "The sabotages" }
                (proofs::list(record))
            }
        }
    }
}

fn legend() -> Markup {
    let words = [("k", "●", "red as it must"), ("o", "○", "red besides"), ("m", "!", "green although named")];
    html! {
        ul.legend {
            @for (class, sign, word) in words { li { i.cell.(class) aria-hidden="true" { (sign) } " " (word) } }
            li { i.cell.q aria-hidden="true" { "?" } " could not tell" }
            li { i.cell.g aria-hidden="true" { "·" } " green" }
            li { i.cell aria-hidden="true" {} " did not run" }
        }
    }
}

/// The checks that ran under any sabotage.
fn columns(record: &Record) -> Vec<Column<'_>> {
    let ran: HashSet<_> =
        record.proofs.iter().flat_map(|proof| &proof.matrix).map(|red| red.check.as_str()).collect();
    let mut before = None;
    let results = record.results.iter().enumerate().filter(|(_, result)| ran.contains(result.id.as_str()));
    results
        .map(|(index, result)| {
            let begins = before.replace(&result.track).is_some_and(|track| *track != result.track);
            Column { index, check: &result.id, begins }
        })
        .collect()
}

/// The sabotages by the check that gives them their name, in the order of the checks: so the matrix has its diagonal.
fn groups(record: &Record) -> Vec<(&str, Vec<(usize, &Proof)>)> {
    let places: HashMap<_, _> =
        record.results.iter().enumerate().map(|(index, result)| (result.id.as_str(), index)).collect();
    let mut groups: Vec<(&str, Vec<(usize, &Proof)>)> = Vec::new();
    let mut found: HashMap<&str, usize> = HashMap::new();
    for (index, proof) in record.proofs.iter().enumerate() {
        let check = proof.sabotage.split_once('/').map_or("", |(check, _)| check);
        let group = *found.entry(check).or_insert_with(|| {
            groups.push((check, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push((index, proof));
    }
    groups.sort_by_key(|(check, _)| places.get(check).copied().unwrap_or(usize::MAX));
    groups
}

fn table(record: &Record) -> Markup {
    let columns = columns(record);
    html! {
        div.scroll.matrix tabindex="0" role="region" aria-labelledby="matrix-caption" {
            table {
                caption #matrix-caption { span { "Which checks (columns) each sabotage (rows) turned red" } }
                thead {
                    tr {
                        th scope="col" { "sabotage" }
                        @for column in &columns {
                            th.begins[column.begins] scope="col" { a href={ "#check-" (column.index) } { (column.check) } }
                        }
                    }
                }
                @for (check, proofs) in groups(record) { (group(check, &proofs, &columns)) }
            }
        }
    }
}

fn group(check: &str, proofs: &[(usize, &Proof)], columns: &[Column<'_>]) -> Markup {
    html! {
        tbody {
            @if !check.is_empty() {
                tr.group { th scope="rowgroup" { (check) } td colspan=(columns.len()) {} }
            }
            @for (index, proof) in proofs {
                tr {
                    th scope="row" {
                        i.v.(likeness(proof.outcome).to_string()) title=(proof.outcome) {}
                        a href={ "#proof-" (index) } { (name(proof)) }
                        span.h { " " (proof.outcome) }
                    }
                    (cells(proof, columns))
                }
            }
        }
    }
}

/// The name of a sabotage without the check's.
fn name(proof: &Proof) -> &str {
    proof.sabotage.split_once('/').map_or(&proof.sabotage, |(_, name)| name)
}

fn cells(proof: &Proof, columns: &[Column<'_>]) -> Markup {
    let reds: HashMap<_, _> = proof.matrix.iter().map(|red| (red.check.as_str(), red)).collect();
    html! {
        @for column in columns {
            @match reds.get(column.check).map(|red| look(proof, red)) {
                None => td.begins[column.begins] {},
                Some(("g", sign, _)) => td.g.begins[column.begins] { (sign) },
                Some((class, sign, word)) => td.(class).begins[column.begins] title={ (column.check) ": " (word) } {
                    (sign) span.h { (word) }
                },
            }
        }
    }
}

/// How a cell looks: its class, its sign and its word.
fn look(proof: &Proof, red: &Red) -> (&'static str, &'static str, &'static str) {
    match (red.verdict, red.named && !proof.outcome.is_nothing()) {
        (Verdict::Fail, true) => ("k", "●", "red as it must"),
        (Verdict::Fail, false) => ("o", "○", "red besides"),
        (Verdict::Pass, true) => ("m", "!", "green although named"),
        (Verdict::Pass, false) => ("g", "·", "green"),
        (Verdict::Unverified | Verdict::Skipped, _) => ("q", "?", "could not tell"),
    }
}
