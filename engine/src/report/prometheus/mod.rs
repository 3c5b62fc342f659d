//! The record as Prometheus text, for the textfile collector of node_exporter: what became of each check, how long it
//! took, what was measured against which limit, and when each track last finished and last passed.
//!
//! The last two are history: what this run has nothing to say of is taken over from the file that is replaced.

mod before;
mod family;
#[cfg(test)]
mod tests;

use super::plain::{cut, one_line};
use crate::{Exit, Figure, Outcome, Record, Result, Verdict};
use before::Before;
use family::{Family, Page};
use std::collections::BTreeMap;

const FINISHED: &str = "sabot_last_finished_timestamp_seconds";
const PASSED: &str = "sabot_last_pass_timestamp_seconds";

/// The most of a label's value, in bytes.
const MOST: usize = 300;

/// How many of the lines of what was not verified are repeated as comments.
const MOST_COMMENTS: usize = 100;

const VERDICTS: [Verdict; 4] = [Verdict::Pass, Verdict::Fail, Verdict::Unverified, Verdict::Skipped];

const OUTCOMES: [(Outcome, &str); 7] = [
    (Outcome::Proved, "proved"),
    (Outcome::Survived, "survived"),
    (Outcome::SurvivedFlaky, "survived_flaky"),
    (Outcome::Collateral, "collateral"),
    (Outcome::Void, "void"),
    (Outcome::NothingSurvived, "nothing_survived"),
    (Outcome::NothingProved, "nothing_proved"),
];

/// One file, drawn from the record and from the file that it is to replace, of which a damaged line counts as absent.
pub fn prometheus(record: &Record, before: Option<&str>) -> String {
    let mut page = Page::default();
    of_the_run(record, &mut page);
    of_the_checks(record, &mut page);
    of_the_tracks(record, &Before::read(before.unwrap_or_default(), record), &mut page);
    of_the_figures(record, &mut page);
    of_the_series(record, &mut page);
    if record.command == "prove" {
        of_the_proofs(record, &mut page);
    }
    page.text()
}

fn of_the_run(record: &Record, page: &mut Page) {
    for line in record.not_verified.iter().take(MOST_COMMENTS) {
        page.comment(&format!("not verified: {}", label(line)));
    }
    let mut info = Family::gauge("sabot_run_info", "What the last run was.");
    info.add(
        &[("command", &record.command), ("target", &label(&record.target)), ("version", &record.sabot)],
        1.0,
    );
    page.add(info);
    let mut one = |name, help, value| {
        let mut family = Family::gauge(name, help);
        family.add(&[], value);
        page.add(family);
    };
    one(
        "sabot_exit_code",
        "What the last run ended with: 0 passed, 1 failed, 2 unverified, 4 nothing, 130 and 143 interrupted.",
        Exit::of(record).code().into(),
    );
    one("sabot_run_duration_seconds", "How long the last run took.", seconds(record.took_ms));
    one(
        "sabot_not_verified",
        "How many lines the last run has under what was not verified.",
        count(record.not_verified.len()),
    );
}

fn of_the_checks(record: &Record, page: &mut Page) {
    let mut verdicts = Family::gauge(
        "sabot_check_verdict",
        "Whether the check came to this verdict: 1 for one of pass, fail, unverified and skipped, 0 for the others.",
    );
    let mut took = Family::gauge("sabot_check_duration_seconds", "How long the check took.");
    let mut examined = Family::gauge("sabot_check_examined", "How many things the check looked at.");
    let mut findings = Family::gauge("sabot_check_findings", "How many findings the check has.");
    for result in &record.results {
        let of = of_check(result);
        for verdict in VERDICTS {
            let held = if result.verdict == verdict { 1.0 } else { 0.0 };
            verdicts.add(&[of[0], of[1], ("verdict", &verdict.to_string())], held);
        }
        took.add(&of, seconds(result.took_ms));
        #[expect(clippy::cast_precision_loss, reason = "a count of things looked at")]
        examined.add(&of, result.examined as f64);
        findings.add(&of, count(result.findings.len()));
    }
    [verdicts, took, examined, findings].into_iter().for_each(|family| page.add(family));
}

