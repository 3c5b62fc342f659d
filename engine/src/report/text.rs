//! Plain lines: one for each result, the findings under it, the matrix, and the last line that counts.

use super::plain::for_a_log;
use crate::{Finding, Known, Outcome, Proof, Record, Red, Result, Verdict};

/// The line of a result and, under it, its findings.
pub(super) fn result(result: &Result) -> String {
    let mut text = format!("{:<10}  {:<26} {:>7}", result.verdict, result.id, seconds(result.took_ms));
    if let Some(reason) = &result.reason {
        push(&mut text, format_args!("  {}", for_a_log(reason)));
    } else if result.verdict == Verdict::Pass {
        push(&mut text, format_args!("  {} looked at", result.examined));
    }
    for each in &result.findings {
        finding(&mut text, each);
    }
    text
}

fn finding(text: &mut String, finding: &Finding) {
    for (name, value) in finding.parts() {
        let value = for_a_log(value).replace('\n', "\n                ");
        match name {
            "subject" => push(text, format_args!("\n    {value}")),
            name => push(text, format_args!("\n      {name:<9} {value}")),
        }
    }
}

/// The line of a proof.
pub(super) fn proof(proof: &Proof) -> String {
    let sorts = proof.sorts.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
    let mut text = format!(
        "{:<22}{:<52} {:>7}  {} {sorts}",
        proof.outcome,
        proof.sabotage,
        seconds(proof.took_ms),
        proof.nature
    );
    if let Some(reason) = &proof.reason {
        push(&mut text, format_args!("\n    {}", for_a_log(reason)));
    }
    text
}

/// The whole matrix: a row for each sabotage, a column for each check; `●` red as it must, `○` red besides, `!` green
/// although named, `?` could not tell.
pub fn matrix(record: &Record) -> String {
    let checks: Vec<_> = record.results.iter().map(|result| result.id.as_str()).collect();
    let width = record.proofs.iter().map(|proof| proof.sabotage.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (column, check) in checks.iter().enumerate() {
        push(&mut text, format_args!("{:width$}  {}{check}\n", "", "│ ".repeat(column)));
    }
    for proof in &record.proofs {
        let cells: Vec<_> = checks.iter().map(|check| cell(proof, check)).collect();
        push(&mut text, format_args!("{:<width$}  {}  {}\n", proof.sabotage, cells.join(" "), proof.outcome));
    }
    text
}

/// One cell of the matrix.
pub(super) fn cell(proof: &Proof, check: &str) -> &'static str {
    let Some(red) = proof.matrix.iter().find(|red| red.check == check) else { return " " };
    match (red.verdict, red.named && !proof.outcome.is_nothing()) {
        (Verdict::Fail, true) => "●",
        (Verdict::Fail, false) => "○",
        (Verdict::Pass, true) => "!",
        (Verdict::Pass, false) => "·",
        (Verdict::Unverified | Verdict::Skipped, _) => "?",
    }
}

/// What the run did not verify, and the proofs where there are any.
pub fn summary(record: &Record) -> String {
    let mut text = String::new();
    if !record.proofs.is_empty() {
        push(&mut text, format_args!("\n{}", matrix(record)));
        text.push_str("● red as it must · ○ red besides · ! green although named · ? could not tell\n");
    }
    for id in &record.unproven {
        push(&mut text, format_args!("unproven: {id} has no sabotage\n"));
    }
    if !record.not_verified.is_empty() {
        text.push_str("\nwhat was not verified\n");
        for line in &record.not_verified {
            push(&mut text, format_args!("  {}\n", for_a_log(line)));
        }
    }
    text.push_str(&baseline(record));
    text.push_str(&trouble(record));
    text
}

/// What an earlier record knows, and what has become green since.
fn baseline(record: &Record) -> String {
    let Some(baseline) = &record.baseline else { return String::new() };
    let mut text = String::new();
    for (title, all) in
        [("known from the baseline", &baseline.known), ("green since the baseline", &baseline.mended)]
    {
        if !all.is_empty() {
            push(&mut text, format_args!("\n{title}\n"));
        }
        for Known { check, subject } in all {
            push(&mut text, format_args!("  {check}: {}\n", for_a_log(subject)));
        }
    }
    text
}

/// What did not come out as it must, once more and in short, so that the end of a long log says it.
fn trouble(record: &Record) -> String {
    let mut text = String::new();
    let failed = |result: &&Result| result.verdict == Verdict::Unverified || result.is_newly_red();
    for result in record.results.iter().filter(failed) {
        push(&mut text, format_args!("  {:<10}  {}", result.verdict, result.id));
        let new = result.findings.iter().find(|finding| !finding.known);
        told(&mut text, new, result.reason.as_deref());
    }
    for proof in record.proofs.iter().filter(|proof| !proof.outcome.is_good()) {
        push(&mut text, format_args!("  {}  {}", proof.outcome, proof.sabotage));
        told(&mut text, None, proof.reason.as_deref());
        let red =
            |red: &&Red| red.verdict != Verdict::Pass && !(red.named && proof.outcome == Outcome::Proved);
        for red in proof.matrix.iter().filter(red) {
            push(&mut text, format_args!("    {} under it: {}", red.check, red.verdict));
            told(&mut text, red.finding.as_ref(), red.reason.as_deref());
        }
    }
    if text.is_empty() { text } else { format!("\nwhat did not come out as it must\n{text}") }
}

