//! A time limit and a net under every step that runs somebody else's code.

use crate::{CannotTell, Judgement};
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// Awaits `work` for at most `limit`; a panic and a silence become the reason why it can't be told. Calls belong
/// inside `work`, as an `async` block: a function may panic before it returns its future.
pub(crate) async fn limited<T>(
    limit: Duration,
    what: &str,
    work: impl Future<Output = Judgement<T>>,
) -> Judgement<T> {
    match tokio::time::timeout(limit, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(judgement)) => judgement,
        Ok(Err(_)) => Err(CannotTell::new(format!("{what} panicked"))),
        Err(_) => Err(CannotTell::new(format!("{what} took longer than {limit:?}"))),
    }
}
