//! How a drill is shown: as it goes on standard error, its result on standard output; or lines of JSON.

use crate::cli::Show;
use sabot_recovery::drill::course::Listener;
use sabot_recovery::report::{Event, Outcome, Phase, Report, Verified};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

/// How many problems the text shows; the JSON has them all.
const SHOWN: usize = 20;

/// Shows each event as it comes.
pub(super) fn listener(show: Show) -> Listener {
    match show {
        Show::Json => Arc::new(json),
        Show::Text => Arc::new(text),
    }
}

/// Shows the report.
pub(super) fn report(show: Show, report: Report) {
    match show {
        Show::Json => json(&Event::Report(Box::new(report))),
        Show::Text => out(&summary(&report)),
    }
}

fn json(event: &Event) {
    // The types of an event have no maps with keys that are no text: it cannot fail.
    if let Ok(line) = serde_json::to_string(event) {
        out(&format!("{line}\n"));
    }
}

/// A reader that has gone is no reason to stop: what was started still has to be removed.
fn out(text: &str) {
    let mut stdout = std::io::stdout().lock();
    drop(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}

fn text(event: &Event) {
    let line = match event {
        Event::Accepted { artifact, .. } => format!("accepted  {artifact}"),
        Event::Began { phase } => format!("{phase:<9} …"),
        Event::Progress { bytes: 0, .. } | Event::Report(_) => return,
        Event::Progress { phase, bytes, of } => {
            let of = of.map(|of| format!(" of {}", size(of))).unwrap_or_default();
            format!("{phase:<9} {}{of}", size(*bytes))
        }
        Event::Ended { phase, seconds } => format!("{phase:<9} {seconds:.2} s"),
        Event::Held { url, seconds } => {
            out(&format!("held for {seconds} s, until standard input ends: {url}\n"));
            return;
        }
    };
    // Nobody to tell is no reason to stop.
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

fn summary(report: &Report) -> String {
    let mut text = String::new();
    let mut put = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _written = writeln!(text, "{name:<12} {value}");
    };
    put(
        "outcome",
        match report.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "FAILED",
            Outcome::Unverified => "unverified",
        },
    );
    put("artifact", report.artifact.as_deref().unwrap_or("none"));
    put("size", &size(report.bytes));
    put("data of", &report.snapshot_at.map_or("unknown".to_owned(), |at| at.to_string()));
    put("age", &report.rpo_seconds.map_or("unknown".to_owned(), |age| format!("{:.2} h", age / 3600.0)));
    put("recovered in", &report.rto_seconds.map_or("not at all".to_owned(), |took| format!("{took:.2} s")));
    put("phases", &phases(&report.phases));
    put("content", &content(&report.content));
    for problem in report.problems.iter().take(SHOWN) {
        let class = serde_json::to_value(problem.class).ok();
        let class = class.as_ref().and_then(serde_json::Value::as_str).unwrap_or("problem").to_owned();
        put("problem", &format!("[{class}] {}: {}", problem.subject, problem.message));
    }
    if let Some(more) = report.problems.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        put("", &format!("and {more} more problems; --format json shows all"));
    }
    for harmless in report.harmless.iter().take(SHOWN) {
        put("harmless", &format!("{} ({})", harmless.message, harmless.reason));
    }
    text
}

fn phases(phases: &[(Phase, f64)]) -> String {
    phases.iter().map(|(phase, seconds)| format!("{phase} {seconds:.2} s")).collect::<Vec<_>>().join(", ")
}

fn content(content: &Verified) -> String {
    match content {
        Verified::Equal { tables, rows } => format!("equals the manifest: {tables} tables, {rows} rows"),
        Verified::Differs => "differs from the manifest".to_owned(),
        Verified::Counted { tables, rows, reason } => {
            format!("{tables} tables, {rows} rows, only counted: {reason}")
        }
        Verified::No => "not looked at".to_owned(),
    }
}

fn size(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    match bytes {
        0..MIB => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB),
    }
}
