//! The table of all checks: each folds to its facts, needs and figures; the script adds a filter.

use super::findings::facts;
use super::headline::VERDICTS;
use super::words::{count, grouped, took, verdict};
use crate::{Proof, Record, Result, Verdict};
use maud::{Markup, html};
use std::collections::HashMap;

/// Up to this many checks are one list. More are lists of [`CHUNK`], each drawn when it comes into view: a browser that
/// watches thousands of single entries for that scrolls no more.
const PLAIN: usize = 200;
const CHUNK: usize = 50;

/// For each check the sabotages that turned it red, by their place in the record.
type Reds<'a> = HashMap<&'a str, Vec<(usize, &'a Proof)>>;

pub(super) fn section(record: &Record) -> Markup {
    let reds = reds(record);
    let at_once = if record.results.len() > PLAIN { CHUNK } else { PLAIN };
    html! {
        section #checks aria-labelledby="checks-title" {
            h2 #checks-title { "All checks" }
            (filter(record))
            p.row.head aria-hidden="true" {
                span { "verdict" } span { "check" } span.level { "level" } span.looked { "looked at" } span.took { "took" }
            }
            @for (number, chunk) in record.results.chunks(at_once).enumerate() {
                ul.checks.chunk[at_once < record.results.len()] {
                    @for (place, result) in chunk.iter().enumerate() {
                        (check(number * at_once + place, result, reds.get(result.id.as_str()).map_or(&[], Vec::as_slice)))
                    }
                }
            }
        }
    }
}

fn reds(record: &Record) -> Reds<'_> {
    let mut reds = Reds::new();
    for (index, proof) in record.proofs.iter().enumerate() {
        for red in proof.matrix.iter().filter(|red| red.verdict == Verdict::Fail) {
            reds.entry(&red.check).or_default().push((index, proof));
        }
    }
    reds
}

/// Hidden until the script shows it: without the script it could do nothing.
fn filter(record: &Record) -> Markup {
    html! {
        form.filter role="search" aria-label="Filter the checks" hidden {
            label.text { span { "Text" } input type="search" name="text" autocomplete="off" spellcheck="false"; }
            label { span { "Track" }
                select name="track" {
                    option value="" { "all tracks" }
                    @for (index, track) in super::tracks::names(record).iter().enumerate() {
                        option value=(index) data-track=(track) { (track) }
                    }
                }
            }
            fieldset {
                legend { "Verdict" }
                @for each in VERDICTS.into_iter().filter(|each| record.count(*each) > 0) {
                    label.choice { input type="checkbox" name="verdict" value=(each) checked; " " (verdict(each)) }
                }
            }
            button type="reset" { "Show all" }
            output role="status" { (count(record.results.len(), "check")) }
        }
    }
}

fn check(index: usize, result: &Result, reds: &[(usize, &Proof)]) -> Markup {
    html! {
        li.check #{ "check-" (index) } data-verdict=(result.verdict) data-track=(result.track) {
            details {
                summary.row {
                    (verdict(result.verdict))
                    code { (result.id) }
                    span.level { (result.level) }
                    span.looked { (grouped(usize::try_from(result.examined).unwrap_or(usize::MAX))) }
                    span.took { (took(result.took_ms)) }
                }
                div.body { (body(index, result, reds)) }
            }
        }
    }
}

fn body(index: usize, result: &Result, reds: &[(usize, &Proof)]) -> Markup {
    let needs = result.needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    html! {
        @if !result.failure_mode.is_empty() {
            p.mode { strong { "What breaks without it" } " " (result.failure_mode) }
        }
        @if let Some(reason) = &result.reason {
            p.reason { strong { "Why it is " (result.verdict) } " " (reason) @if result.skip_allowed { " (allowed)" } }
        }
        @if !needs.is_empty() { p { strong { "Needs" } " " (needs) } }
        @if !result.facts.is_empty() { (facts(&result.facts)) }
        (links(index, result))
        @if !reds.is_empty() {
            p { strong { "Turned red by" } " " (count(reds.len(), "sabotage")) }
            ul.reds {
                @for (index, proof) in reds { li { a href={ "#proof-" (index) } { code { (proof.sabotage) } } } }
            }
        }
    }
}

fn links(index: usize, result: &Result) -> Markup {
    let figures = result.figures.len() + result.series.len();
    html! {
        @if !result.findings.is_empty() {
            @if matches!(result.verdict, Verdict::Fail | Verdict::Unverified) {
                p { a href={ "#trouble-" (index) } { (count(result.findings.len(), "finding")) } }
            } @else {
                (super::findings::findings(&result.findings))
            }
        }
        @if figures > 0 { p { a href={ "#figures-" (index) } { (count(figures, "figure")) } } }
    }
}
