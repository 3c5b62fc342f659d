//! The record as Markdown: verdicts, findings, the matrix of proof, and what was not verified.

use super::text::{cell, last_line, push, seconds};
use crate::{Record, Verdict};

/// One document, drawn from the record alone.
pub fn markdown(record: &Record) -> String {
    let mut text =
        format!("# Sabot: `{}` of {}\n\n{}\n", record.command, escape(&record.target), last_line(record));
    if !record.not_verified.is_empty() {
        text.push_str("\n## What was not verified\n\n");
        for line in &record.not_verified {
            push(&mut text, format_args!("- {}\n", escape(line)));
        }
    }
    text.push_str("\n## Checks\n\n| verdict | check | level | took |\n| --- | --- | --- | ---: |\n");
    for result in &record.results {
        let took = seconds(result.took_ms);
        push(
            &mut text,
            format_args!("| {} | `{}` | {} | {took} |\n", result.verdict, result.id, result.level),
        );
    }
    findings(record, &mut text);
    if !record.proofs.is_empty() {
        proofs(record, &mut text);
    }
    text
}

fn findings(record: &Record, text: &mut String) {
    for result in record.results.iter().filter(|result| result.verdict == Verdict::Fail) {
        push(text, format_args!("\n### `{}` failed\n\n{}\n", result.id, escape(&result.failure_mode)));
        for finding in &result.findings {
            push(text, format_args!("\n- **{}**\n", escape(&finding.subject)));
            push(text, format_args!("  - expected: {}\n", escape(&finding.expected)));
            push(text, format_args!("  - observed: {}\n", escape(&finding.observed)));
            for evidence in &finding.evidence {
                push(text, format_args!("  - evidence: {}\n", escape(evidence)));
            }
            push(text, format_args!("  - remedy: {}\n", escape(&finding.remedy)));
        }
    }
}

fn proofs(record: &Record, text: &mut String) {
    text.push_str(
        "\n## Proof\n\n● red as it must · ○ red besides · ! green although named · ? could not tell\n\n",
    );
    text.push_str("| sabotage | the mistake it stands for | how | ");
    for result in &record.results {
        push(text, format_args!("`{}` | ", result.id));
    }
    text.push_str("outcome |\n| --- | --- | --- | ");
    text.push_str(&":-: | ".repeat(record.results.len()));
    text.push_str("--- |\n");
    for proof in &record.proofs {
        let sorts = proof.sorts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ");
        let mistake = escape(&proof.mistake);
        push(text, format_args!("| `{}` | {mistake} | {sorts}, {} | ", proof.sabotage, proof.nature));
        for result in &record.results {
            push(text, format_args!("{} | ", cell(proof, &result.id)));
        }
        push(text, format_args!("{} |\n", proof.outcome));
    }
}

/// Text that comes from a target, made harmless in a table and in a list.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' => escaped.extend(['\\', character]),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finding, Result};

    #[test]
    fn hostile_text_stays_text() {
        let mut record = Record::begin("run", "a|b");
        let hostile = "<script>alert(1)</script>\n| x | [link](http://x)";
        record.results = vec![Result {
            verdict: Verdict::Fail,
            findings: vec![Finding::new(hostile, "1", "2")],
            ..Result::blank("a.one")
        }];
        let drawn = markdown(&record);
        assert!(
            !drawn.contains("<script>") && !drawn.contains("\n| x |") && !drawn.contains("[link]("),
            "{drawn}"
        );
        assert!(drawn.contains("# Sabot: `run` of a\\|b"));
    }
}
