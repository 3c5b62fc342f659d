//! The record as Markdown, to be read as the summary of a step: the counts by track first, then what was not verified,
//! the findings folded, the figures, every check, and the proofs.

mod escape;
mod figures;
mod page;
#[cfg(test)]
mod tests;

use super::plain::cut;
use super::text::{last_line, seconds};
use crate::{Finding, Known, Proof, Record, Result, Verdict};
use escape::{code, escape, preformatted};
use page::Page;

/// What GitHub shows of a step's summary, in bytes.
const LIMIT: usize = 1 << 20;

/// So many findings of one check are shown, and so many pieces of evidence of one finding.
const MOST_FINDINGS: usize = 10;
const MOST_EVIDENCE: usize = 5;

/// One document of at most a mebibyte, drawn from the record alone.
pub fn markdown(record: &Record) -> String {
    markdown_within(record, LIMIT)
}

/// The same in at most `limit` bytes.
pub fn markdown_within(record: &Record, limit: usize) -> String {
    let mut page = Page::new(limit);
    page.add(&format!(
        "# Sabot: `{}` of {}\n\n{}\n",
        record.command,
        escape(&cut(&record.target, 500)),
        last_line(record)
    ));
    counts(record, &mut page);
    page.section(
        "\n## What was not verified\n\n",
        record.not_verified.iter().map(|line| format!("- {}\n", escape(line))),
    );
    page.section("\n## Findings\n", record.results.iter().filter(|result| is_red(result)).map(findings));
    baseline(record, &mut page);
    figures::draw(record, &mut page);
    page.section(
        "\n## Checks\n\n| verdict | check | level | looked at | took |\n| --- | --- | --- | ---: | ---: |\n",
        record.results.iter().map(check),
    );
    if record.command == "prove" || !record.proofs.is_empty() {
        proofs(record, &mut page);
    }
    page.text()
}

fn counts(record: &Record, page: &mut Page) {
    let row = |track: &str| {
        let of = |verdict| {
            let number = record
                .results
                .iter()
                .filter(|result| result.track == track && result.verdict == verdict)
                .count();
            if number > 0 { number.to_string() } else { "·".into() }
        };
        let counts = [Verdict::Pass, Verdict::Fail, Verdict::Unverified, Verdict::Skipped].map(of);
        format!("| {} | {} |\n", escape(track), counts.join(" | "))
    };
    page.section(
        "\n| track | pass | fail | unverified | skipped |\n| --- | ---: | ---: | ---: | ---: |\n",
        record.tracks().into_iter().map(row),
    );
}

/// What an earlier record knows, and what has become green since.
fn baseline(record: &Record, page: &mut Page) {
    let Some(baseline) = &record.baseline else { return };
    let line = |known: &Known| format!("- {}: {}\n", code(&known.check), escape(&known.subject));
    page.section("\n## Known from the baseline\n\n", baseline.known.iter().map(line));
    page.section("\n## Green since the baseline\n\n", baseline.mended.iter().map(line));
}

fn is_red(result: &Result) -> bool {
    result.verdict == Verdict::Fail
}

/// One failed check, folded: what breaks, and each finding.
fn findings(result: &Result) -> String {
    let number = result.findings.len();
    let plural = if number == 1 { "" } else { "s" };
    let mut text = format!(
        "\n<details><summary><b>{}</b> failed: {number} finding{plural}</summary>\n\n{}\n",
        preformatted(&result.id),
        escape(&result.failure_mode)
    );
    result.findings.iter().take(MOST_FINDINGS).for_each(|finding| text.push_str(&one_finding(finding)));
    if number > MOST_FINDINGS {
        text.push_str(&format!("\n{} more findings are in the JSON record.\n", number - MOST_FINDINGS));
    }
    if let Some(reason) = &result.reason {
        text.push_str(&format!("\nBesides, it could not tell: {}\n", escape(reason)));
    }
    text.push_str("\n</details>\n");
    text
}

fn one_finding(finding: &Finding) -> String {
    let known = if finding.known { " (known from the baseline)" } else { "" };
    let mut text = format!("\n**{}**{known}\n\n", escape(&finding.subject));
    let mut shown = 0;
    for (name, value) in finding.parts() {
        shown += usize::from(name == "evidence");
        match name {
            "subject" => {}
            "evidence" if shown > MOST_EVIDENCE => {}
            // As it stands: answers and rows are read by their lines.
            "evidence" => text.push_str(&format!("\n<pre>{}</pre>\n\n", preformatted(value))),
            name => text.push_str(&format!("- {name}: {}\n", escape(value))),
        }
    }
    text
}

fn check(result: &Result) -> String {
    let Result { verdict, id, level, examined, took_ms, .. } = result;
    let known = if result.is_known() { ", known" } else { "" };
    format!("| {verdict}{known} | {} | {level} | {examined} | {} |\n", code(id), seconds(*took_ms))
}

fn proofs(record: &Record, page: &mut Page) {
    page.section(
        "\n## Unproven\n\n",
        record.unproven.iter().map(|id| format!("- {} has no sabotage\n", code(id))),
    );
    // What is no proof is read first.
    let mut proofs: Vec<_> = record.proofs.iter().collect();
    proofs.sort_by_key(|proof| proof.outcome.is_good());
    page.section(
        "\n## Proof\n\nEach sabotage, and every check that ran under it: red as it must, red besides, green although \
         named, green.\n\n| outcome | sabotage | the mistake it stands for | how | red as it must | red besides | green \
         although named | could not tell | green |\n| --- | --- | --- | --- | --- | --- | --- | --- | ---: |\n",
        proofs.into_iter().map(proof),
    );
}

fn proof(proof: &Proof) -> String {
    let must = |named: bool| named && !proof.outcome.is_nothing();
    let of = |wanted: fn(Verdict) -> bool, named: Option<bool>| {
        let cells =
            proof.matrix.iter().filter(move |red| wanted(red.verdict) && named != Some(!must(red.named)));
        cells.map(|red| code(&red.check)).collect::<Vec<_>>()
    };
    let red = |verdict| verdict == Verdict::Fail;
    let green = |verdict| verdict == Verdict::Pass;
    let untold = |verdict| matches!(verdict, Verdict::Unverified | Verdict::Skipped);
    let sorts = proof.sorts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ");
    let reason = proof.reason.as_deref().map(|reason| format!(": {}", escape(reason))).unwrap_or_default();
    format!(
        "| {}{reason} | {} | {} | {sorts}, {} | {} | {} | {} | {} | {} |\n",
        proof.outcome,
        code(&proof.sabotage),
        escape(&proof.mistake),
        proof.nature,
        of(red, Some(true)).join(" "),
        of(red, Some(false)).join(" "),
        of(green, Some(true)).join(" "),
        of(untold, None).join(" "),
        of(green, Some(false)).len(),
    )
}
