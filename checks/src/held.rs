//! Waiting for the message at which a wire holds a service.

use sabot_engine::{CannotTell, Judgement};
use sabot_wire::hold::{Held, Hold};
use std::time::Duration;
use tokio::time::timeout;

/// The next message that `hold` holds. Where none comes within `limit` the check cannot tell; `otherwise` says what did
/// not happen.
pub(crate) async fn next<M, A>(
    hold: &mut Hold<M, A>,
    limit: Duration,
    otherwise: impl Into<String>,
) -> Judgement<Held<M, A>> {
    timeout(limit, hold.next()).await.ok().flatten().ok_or_else(|| CannotTell::new(otherwise))
}