fn told(text: &mut String, finding: Option<&Finding>, reason: Option<&str>) {
    if let Some(finding) = finding {
        let Finding { subject, expected, observed, .. } = finding;
        let line = format!("{subject}: expected {expected}; observed {observed}");
        push(text, format_args!(": {}", for_a_log(&line)));
    } else if let Some(reason) = reason {
        push(text, format_args!(": {}", for_a_log(reason)));
    }
    text.push('\n');
}

/// The line that counts everything; the last one of a command.
pub fn last_line(record: &Record) -> String {
    let mut text = format!(
        "{} checks: {} passed, {} failed, {} unverified, {} skipped",
        record.results.len(),
        record.count(Verdict::Pass),
        record.count(Verdict::Fail),
        record.count(Verdict::Unverified),
        record.count(Verdict::Skipped),
    );
    let allowed = record.results.iter().filter(|result| result.skip_allowed).count();
    if allowed > 0 {
        push(&mut text, format_args!(" ({allowed} of them allowed)"));
    }
    let known = record.results.iter().filter(|result| result.is_known()).count();
    if known > 0 {
        push(&mut text, format_args!(" ({known} failed as in the baseline)"));
    }
    if record.command == "prove" {
        let count =
            |good: fn(Outcome) -> bool| record.proofs.iter().filter(|proof| good(proof.outcome)).count();
        push(
            &mut text,
            format_args!(
                "; {} sabotages: {} proved, {} survived, {} collateral, {} void, doing nothing survived {} of {}; {} unproven",
                count(|outcome| !outcome.is_nothing()),
                count(|outcome| outcome == Outcome::Proved),
                count(|outcome| matches!(outcome, Outcome::Survived | Outcome::SurvivedFlaky)),
                count(|outcome| outcome == Outcome::Collateral),
                count(|outcome| outcome == Outcome::Void),
                count(|outcome| outcome == Outcome::NothingSurvived),
                count(Outcome::is_nothing),
                record.unproven.len(),
            ),
        );
    }
    if let Some(signal) = record.interrupted {
        push(&mut text, format_args!("; interrupted by signal {signal}"));
    }
    push(&mut text, format_args!(" in {}", seconds(record.took_ms).trim_start()));
    text
}

pub(super) fn seconds(millis: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a run does not last for centuries")]
    let seconds = millis as f64 / 1e3;
    format!("{seconds:.1} s")
}

/// Seconds as programs read them, without a unit.
pub(super) fn seconds_of(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// Three digits that count, and no more.
pub(super) fn number(value: f64) -> String {
    let places = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

pub(super) fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.push_str(&arguments.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::proof;

    #[test]
    fn the_matrix_shows_which_checks_each_sabotage_turned_red() {
        let mut record = Record::begin("prove", "test");
        record.results = vec![Result::blank("a.one"), Result::blank("a.two")];
        record.proofs = vec![
            proof(
                "a.one/x",
                Outcome::Proved,
                &[("a.one", true, Verdict::Fail), ("a.two", false, Verdict::Fail)],
            ),
            proof(
                "a.two/y",
                Outcome::Survived,
                &[("a.one", false, Verdict::Pass), ("a.two", true, Verdict::Pass)],
            ),
            proof("do-nothing", Outcome::NothingSurvived, &[("a.one", true, Verdict::Pass)]),
        ];
        let drawn = matrix(&record);
        let rows: Vec<_> = drawn.lines().skip(2).collect();
        assert_eq!(rows[0], "a.one/x     ● ○  proved");
        assert_eq!(rows[1], "a.two/y     · !  survived");
        assert_eq!(rows[2], "do-nothing  ·    survived (as it must)");
    }

    #[test]
    fn the_end_says_what_did_not_come_out_and_nothing_else() {
        let mut record = Record::begin("prove", "test");
        record.results = vec![Result::blank("a.one"), Result::blank("a.two")];
        record.results[0].verdict = Verdict::Pass;
        record.results[1].reason = Some("lost".into());
        record.proofs = vec![
            proof("a.one/x", Outcome::Proved, &[("a.one", true, Verdict::Fail)]),
            proof("do-nothing", Outcome::NothingProved, &[("a.one", true, Verdict::Fail)]),
        ];
        record.proofs[1].matrix[0].finding = Some(Finding::new("row 1", "whole", "cut"));
        let told = trouble(&record);
        assert!(told.contains("unverified  a.two: lost\n"), "{told}");
        assert!(told.contains("a.one under it: fail: row 1: expected whole; observed cut\n"), "{told}");
        assert!(!told.contains("a.one/x") && !told.contains("pass"), "{told}");
        record.results.truncate(1);
        record.proofs.truncate(1);
        assert_eq!(trouble(&record), "");
    }

    #[test]
    fn nothing_that_a_target_says_is_a_command_in_a_log() {
        let record = crate::report::samples::hostile();
        let lines: String =
            record.results.iter().map(|each| result(each) + "\n").collect::<String>() + &summary(&record);
        assert!(lines.lines().all(|line| !line.trim_start().starts_with("::")), "{lines}");
        assert!(
            lines.contains(": :error title=x::owned") && lines.chars().all(|c| c == '\n' || !c.is_control())
        );
    }

    #[test]
    fn the_last_line_counts_every_verdict() {
        let mut record = Record::begin("run", "test");
        record.results = vec![Result::blank("a.one"); 3];
        record.results[0].verdict = Verdict::Pass;
        record.results[1].verdict = Verdict::Skipped;
        let line = last_line(&record);
        assert_eq!(line, "3 checks: 1 passed, 0 failed, 1 unverified, 1 skipped in 0.0 s");
    }
}
