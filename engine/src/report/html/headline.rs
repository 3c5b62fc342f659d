//! The head of the page: the verdict in one sentence, when and how long, and the counts.

use super::words::{count, grouped, listed, moment, outcome, took, verdict};
use crate::{Exit, Outcome, Record, Verdict};
use maud::{Markup, html};

/// The order in which verdicts are counted: what matters most comes last, as in the last line of a run.
pub(super) const VERDICTS: [Verdict; 4] =
    [Verdict::Pass, Verdict::Fail, Verdict::Unverified, Verdict::Skipped];

/// The overall verdict in one sentence.
pub(super) fn sentence(record: &Record) -> String {
    let (target, all) = (&record.target, record.results.len());
    match Exit::of(record) {
        Exit::Passed => passed(record),
        Exit::Failed => format!("{} on {target}.", listed(&failed(record))),
        Exit::Unverified => format!("{} on {target}.", listed(&unverified(record))),
        Exit::Interrupted | Exit::Terminated => {
            let told = record.results.iter().filter(|result| is_told(result.verdict)).count();
            format!("Interrupted, with {} of {} told on {target}.", grouped(told), count(all, "check"))
        }
        Exit::Nothing | Exit::Usage => format!("No check was run on {target}."),
    }
}

const fn is_told(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Pass | Verdict::Fail)
}

fn passed(record: &Record) -> String {
    let (passed, skipped) = (record.count(Verdict::Pass), record.count(Verdict::Skipped));
    let mut text = match (passed, skipped) {
        (1, 0) => format!("The one check passed on {}", record.target),
        (_, 0) => format!("All {} passed on {}", count(passed, "check"), record.target),
        _ => format!(
            "{} passed on {}, {} left out with leave",
            count(passed, "check"),
            record.target,
            grouped(skipped)
        ),
    };
    let known = record.results.iter().filter(|result| result.is_known()).count();
    if known > 0 {
        let all = count(record.results.len(), "check");
        text = format!(
            "Nothing new: {} of {all} failed as in the baseline on {}",
            grouped(known),
            record.target
        );
    }
    let proved = record.proofs.iter().filter(|proof| proof.outcome == Outcome::Proved).count();
    if proved > 0 {
        text.push_str(&format!(", and {} proved that they can fail", count(proved, "sabotage")));
    }
    text + "."
}

/// What makes it a failure.
fn failed(record: &Record) -> Vec<String> {
    let all = count(record.results.len(), "check");
    let of =
        |outcomes: &[Outcome]| record.proofs.iter().filter(|proof| outcomes.contains(&proof.outcome)).count();
    let survived = of(&[Outcome::Survived, Outcome::SurvivedFlaky, Outcome::Collateral]);
    let mut parts = Vec::new();
    match record.count(Verdict::Fail) {
        0 => {}
        failed => parts.push(format!("{} of {all} failed", grouped(failed))),
    }
    match record.results.iter().filter(|result| result.is_known()).count() {
        0 => {}
        known => parts.push(format!("{} of these as in the baseline", grouped(known))),
    }
    if survived > 0 {
        let sabotages = record.proofs.iter().filter(|proof| !proof.outcome.is_nothing()).count();
        parts.push(format!("{} of {} went unnoticed", grouped(survived), count(sabotages, "sabotage")));
    }
    if of(&[Outcome::NothingProved]) > 0 {
        parts.push("a check turned red with nothing broken".into());
    }
    if !record.unproven.is_empty() {
        parts.push(format!("{} without proof", count(record.unproven.len(), "check")));
    }
    parts
}

/// What makes it less than a pass.
fn unverified(record: &Record) -> Vec<String> {
    let all = count(record.results.len(), "check");
    let skipped = record
        .results
        .iter()
        .filter(|result| result.verdict == Verdict::Skipped && !result.skip_allowed)
        .count();
    let void = record.proofs.iter().filter(|proof| proof.outcome == Outcome::Void).count();
    let mut parts = Vec::new();
    match record.count(Verdict::Unverified) {
        0 => {}
        open => parts.push(format!("{} of {all} could not tell", grouped(open))),
    }
    if skipped > 0 {
        parts.push(format!("{} of {all} skipped without leave", grouped(skipped)));
    }
    if void > 0 {
        parts.push(format!("{} came to nothing", count(void, "proof")));
    }
    if parts.is_empty() {
        parts.push("The prover itself was not proved".into());
    }
    parts
}

