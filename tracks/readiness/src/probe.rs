//! What a probe is, and what it answers.

use std::borrow::Cow;
use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;

use crate::status::Status;

/// The short, stable words that stand in `last_error`. People alert and search by them, so they do not change.
pub mod word {
    /// The time limit passed before the dependency answered.
    pub const TIMEOUT: &str = "timeout";
    /// Nobody listens at the address.
    pub const REFUSED: &str = "refused";
    /// The connection ended in the middle.
    pub const RESET: &str = "reset";
    /// No route to the address.
    pub const UNREACHABLE: &str = "unreachable";
    /// The probe itself panicked.
    pub const PANICKED: &str = "panicked";
    /// The probe ended without an answer, as when the runtime shuts down.
    pub const ABANDONED: &str = "abandoned";
}

/// One look at one dependency. Any `Fn() -> impl Future<Output = ProbeResult>` is one.
///
/// A probe needs no time limit, cache or lock of its own: the [`Dependency`](crate::Dependency) has them. It must
/// not block its thread (use `tokio::task::spawn_blocking`): its time limit can only cut it at an `.await`.
pub trait Probe: Send + Sync + 'static {
    /// Looks once.
    fn probe(&self) -> Pin<Box<dyn Future<Output = ProbeResult> + Send>>;
}

impl<F, Fut> Probe for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ProbeResult> + Send + 'static,
{
    fn probe(&self) -> Pin<Box<dyn Future<Output = ProbeResult> + Send>> {
        Box::pin(self())
    }
}

/// What a probe saw: a status and, unless it is [`Status::Ok`], an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    status: Status,
    error: Option<Cow<'static, str>>,
}

impl ProbeResult {
    /// The dependency answers as it should.
    #[must_use]
    pub const fn ok() -> Self {
        Self { status: Status::Ok, error: None }
    }

    /// The dependency answers, and yet something is wrong with it or with how we ask.
    #[must_use]
    pub fn degraded(error: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Degraded, error: Some(error.into()) }
    }

    /// The dependency does not do its work.
    #[must_use]
    pub fn failed(error: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Failed, error: Some(error.into()) }
    }

    /// Classifies the HTTP status of an upstream's answer.
    ///
    /// 2xx is ok; 401 and 403 degraded (`auth_401`, `auth_403`: it is up, our credential is not); 408, 429 and 5xx
    /// failed (`http_503`); anything else, a redirect among it, degraded (`http_404`): somebody answers, but not
    /// what was asked for.
    #[must_use]
    pub fn from_http_status(status: u16) -> Self {
        match status {
            200..=299 => Self::ok(),
            401 | 403 => Self::degraded(format!("auth_{status}")),
            408 | 429 | 500..=599 => Self::failed(format!("http_{status}")),
            _ => Self::degraded(format!("http_{status}")),
        }
    }

    /// Classifies an error as failed, by the I/O error at its root where there is one (`refused`, `timeout`, …),
    /// else by its own text, which is redacted and cut before anyone sees it.
    #[must_use]
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(current) = cause {
            if let Some(word) = current.downcast_ref::<io::Error>().and_then(io_word) {
                return Self::failed(word);
            }
            cause = current.source();
        }
        Self::failed(error.to_string())
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The error as the probe gave it: not yet redacted, so not fit to be shown.
    #[must_use]
    pub fn raw_error(&self) -> Option<&str> {
        self.error.as_deref()
    }
}

fn io_word(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind as Kind;
    Some(match error.kind() {
        Kind::ConnectionRefused => word::REFUSED,
        Kind::TimedOut => word::TIMEOUT,
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof => {
            word::RESET
        }
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::AddrNotAvailable => word::UNREACHABLE,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_http_status_is_classified_as_the_contract_says() {
        for status in 100..=599_u16 {
            let seen = ProbeResult::from_http_status(status);
            let expected = match status {
                200..=299 => Status::Ok,
                408 | 429 => Status::Failed,
                500.. => Status::Failed,
                _ => Status::Degraded,
            };
            assert_eq!(seen.status(), expected, "{status}");
            assert_eq!(seen.raw_error().is_none(), expected == Status::Ok, "{status}");
        }
        assert_eq!(ProbeResult::from_http_status(401).raw_error(), Some("auth_401"));
        assert_eq!(ProbeResult::from_http_status(503).raw_error(), Some("http_503"));
        assert_eq!(ProbeResult::from_http_status(404).raw_error(), Some("http_404"));
    }

    #[test]
    fn the_io_error_at_the_root_gives_the_word() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot reach postgres://u:hunter2@db")]
        struct Outer(#[source] io::Error);

        let refused = Outer(io::ErrorKind::ConnectionRefused.into());
        assert_eq!(ProbeResult::from_error(&refused), ProbeResult::failed("refused"));
        let other = Outer(io::Error::other("odd"));
        assert_eq!(ProbeResult::from_error(&other).raw_error(), Some("cannot reach postgres://u:hunter2@db"));
    }
}
