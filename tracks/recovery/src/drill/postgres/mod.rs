//! The drill of a PostgreSQL artifact: a dump in any of its forms, a dump of a whole cluster, or a base backup.

mod base;
mod count;
mod feed;
mod form;
mod given;
mod messages;
mod preflight;
mod ready;
mod restore;
mod script;
mod session;
mod smoke;
mod sql;
mod stand;
mod teardown;
mod traces;
mod unpack;
mod verify;
mod work;

pub use given::Access;

use super::Request;
use super::course::Listener;
use crate::report::{Class, Phase, Report};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use work::Drill;

/// How long one tool, or one look at all of the content, may take at most: what takes longer will not end.
const LIMIT: Duration = Duration::from_secs(6 * 60 * 60);

/// What only PostgreSQL has.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The database that smoke queries are asked of, where it is not plain which.
    pub smoke_on: Option<String>,
    /// A server of the operator's to restore into, instead of one of our own.
    pub sandbox: Option<Access>,
}

/// Drills an artifact: restores it, verifies it, and removes everything again, however it goes. `stop` ends it at any
/// moment, and is in the report then.
///
/// It must run on a multi-threaded runtime: stopping a server may block a thread.
pub async fn drill(
    request: &Request,
    options: &Options,
    listener: Listener,
    stop: &CancellationToken,
) -> Report {
    let drill = Drill::new(request, options, listener);
    if stop.run_until_cancelled(Box::pin(drill.work())).await.is_none() {
        drill.course().problem(Class::Interrupted, "the drill", "it was stopped before its end");
    }
    let (course, traces, held, stand) = drill.into_parts();
    let removing = Box::pin(teardown::teardown(&course, &traces, held, stand));
    course.phase(Phase::Teardown, removing).await;
    course.judge(request.rto, request.rpo);
    course.report(!request.smoke.is_empty())
}
