//! The end of a drill: everything is removed, and looked for afterwards.

use super::stand::{Kind, Stand, still_answers};
use super::traces::{Found, Traces};
use crate::drill::course::Course;
use crate::report::Class;
use sabot_sandbox::postgres::Held;
use std::time::{Duration, Instant};

/// How long a process that was killed may take to go; far above what that takes.
const GOING: Duration = Duration::from_secs(5);

/// How often it is looked for: nobody announces the end of another's child.
const LOOK: Duration = Duration::from_millis(20);

/// Stops and removes, then looks for what is left: each find is a problem.
pub(super) async fn teardown(course: &Course, traces: &Traces, held: Option<Held>, stand: Option<Stand>) {
    // Threads first: what they still write would come back.
    course.quiet().await;
    let mut own = None;
    match stand {
        Some(stand) => {
            let config = stand.config(&stand.maintenance);
            match stand.kind {
                Kind::Own(server) => {
                    server.stop().await;
                    own = Some(config);
                }
                Kind::Given(given, held) => {
                    for left in given.empty().await {
                        course.problem(
                            Class::Teardown,
                            "the server given",
                            format!("{left}; empty it by hand"),
                        );
                    }
                    remove(*held).await;
                }
            }
        }
        None => {
            if let Some(held) = held {
                remove(held).await;
            }
        }
    }
    look(course, &traces.found()).await;
    if let Some(config) = own
        && still_answers(&config).await
    {
        course.problem(Class::Teardown, "the server", "it still answers on its port after it was stopped");
    }
}

/// Dropping it waits for its guardian, which blocks.
async fn remove(held: Held) {
    drop(tokio::task::spawn_blocking(move || drop(held)).await);
}

async fn look(course: &Course, found: &Found) {
    let begun = Instant::now();
    let processes = loop {
        let processes = found.processes();
        if processes.is_empty() || begun.elapsed() > GOING {
            break processes;
        }
        tokio::time::sleep(LOOK).await;
    };
    if !processes.is_empty() {
        let message = format!("still run: {}; end them by hand", processes.join(", "));
        course.problem(Class::Teardown, "processes", message);
    }
    if let Some(folder) = found.folder.as_ref().filter(|folder| folder.exists()) {
        let message = "it is still there after the drill; `sabot gc` removes it once its owner is gone";
        course.problem(Class::Teardown, folder.display().to_string(), message);
    }
}
