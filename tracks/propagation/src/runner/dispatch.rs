//! One dispatch: a handler with its limit on time, whose panic is a failure like any other.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use super::Shared;
use super::claim::{Claimed, Hold};
use crate::handler::{End, Propagation, Reason};

/// What a dispatch came to.
#[derive(Debug)]
pub(super) struct Dispatched {
    pub(super) id: i64,
    pub(super) kind: Arc<str>,
    pub(super) hold: Hold,
    pub(super) end: End,
    /// How long it took; none where there was no handler to take any time.
    pub(super) took: Option<Duration>,
}

pub(super) async fn dispatch(shared: Arc<Shared>, row: Claimed) -> Dispatched {
    let Claimed { id, kind, team_id, target_tier, payload, attempts, hold } = row;
    let Some(handler) = shared.registry.handler(&kind) else {
        let error =
            format!("this build has no handler for the kind {kind}; does an older one run beside a newer?");
        return Dispatched { id, kind, hold, end: End::Failed(Reason::UnknownKind, error), took: None };
    };
    let attempt = u32::try_from(attempts).unwrap_or(0).saturating_add(1);
    let propagation = Propagation { id, kind: Arc::clone(&kind), team_id, target_tier, payload, attempt };
    let limit = shared.settings.dispatch_limit;
    let begun = Instant::now();
    // The handler is called within, so that it may panic before its first await too. Nothing of ours is left half-changed
    // by that; what is the handler's own is its own affair.
    let handled = AssertUnwindSafe(async { handler(propagation).await }).catch_unwind();
    let end = match timeout(limit, handled).await {
        Ok(Ok(end)) => end,
        Ok(Err(panic)) => {
            End::Failed(Reason::Panicked, format!("the handler panicked: {}", message(&*panic)))
        }
        Err(_) => End::Failed(Reason::TimedOut, format!("the dispatch did not end within {limit:?}")),
    };
    let took = begun.elapsed();
    shared.metrics.dispatched_in(took);
    Dispatched { id, kind, hold, end, took: Some(took) }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
