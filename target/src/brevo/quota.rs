//! Rate limits and the headers that tell of them.
//!
//! Limits: <https://developers.brevo.com/docs/api-limits>. Headers on every answer:
//! <https://developers.brevo.com/docs/limit-headers>. How a window begins is not documented; here with its first call.

use sabot_wire::http::Response;
use std::time::{Duration, Instant};

/// How often something may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The most calls in one window.
    pub calls: u32,
    /// How long a window is.
    pub window: Duration,
    /// Whether a call beyond it is refused; the headers come either way.
    pub enforced: bool,
}

impl Quota {
    /// So many calls in each `window`, and no more.
    pub const fn of(calls: u32, window: Duration) -> Self {
        Self { calls, window, enforced: true }
    }

    /// Told in the headers, and not enforced.
    #[must_use]
    pub const fn told_only(mut self) -> Self {
        self.enforced = false;
        self
    }
}

/// The calls of the present window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    began: Option<Instant>,
    calls: u32,
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) exceeded: bool,
    limit: u32,
    remaining: u32,
    /// Until the window ends, in whole seconds, rounded up.
    reset: u64,
}

impl Window {
    /// Counts a call.
    pub(super) fn spend(&mut self, quota: Quota, now: Instant) -> Spent {
        let fresh = |began: Instant| now.duration_since(began) < quota.window;
        let began = self.began.filter(|began| fresh(*began)).unwrap_or_else(|| {
            self.calls = 0;
            now
        });
        self.began = Some(began);
        self.calls = self.calls.saturating_add(1);
        let left = quota.window.saturating_sub(now.duration_since(began));
        Spent {
            exceeded: quota.enforced && self.calls > quota.calls,
            limit: quota.calls,
            remaining: quota.calls.saturating_sub(self.calls),
            reset: left.as_secs() + u64::from(left.subsec_nanos() > 0),
        }
    }
}

impl Spent {
    /// Adds the headers.
    pub(super) fn tell(self, response: Response) -> Response {
        response
            .header("x-sib-ratelimit-limit", self.limit.to_string())
            .header("x-sib-ratelimit-remaining", self.remaining.to_string())
            .header("x-sib-ratelimit-reset", self.reset.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_and_the_next_begins() {
        let quota = Quota::of(2, Duration::from_secs(3600));
        let (mut window, start) = (Window::default(), Instant::now());
        let first = window.spend(quota, start);
        assert_eq!((first.exceeded, first.remaining, first.reset), (false, 1, 3600));
        assert!(!window.spend(quota, start).exceeded);
        let third = window.spend(quota, start + Duration::from_millis(3_599_500));
        assert_eq!((third.exceeded, third.remaining, third.reset), (true, 0, 1));
        assert!(!window.spend(quota, start + Duration::from_secs(3600)).exceeded);
    }

    #[test]
    fn what_is_only_told_is_not_refused() {
        let (mut window, quota) = (Window::default(), Quota::of(1, Duration::from_secs(1)).told_only());
        let start = Instant::now();
        window.spend(quota, start);
        assert!(!window.spend(quota, start).exceeded);
    }
}