fn of_check(result: &Result) -> [(&'static str, &str); 2] {
    [("check", &result.id), ("track", &result.track)]
}

/// When each track last finished and last passed: now, or as the file before has it; never is 0, as old as can be.
fn of_the_tracks(record: &Record, before: &Before, page: &mut Page) {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact for millions of years")]
    let now = record.finished_at.unix_timestamp() as f64;
    let mut finished = before.finished.clone();
    let mut passed = before.passed.clone();
    for track in record.tracks() {
        if record.interrupted.is_none() {
            finished.insert(track.to_owned(), now);
        }
        if passes(record, track) {
            passed.insert(track.to_owned(), now);
        }
    }
    for track in finished.keys().chain(passed.keys()).cloned().collect::<Vec<_>>() {
        finished.entry(track.clone()).or_insert(0.0);
        passed.entry(track).or_insert(0.0);
    }
    let mut history = |name, help, times: &BTreeMap<String, f64>| {
        let mut family = Family::gauge(name, help);
        times.iter().for_each(|(track, at)| family.add(&[("track", track)], *at));
        page.add(family);
    };
    history(
        FINISHED,
        "When checks of the track were last run to their end, in seconds since 1970.",
        &finished,
    );
    history(
        PASSED,
        "When every chosen check of the track last passed, in seconds since 1970; 0 if never. A skip that was allowed \
         is no obstacle.",
        &passed,
    );
}

/// Whether every chosen check of `track` passed; a skip that was allowed is no obstacle, but no pass either.
fn passes(record: &Record, track: &str) -> bool {
    let of_track = || record.results.iter().filter(|result| result.track == track);
    let good = |result: &Result| {
        result.verdict == Verdict::Pass || result.verdict == Verdict::Skipped && result.skip_allowed
    };
    of_track().all(good) && of_track().any(|result| result.verdict == Verdict::Pass)
}

fn of_the_figures(record: &Record, page: &mut Page) {
    let mut measured = Family::gauge("sabot_measured", "What a check measured that has a limit, in `unit`.");
    let mut limits = Family::gauge("sabot_measured_limit", "The greatest that is allowed of it, in `unit`.");
    for result in &record.results {
        for figure in &result.figures {
            let Figure::Gauge(gauge) = figure else { continue };
            let (what, unit) = (label(&gauge.name), label(&gauge.unit));
            let [check, track] = of_check(result);
            let labels = [check, track, ("what", what.as_str()), ("unit", unit.as_str())];
            measured.add(&labels, gauge.value);
            limits.add(&labels, gauge.limit);
        }
    }
    page.add(measured);
    page.add(limits);
}

fn of_the_series(record: &Record, page: &mut Page) {
    let mut series = Family::summary("sabot_series", "Samples that a check took, in `unit`.");
    let mut limits =
        Family::gauge("sabot_series_limit", "The limit for the 95th percentile of these samples, in `unit`.");
    for result in &record.results {
        for one in &result.series {
            let (what, unit) = (label(&one.name), label(&one.unit));
            let [check, track] = of_check(result);
            let labels = [check, track, ("what", what.as_str()), ("unit", unit.as_str())];
            for (name, quantile) in [("0.5", 0.5), ("0.95", 0.95), ("0.99", 0.99)] {
                let with: Vec<_> = labels.iter().copied().chain([("quantile", name)]).collect();
                series.add(&with, one.quantile(quantile).unwrap_or(f64::NAN));
            }
            series.add_as("_sum", &labels, one.samples.iter().sum());
            series.add_as("_count", &labels, count(one.samples.len()));
            limits.add(&labels, one.p95_limit);
        }
    }
    page.add(series);
    page.add(limits);
}

fn of_the_proofs(record: &Record, page: &mut Page) {
    let mut proofs = Family::gauge("sabot_proofs", "How many sabotages came to this outcome.");
    for (outcome, name) in OUTCOMES {
        let number = record.proofs.iter().filter(|proof| proof.outcome == outcome).count();
        proofs.add(&[("outcome", name)], count(number));
    }
    page.add(proofs);
    let mut unproven = Family::gauge("sabot_unproven_checks", "How many chosen checks no sabotage names.");
    unproven.add(&[], count(record.unproven.len()));
    page.add(unproven);
}

/// A text that is fit to be a label's value, still to be escaped.
fn label(text: &str) -> String {
    cut(&one_line(text), MOST).into_owned()
}

#[expect(clippy::cast_precision_loss, reason = "a run does not last for centuries")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1e3
}

#[expect(clippy::cast_precision_loss, reason = "nobody has so many")]
fn count(number: usize) -> f64 {
    number as f64
}
