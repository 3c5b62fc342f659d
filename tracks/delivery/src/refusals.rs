//! Who came without a valid secret, told at most once a minute for each source.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a source is not told of again.
const PERIOD: Duration = Duration::from_secs(60);
/// How many sources are remembered; beyond that nobody new is told of until a minute has passed.
const SOURCES: usize = 1_024;

/// A call without a valid secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedCall {
    /// Where it came from, as far as the connection tells. Mask it before you keep it.
    pub source: Option<IpAddr>,
}

type Tell = Arc<dyn Fn(RefusedCall) + Send + Sync>;

/// Tells of refused calls.
#[derive(Clone, Default)]
pub(crate) struct Refusals {
    tell: Option<Tell>,
    told: Arc<Mutex<HashMap<Option<IpAddr>, Instant>>>,
}

impl Refusals {
    pub(crate) fn new(tell: impl Fn(RefusedCall) + Send + Sync + 'static) -> Self {
        Self { tell: Some(Arc::new(tell)), told: Arc::default() }
    }

    pub(crate) fn note(&self, source: Option<IpAddr>) {
        let Some(tell) = &self.tell else { return };
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= SOURCES {
            told.retain(|_, at| now.duration_since(*at) < PERIOD);
        }
        let lately = told.get(&source).is_some_and(|at| now.duration_since(*at) < PERIOD);
        if lately || told.len() >= SOURCES {
            return;
        }
        told.insert(source, now);
        drop(told);
        tell(RefusedCall { source });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_source_is_told_of_once_a_minute_however_often_it_comes() {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let refusals = Refusals::new(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let (ann, bob) = (Some(IpAddr::from([1, 2, 3, 4])), Some(IpAddr::from([1, 2, 3, 5])));
        [ann, ann, bob, ann, None, None].into_iter().for_each(|source| refusals.note(source));
        assert_eq!(count.load(Ordering::Relaxed), 3);
        advance(PERIOD).await;
        refusals.note(ann);
        assert_eq!(count.load(Ordering::Relaxed), 4);
        (0..5_000_u32).for_each(|n| refusals.note(Some(IpAddr::from(n.to_be_bytes()))));
        assert!(count.load(Ordering::Relaxed) <= 4 + SOURCES);
    }
}
