//! What needs attention: checks that failed, checks that could not tell, proofs that did not come out.

use super::findings::{finding, findings};
use super::words::{count, outcome, verdict};
use crate::{Known, Outcome, Proof, Record, Result, Verdict};
use maud::{Markup, html};

pub(super) fn section(record: &Record) -> Markup {
    let of = |wanted| {
        let results = record.results.iter().enumerate();
        results.filter(move |(_, result)| result.verdict == wanted)
    };
    let bad = || record.proofs.iter().enumerate().filter(|(_, proof)| !proof.outcome.is_good());
    let calm = of(Verdict::Fail).chain(of(Verdict::Unverified)).next().is_none()
        && bad().next().is_none()
        && record.unproven.is_empty();
    html! {
        section #attention aria-labelledby="attention-title" {
            h2 #attention-title { "What needs attention" }
            @if calm { p.calm { "Nothing. " (why_calm(record)) } }
            @for (index, result) in of(Verdict::Fail).filter(|(_, result)| !result.is_known()) { (check(index, result)) }
            @for (index, result) in of(Verdict::Unverified) { (check(index, result)) }
            @for (index, proof) in bad() { (proof_gone_wrong(index, proof)) }
            @if !record.unproven.is_empty() { (unproven(&record.unproven)) }
            @for (index, result) in of(Verdict::Fail).filter(|(_, result)| result.is_known()) { (check(index, result)) }
            @if let Some(baseline) = &record.baseline { (mended(&baseline.mended)) }
        }
    }
}

/// What has become green since the baseline.
fn mended(mended: &[Known]) -> Markup {
    html! {
        @if !mended.is_empty() {
            h3 { "Green since the baseline" }
            ul { @for known in mended { li { code { (known.check) } " " (known.subject) } } }
        }
    }
}

fn why_calm(record: &Record) -> String {
    match record.results.iter().filter(|result| result.verdict == Verdict::Skipped).count() {
        0 => "No check failed, and none was left in doubt.".into(),
        skipped => format!("No check failed; {} skipped, see the last section.", count(skipped, "check")),
    }
}

fn check(index: usize, result: &Result) -> Markup {
    html! {
        article.trouble.(result.verdict.to_string()) #{ "trouble-" (index) } {
            h3 { a href={ "#check-" (index) } { code { (result.id) } } " " (verdict(result.verdict))
                @if result.is_known() { " known from the baseline" }
            }
            @if !result.failure_mode.is_empty() {
                p.mode { strong { "What breaks without it" } " " (result.failure_mode) }
            }
            @if let Some(reason) = &result.reason { p.reason { strong { "Reason" } " " (reason) } }
            (findings(&result.findings))
        }
    }
}

fn proof_gone_wrong(index: usize, proof: &Proof) -> Markup {
    let wants_red = !proof.outcome.is_nothing();
    let wrong = proof.matrix.iter().filter(|red| red.named && (red.verdict == Verdict::Fail) != wants_red);
    html! {
        article.trouble.(super::words::likeness(proof.outcome).to_string()) {
            h3 { a href={ "#proof-" (index) } { code { (proof.sabotage) } } " " (outcome(proof.outcome)) }
            p.mode { strong { "The mistake it stands for" } " " (proof.mistake) }
            p { (meaning(proof.outcome)) }
            @if let Some(reason) = &proof.reason { p.reason { (reason) } }
            @for red in wrong {
                p { code { (red.check) } " " (verdict(red.verdict)) @if let Some(reason) = &red.reason { " " (reason) } }
                @if let Some(found) = &red.finding { (finding(found)) }
            }
        }
    }
}

/// What an outcome that is not good says of the check.
const fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Survived => "The defect was on, and the check that guards against it stayed green.",
        Outcome::SurvivedFlaky => "The check stayed green at first and turned red at the second try only.",
        Outcome::Collateral => "Only other checks turned red: the one that it names did not notice.",
        Outcome::Void => "It shows nothing either way.",
        Outcome::NothingProved => "Nothing was broken, and still a check turned red: no red can be believed.",
        Outcome::Proved | Outcome::NothingSurvived => "",
    }
}

fn unproven(ids: &[String]) -> Markup {
    html! {
        article.trouble.fail {
            h3 { "Checks without a sabotage " span.v.fail { "unproven" } }
            p { "Nobody knows whether these can turn red:" }
            ul { @for id in ids { li { code { (id) } } } }
        }
    }
}