/// The header of the page.
pub(super) fn header(record: &Record, sentence: &str) -> Markup {
    html! {
        header.top {
            p.kicker { (overall(record)) " " span { "Sabot report" } }
            h1 { (sentence) }
            p.lede {
                code { "sabot " (record.command) } " on " (moment(record.started_at)) ", in "
                (took(record.took_ms)) "."
                @if let Some(signal) = record.interrupted { " It was interrupted by signal " (signal) "." }
            }
            (counts(record))
            (profile(record))
            (contents(record))
        }
    }
}

fn overall(record: &Record) -> Markup {
    verdict(match Exit::of(record) {
        Exit::Passed => Verdict::Pass,
        Exit::Failed => Verdict::Fail,
        _ => Verdict::Unverified,
    })
}

fn counts(record: &Record) -> Markup {
    html! {
        ul.counts aria-label="Checks by verdict" {
            @for each in VERDICTS {
                @let number = record.count(each);
                li.none[number == 0] { strong { (grouped(number)) } " " (verdict(each)) }
            }
        }
        (share(&VERDICTS.map(|each| (each, record.count(each)))))
        @if !record.proofs.is_empty() { (proofs(record)) }
    }
}

/// Parts of a whole, as one bar.
pub(super) fn share(parts: &[(Verdict, usize)]) -> Markup {
    #[expect(clippy::cast_precision_loss, reason = "a record does not hold so many checks")]
    let percent = |number: usize| {
        number as f64 * 100.0 / parts.iter().map(|(_, number)| number).sum::<usize>().max(1) as f64
    };
    let mut at = 0.0;
    html! {
        svg.share aria-hidden="true" width="100%" height="8" {
            @for (verdict, number) in parts.iter().filter(|(_, number)| *number > 0) {
                rect.(verdict.to_string()) x={ (format!("{at:.2}")) "%" } width={ (format!("{:.2}", percent(*number))) "%" } height="8" {}
                @let () = at += percent(*number);
            }
        }
    }
}

fn proofs(record: &Record) -> Markup {
    let mut counts: Vec<(Outcome, usize)> = Vec::new();
    for proof in &record.proofs {
        match counts.iter_mut().find(|(outcome, _)| *outcome == proof.outcome) {
            Some((_, number)) => *number += 1,
            None => counts.push((proof.outcome, 1)),
        }
    }
    html! {
        ul.counts.small aria-label="Sabotages by outcome" {
            @for (each, number) in counts { li { strong { (grouped(number)) } " " (outcome(each)) } }
            @if !record.unproven.is_empty() {
                li { strong { (grouped(record.unproven.len())) } " " span.v.fail { "unproven" } }
            }
        }
    }
}

fn profile(record: &Record) -> Markup {
    html! {
        @if !record.profile.is_empty() {
            details.profile {
                summary { "Settings of the target that differ from its defaults" }
                (super::findings::facts(&record.profile))
            }
        }
    }
}

fn contents(record: &Record) -> Markup {
    html! {
        nav aria-label="Sections" {
            ul {
                li { a href="#tracks" { "Tracks" } }
                li { a href="#attention" { "What needs attention" } }
                @if super::figures::any(record) { li { a href="#figures" { "Figures" } } }
                li { a href="#checks" { "All checks" } }
                @if !record.proofs.is_empty() { li { a href="#proof" { "Proof" } } }
                li { a href="#open" { "What was not verified" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Result;

    fn told(verdicts: &[Verdict]) -> String {
        let mut record = Record::begin("run", "the shop");
        record.results =
            verdicts.iter().map(|verdict| Result { verdict: *verdict, ..Result::blank("a.b") }).collect();
        sentence(&record)
    }

    #[test]
    fn the_sentence_says_what_the_exit_code_says() {
        use Verdict::{Fail, Pass, Skipped, Unverified};
        assert_eq!(told(&[Pass, Pass]), "All 2 checks passed on the shop.");
        assert_eq!(told(&[Pass, Fail, Unverified]), "1 of 3 checks failed on the shop.");
        assert_eq!(
            told(&[Skipped, Unverified]),
            "1 of 2 checks could not tell and 1 of 2 checks skipped without leave on the shop."
        );
        assert_eq!(told(&[]), "No check was run on the shop.");
    }

    #[test]
    fn an_allowed_skip_and_an_unproven_check_are_named() {
        let mut record = Record::begin("run", "the shop");
        record.results = vec![Result { verdict: Verdict::Pass, ..Result::blank("a.b") }; 2];
        record.results[1].verdict = Verdict::Skipped;
        record.results[1].skip_allowed = true;
        assert_eq!(sentence(&record), "1 check passed on the shop, 1 left out with leave.");
        record.unproven = vec!["a.b".into()];
        assert_eq!(sentence(&record), "1 check without proof on the shop.");
    }
}
