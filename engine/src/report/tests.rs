//! What holds for every report: no secret, no hostile text that acts, and room for many results.

use super::samples::{HOSTILE, full, many, proved};
use super::{github, html, junit, markdown, prometheus, summary};
use crate::testing::{Field, Fields, check, judged};
use crate::{
    Attempt, CannotTell, Check, Cx, Event, Events, Fact, Figure, Finding, Gauge, Judgement, Lanes, Need,
    Record, Rows, RunOptions, Secrets, Timeline, Verdict, run, spellings,
};
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "hunter2-and-a-half/with+signs&more";

/// A record in each format. Whoever adds a format adds it here.
fn every_format(record: &Record) -> Vec<(&'static str, String)> {
    vec![
        ("html", html(record)),
        ("json", serde_json::to_string_pretty(record).unwrap()),
        ("junit", junit(record)),
        ("markdown", markdown(record)),
        ("prometheus", prometheus(record, None)),
        ("github", github(record)),
        ("summary", summary(record)),
    ]
}

/// Says the secret in every place that a check can write to.
async fn gossip(cx: &Cx<'_, Field>) -> Judgement {
    cx.examined(1);
    let said = spellings(SECRET).into_iter().map(|(_, form)| form).collect::<Vec<_>>().join(" or ");
    let said = || said.clone();
    cx.find(Finding::new(said(), said(), said()).evidence(said()).remedy(said()));
    cx.fact(said(), said());
    cx.series(said(), &[Duration::from_millis(1)], Duration::from_millis(2));
    cx.figure(Figure::Gauge(Gauge { name: said(), unit: said(), value: 1.0, limit: 2.0 }));
    let attempts = vec![Attempt { name: said(), expected: 0.0, observed: 0.0 }];
    cx.figure(Figure::Timeline(Timeline { name: said(), attempts }));
    let rows = || vec![vec![said()]];
    cx.figure(Figure::Rows(Rows { name: said(), columns: vec![said()], before: rows(), after: rows() }));
    Err(CannotTell::new(said()))
}

fn checks() -> Vec<Arc<Check<Field>>> {
    vec![
        judged("a.gossip", |cx| Box::pin(gossip(cx))),
        judged("a.panics", |_| Box::pin(async { panic!("{SECRET}") })),
        judged("a.untold", |_| Box::pin(async { Err(CannotTell::new(SECRET)) })),
        check("a.cluster", &[Need::Cluster]),
    ]
}

#[tokio::test]
async fn a_registered_secret_is_in_no_report_whatever_a_check_writes_down() {
    let secrets = Secrets::default();
    secrets.register(SECRET);
    let without_cluster = Some(format!("no cluster at {SECRET}"));
    let arena = Arc::new(Fields { secrets: secrets.clone(), without_cluster, ..Fields::default() });
    let mut lanes = Lanes::new(arena.clone(), 1, &[]);
    let mut record = Record::begin("run", SECRET);
    record.profile = vec![Fact { name: SECRET.into(), value: SECRET.into() }];
    let (events, mut stream) = Events::channel();
    run(&mut lanes, &*arena, &checks(), &RunOptions::default(), &events, &mut record).await;
    lanes.close().await;
    drop(events);
    let verdicts: Vec<_> = record.results.iter().map(|result| result.verdict).collect();
    assert_eq!(verdicts, [Verdict::Fail, Verdict::Unverified, Verdict::Unverified, Verdict::Skipped]);
    record.finish();
    record.redact(&secrets);
    for (format, text) in every_format(&record) {
        for (spelling, form) in spellings(SECRET) {
            assert!(!text.contains(&form), "{format} shows {spelling}");
        }
        assert!(
            text.contains("[redacted]") || text.contains("\\[redacted\\]"),
            "{format} says that there was one"
        );
    }
    while let Some(event) = stream.recv().await {
        if let Event::CheckEnded(result) = event {
            assert!(!format!("{result:?}").contains(SECRET), "a view was shown it");
        }
    }
}

#[test]
fn what_was_not_verified_is_in_every_report() {
    let record = full();
    for (format, text) in every_format(&record) {
        assert!(text.contains("the connection was lost"), "{format}");
    }
}

#[test]
fn no_format_passes_on_what_acts_on_a_screen() {
    for text in HOSTILE {
        let mut record = proved();
        record.results[0] = super::samples::spoken("a.one", text);
        record.results[0].verdict = Verdict::Fail;
        record.proofs[1].reason = Some((*text).into());
        record.proofs[1].mistake = (*text).into();
        record.finish();
        for (format, drawn) in every_format(&record) {
            // What JSON does not escape by itself is data there.
            let acts = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\u{7f}'..='\u{9f}');
            assert!(!drawn.chars().any(acts), "{format}: {text:?}");
            let turns = drawn.contains(['\u{202e}', '\u{2066}']);
            assert!(!turns || format == "json", "{format}: {text:?}");
        }
    }
}

#[test]
fn of_ten_thousand_results_the_last_is_in_every_format_that_has_no_bound() {
    let record = many(10_000);
    let last = record.results.last().map(|result| result.id.clone()).unwrap();
    for (format, drawn) in every_format(&record) {
        let bounded = ["markdown", "github", "summary"].contains(&format);
        assert!(bounded || drawn.contains(&last), "{format}");
        assert!(!drawn.is_empty() && (format != "markdown" || drawn.len() <= 1 << 20), "{format}");
    }
}
