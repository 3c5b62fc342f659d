//! The list of sabotages: the mistake that each stands for, how it was put on, and what it showed.

use super::findings::finding;
use super::words::{outcome, took, verdict};
use crate::{Proof, Record, Verdict};
use maud::{Markup, html};

pub(super) fn list(record: &Record) -> Markup {
    html! {
        ul.checks.proofs {
            @for (index, each) in record.proofs.iter().enumerate() {
                li.check #{ "proof-" (index) } {
                    details {
                        summary.row {
                            (outcome(each.outcome))
                            span { code { (each.sabotage) } span.mistake { (each.mistake) } }
                            span.level { (how(each)) }
                            span.took { (took(each.took_ms)) }
                        }
                        div.body { (body(each)) }
                    }
                }
            }
        }
    }
}

fn body(proof: &Proof) -> Markup {
    let named = proof.turns_red.join(", ");
    html! {
        @if let Some(reason) = &proof.reason { p.reason { (reason) } }
        dl.facts {
            div { dt { "put on by" } dd { (how(proof)) } }
            div { dt { "must turn red" } dd { (named) } }
            div { dt { "seen to have landed" } dd { (proof.landed.as_deref().unwrap_or("no")) } }
            @if let Some(besides) = besides(proof) { div { dt { "turned red besides" } dd { (besides) } } }
        }
        @for red in proof.matrix.iter().filter(|red| red.named) {
            @if red.verdict != Verdict::Fail || red.finding.is_some() {
                p { code { (red.check) } " " (verdict(red.verdict)) @if let Some(reason) = &red.reason { " " (reason) } }
            }
            @if let Some(found) = &red.finding { (finding(found)) }
        }
    }
}

/// By what means it was put on, and whether it is of cause or of symptom.
fn how(proof: &Proof) -> String {
    let sorts = proof.sorts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ");
    if sorts.is_empty() { "nothing".into() } else { format!("{sorts}, of {}", proof.nature) }
}

fn besides(proof: &Proof) -> Option<String> {
    let reds = proof.matrix.iter().filter(|red| !red.named && red.verdict == Verdict::Fail);
    let ids: Vec<_> = reds.map(|red| red.check.as_str()).collect();
    (!ids.is_empty()).then(|| ids.join(", "))
}
