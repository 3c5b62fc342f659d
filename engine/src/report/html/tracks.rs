//! A card for each track with its verdicts.

use super::headline::{VERDICTS, share};
use super::words::{count, grouped, listed, verdict};
use crate::{Record, Result, Verdict};
use maud::{Markup, html};

/// Above this many checks a card shows shares in place of single marks.
const MARKS: usize = 120;

/// The tracks in the order of their first check, each with its checks.
fn tracks(record: &Record) -> Vec<(&str, Vec<&Result>)> {
    let mut tracks: Vec<(&str, Vec<&Result>)> = Vec::new();
    for result in &record.results {
        match tracks.iter_mut().find(|(track, _)| *track == result.track) {
            Some((_, results)) => results.push(result),
            None => tracks.push((&result.track, vec![result])),
        }
    }
    tracks
}

/// The names of the tracks, in the order of their first check.
pub(super) fn names(record: &Record) -> Vec<&str> {
    tracks(record).into_iter().map(|(name, _)| name).collect()
}

pub(super) fn section(record: &Record) -> Markup {
    html! {
        section #tracks aria-labelledby="tracks-title" {
            h2 #tracks-title { "Tracks" }
            @if record.results.is_empty() { p.calm { "No check was chosen." } }
            div.cards {
                @for (name, results) in tracks(record) { (card(name, &results)) }
            }
        }
    }
}

fn card(name: &str, results: &[&Result]) -> Markup {
    let counted = VERDICTS.map(|each| (each, results.iter().filter(|result| result.verdict == each).count()));
    let worst = results.iter().map(|result| result.verdict).max().unwrap_or(Verdict::Unverified);
    html! {
        article.card {
            h3 { (name) }
            (verdict(worst))
            p { (in_words(results.len(), &counted)) }
            @if results.len() > MARKS {
                (share(&counted))
            } @else {
                p.marks aria-hidden="true" {
                    @for result in results { i.v.(result.verdict.to_string()) title=(result.id) {} }
                }
            }
        }
    }
}

fn in_words(all: usize, counted: &[(Verdict, usize)]) -> String {
    if let Some((verdict, _)) = counted.iter().find(|(_, number)| *number == all) {
        let verb = match verdict {
            Verdict::Pass => "passed",
            Verdict::Fail => "failed",
            Verdict::Unverified => "unverified",
            Verdict::Skipped => "skipped",
        };
        return match all {
            1 => format!("its one check {verb}"),
            2 => format!("both checks {verb}"),
            _ => format!("all {} {verb}", count(all, "check")),
        };
    }
    let words = ["passed", "failed", "unverified", "skipped"];
    let parts: Vec<_> = counted
        .iter()
        .zip(words)
        .filter(|((_, number), _)| *number > 0)
        .map(|((_, number), word)| format!("{} {word}", grouped(*number)))
        .collect();
    format!("{}: {}", count(all, "check"), listed(&parts))
}
