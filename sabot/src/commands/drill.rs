//! `sabot drill`: one restore of one artifact, timed, verified, and removed again.

mod view;

use super::say;
use crate::cli::{DrillArgs, DrillEngine, DrillMongoArgs, DrillPostgresArgs, DrillSource};
use crate::signals::Interruption;
use sabot_engine::Exit;
use sabot_recovery::drill::course::Listener;
use sabot_recovery::drill::{Hold, Request, Source, mongo, postgres};
use sabot_recovery::report::{Outcome, Report};
use sabot_recovery::store::{Choice, Store};
use std::io::Read as _;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Drills.
pub(crate) async fn drill(args: DrillArgs) -> Exit {
    match args.engine {
        DrillEngine::Postgres(args) => drill_postgres(*args).await,
        DrillEngine::Mongo(args) => drill_mongo(*args).await,
    }
}

async fn drill_postgres(args: DrillPostgresArgs) -> Exit {
    let request = match request(&args.source, args.smoke, args.rto) {
        Ok(request) => request,
        Err(exit) => return exit,
    };
    let sandbox = args.sandbox_url.zip(args.sandbox_token);
    let sandbox = sandbox.map(|(url, token)| postgres::Access { url, token, source_url: args.source_url });
    let options = postgres::Options { smoke_on: args.smoke_on, sandbox };
    carry_out(&args.source, |listener, stop| async move {
        postgres::drill(&request, &options, listener, &stop).await
    })
    .await
}

async fn drill_mongo(args: DrillMongoArgs) -> Exit {
    let request = match request(&args.source, args.smoke, args.rto) {
        Ok(request) => request,
        Err(exit) => return exit,
    };
    carry_out(&args.source, |listener, stop| async move { mongo::drill(&request, listener, &stop).await })
        .await
}

/// Listens for signals, shows how it goes, and decides the exit code from the report.
async fn carry_out<F: Future<Output = Report>>(
    source: &DrillSource,
    drill: impl FnOnce(Listener, CancellationToken) -> F,
) -> Exit {
    let interruption = match Interruption::listen() {
        Ok(interruption) => interruption,
        Err(error) => {
            say(&error);
            return Exit::Unverified;
        }
    };
    let report = drill(view::listener(source.format), interruption.stop.clone()).await;
    let exit = match (interruption.number(), report.outcome) {
        (Some(15), _) => Exit::Terminated,
        (Some(_), _) => Exit::Interrupted,
        (None, Outcome::Passed) => Exit::Passed,
        (None, Outcome::Failed) => Exit::Failed,
        (None, Outcome::Unverified) => Exit::Unverified,
    };
    view::report(source.format, report);
    exit
}

fn request(args: &DrillSource, smoke: Vec<String>, rto: Duration) -> Result<Request, Exit> {
    let source = match (&args.file, &args.job, &args.pattern) {
        (Some(file), _, _) => Source::File(file.clone()),
        (None, Some(job), _) => {
            // Any text is a choice.
            let choice = args.artifact.parse().unwrap_or(Choice::Newest);
            Source::Job { store: store(args)?, job: job.clone(), choice }
        }
        (None, None, Some(pattern)) => Source::Pattern { store: store(args)?, pattern: pattern.clone() },
        (None, None, None) => {
            eprintln!("error: which artifact? give --job, --pattern or --file");
            return Err(Exit::Usage);
        }
    };
    Ok(Request { source, smoke, rto, rpo: args.rpo, hold: args.hold.map(hold) })
}

fn store(args: &DrillSource) -> Result<Store, Exit> {
    let Some(location) = &args.store else {
        eprintln!("error: where are the artifacts? give --store");
        return Err(Exit::Usage);
    };
    Store::open(location).map_err(|error| {
        say(&error);
        Exit::Usage
    })
}

/// Holds until standard input ends. It is read on a thread that nobody waits for: the process may end before it does.
fn hold(at_most: Duration) -> Hold {
    let release = CancellationToken::new();
    let ended = release.clone();
    std::thread::spawn(move || {
        let mut block = [0; 1024];
        while matches!(std::io::stdin().read(&mut block), Ok(read) if read > 0) {}
        ended.cancel();
    });
    Hold { at_most, release }
}
