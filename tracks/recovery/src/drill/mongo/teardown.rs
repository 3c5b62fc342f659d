//! The end of a drill: everything is removed, and looked for afterwards.

use crate::drill::course::Course;
use crate::report::Class;
use sabot_sandbox::mongo::{Connection, Server};
use std::time::Duration;

/// How long a port may take to say that nobody listens.
const PORT_LIMIT: Duration = Duration::from_secs(2);

/// Stops and removes, then looks for what is left: each find is a problem.
pub(super) async fn teardown(course: &Course, server: Option<Server>) {
    // Threads first: they may still read what is removed.
    course.quiet().await;
    let Some(server) = server else { return };
    let (folder, address, pid) = (server.folder().to_owned(), server.address(), server.pid());
    server.stop().await;
    if let Some(pid) = pid.filter(|pid| runs(*pid)) {
        course.problem(Class::Teardown, "processes", format!("still runs: {pid}; end it by hand"));
    }
    if folder.exists() {
        let message = "it is still there after the drill; `sabot gc` removes it once its owner is gone";
        course.problem(Class::Teardown, folder.display().to_string(), message);
    }
    if Connection::open(&address, PORT_LIMIT).await.is_ok() {
        let message = format!("{address} still takes connections after the server was stopped");
        course.problem(Class::Teardown, "the server", message);
    }
}

/// One that has ended and only waits to be reaped does not run.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
