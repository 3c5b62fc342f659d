//! The long form of checks: as many rounds as fit into a time, where the short form makes one.

use std::time::Duration;
use tokio::time::Instant;

/// For how many seconds each check goes on that has a long form.
const SECONDS: &str = "SABOT_SOAK_SECONDS";

/// Looks at what was asked for, before anything is started.
///
/// # Errors
/// A sentence that says what was given and what is wanted, when it is no number of seconds.
pub fn soak_is_readable() -> Result<(), String> {
    match std::env::var(SECONDS) {
        Ok(seconds) if parse(&seconds).is_none() => {
            Err(format!("{SECONDS} is {seconds:?}: give a whole number of seconds above zero, or unset it"))
        }
        _ => Ok(()),
    }
}

/// For how long rounds are to be made; `None` for the short form.
pub(crate) fn time() -> Option<Duration> {
    parse(&std::env::var(SECONDS).ok()?)
}

/// What a check's own deadline is in the form that is asked for.
pub(crate) fn deadline(short: Duration) -> Duration {
    short + time().unwrap_or_default()
}

/// Whether another round is to be made after those since `begun`.
pub(crate) fn goes_on(begun: Instant) -> bool {
    time().is_some_and(|time| begun.elapsed() < time)
}

fn parse(seconds: &str) -> Option<Duration> {
    seconds.parse().ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_form_is_asked_for_in_whole_seconds() {
        assert_eq!(parse("300"), Some(Duration::from_secs(300)));
        assert_eq!(parse("0"), None);
        assert_eq!(parse("soon"), None);
    }
}
