//! Findings and facts.

use super::words::count;
use crate::{Fact, Finding};
use maud::{Markup, html};

/// How many findings of one check stand open; the others are folded.
const OPEN: usize = 4;

/// All findings of a check, the first ones open.
pub(super) fn findings(findings: &[Finding]) -> Markup {
    let (open, folded) = findings.split_at(findings.len().min(OPEN));
    html! {
        @for each in open { (finding(each)) }
        @if !folded.is_empty() {
            details {
                summary { (count(folded.len(), "further finding")) }
                @for each in folded { (finding(each)) }
            }
        }
    }
}

/// One finding, its evidence folded.
pub(super) fn finding(finding: &Finding) -> Markup {
    html! {
        div.finding {
            p.subject { (finding.subject) @if finding.known { " (known from the baseline)" } }
            dl.versus {
                div { dt { "expected" } dd { (finding.expected) } }
                div.observed { dt { "observed" } dd { (finding.observed) } }
            }
            @if !finding.remedy.is_empty() { p.remedy { strong { "Remedy" } " " (finding.remedy) } }
            @if !finding.evidence.is_empty() {
                details {
                    summary { "Evidence" @if finding.evidence.len() > 1 { " (" (finding.evidence.len()) ")" } }
                    @for each in &finding.evidence { pre { (each) } }
                }
            }
        }
    }
}

/// Names and values.
pub(super) fn facts(facts: &[Fact]) -> Markup {
    html! {
        dl.facts {
            @for fact in facts { div { dt { (fact.name) } dd { (fact.value) } } }
        }
    }
}
