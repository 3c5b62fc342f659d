//! Drills of PostgreSQL artifacts, with real servers and the tools that made the artifacts.

mod damage;
mod forms;
mod given;
mod limits;
mod ours;
mod source;

use sabot_recovery::drill::postgres::{self, Options};
use sabot_recovery::drill::{Request, Source};
use sabot_recovery::report::{Class, Event, Outcome, Phase, Problem, Report, Verified};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The limits of the contract.
const RTO: Duration = Duration::from_secs(300);
const RPO: Duration = Duration::from_secs(30 * 3600);

fn request(source: Source) -> Request {
    Request { source, smoke: Vec::new(), rto: RTO, rpo: RPO, hold: None }
}

fn of_file(path: &Path) -> Request {
    request(Source::File(path.to_owned()))
}

/// Drills, and gives the report with the events before it.
async fn drill_with(request: &Request, options: &Options) -> (Report, Vec<Event>) {
    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let heard = Arc::clone(&events);
    let listener = Arc::new(move |event: &Event| heard.lock().unwrap().push(event.clone()));
    let report = postgres::drill(request, options, listener, &CancellationToken::new()).await;
    let events = events.lock().unwrap().clone();
    (report, events)
}

async fn drill(request: &Request) -> Report {
    drill_with(request, &Options::default()).await.0
}

/// The report of a drill that passed; else a failure that shows it.
#[track_caller]
fn passed(report: &Report) {
    assert_eq!((report.outcome, &report.problems[..]), (Outcome::Passed, &[][..]), "{report:#?}");
}

/// The first problem of this class; the drill failed by it.
#[track_caller]
fn failed_by(report: &Report, class: Class) -> &Problem {
    assert_eq!(report.outcome, Outcome::Failed, "{report:#?}");
    let found = report.problems.iter().find(|problem| problem.class == class);
    found.unwrap_or_else(|| panic!("no problem of class {class:?} in {report:#?}"))
}

/// Tables and rows that were counted.
#[track_caller]
fn counted(report: &Report) -> (u64, u64) {
    match report.content {
        Verified::Counted { tables, rows, .. } => (tables, rows),
        _ => panic!("{report:#?}"),
    }
}

/// Whether a phase was reached.
fn began(events: &[Event], phase: Phase) -> bool {
    events.contains(&Event::Began { phase })
}
