//! What a handler is given and what it answers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::redact::with_causes;

/// What a handler fails with. It is shown with its causes, redacted and cut.
pub type HandlerError = Box<dyn std::error::Error + Send + Sync>;

/// A propagation that is being dispatched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Propagation<P> {
    /// Its id.
    pub id: i64,
    /// Its kind.
    pub kind: Arc<str>,
    /// The team that it is about.
    pub team_id: Option<i64>,
    /// The tier that the team is to have.
    pub target_tier: Option<String>,
    /// What it carries.
    pub payload: P,
    /// Which attempt this is, from one: failures so far, and this one. A crash is not counted.
    pub attempt: u32,
}

impl<P> Propagation<P> {
    /// What every call to the downstream carries as `Idempotency-Key`, where the propagation needs one call. A retry
    /// repeats it.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        self.id.to_string()
    }

    /// The same where one propagation needs several calls, one for each resource.
    #[must_use]
    pub fn idempotency_key_for(&self, resource: impl std::fmt::Display) -> String {
        format!("{}/{resource}", self.id)
    }
}

/// What a dispatch came to, when it did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The downstream has it.
    Applied,
    /// The downstream left it, for this reason. A reason that is not harmless makes it a failure.
    Skipped(SkipReason),
}

/// Why a downstream left a propagation alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// Everything was already as it is to be.
    AlreadyCorrect,
    /// There is nothing to do for a resource of this sort.
    UnsupportedResource,
    /// A newer change of the same thing stands.
    Superseded,
    /// Anything else: not known to be harmless, so a failure that retries and is audited.
    Other(String),
}

impl SkipReason {
    /// Reads what a downstream answered: `already_correct`, `unsupported_resource`, `superseded`, or anything else.
    #[must_use]
    pub fn parse(reason: &str) -> Self {
        let harmless = [Self::AlreadyCorrect, Self::UnsupportedResource, Self::Superseded];
        let known = harmless.into_iter().find(|known| known.as_str() == reason);
        known.unwrap_or_else(|| Self::Other(reason.to_owned()))
    }

    /// The reason as a downstream answers it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::AlreadyCorrect => "already_correct",
            Self::UnsupportedResource => "unsupported_resource",
            Self::Superseded => "superseded",
            Self::Other(reason) => reason,
        }
    }
}

/// Why a dispatch failed, in bounded words, for metrics and audit rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    Error,
    TimedOut,
    Panicked,
    UnreadablePayload,
    UnknownKind,
    UnexpectedSkip,
}

impl Reason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
            Self::UnreadablePayload => "unreadable_payload",
            Self::UnknownKind => "unknown_kind",
            Self::UnexpectedSkip => "unexpected_skip",
        }
    }
}

/// How a dispatch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Applied,
    Skipped(&'static str),
    Failed(Reason, String),
}

impl End {
    fn of(answer: Result<Outcome, HandlerError>) -> Self {
        match answer {
            Ok(Outcome::Applied) => Self::Applied,
            Ok(Outcome::Skipped(SkipReason::AlreadyCorrect)) => Self::Skipped("already_correct"),
            Ok(Outcome::Skipped(SkipReason::UnsupportedResource)) => Self::Skipped("unsupported_resource"),
            Ok(Outcome::Skipped(SkipReason::Superseded)) => Self::Skipped("superseded"),
            Ok(Outcome::Skipped(SkipReason::Other(reason))) => Self::Failed(
                Reason::UnexpectedSkip,
                format!("skipped for a reason not known to be harmless: {reason}"),
            ),
            Err(error) => Self::Failed(Reason::Error, with_causes(error.as_ref())),
        }
    }
}

type Dispatch = Pin<Box<dyn Future<Output = End> + Send>>;

/// A handler without the type of its payload.
pub(crate) type Erased = Arc<dyn Fn(Propagation<String>) -> Dispatch + Send + Sync>;

/// Wraps a handler so that it reads its payload first. A payload that it cannot read fails like anything else: the next
/// release may be able to.
pub(crate) fn erase<P, H, F>(handler: H) -> Erased
where
    P: DeserializeOwned + Send + 'static,
    H: Fn(Propagation<P>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Outcome, HandlerError>> + Send + 'static,
{
    let handler = Arc::new(handler);
    Arc::new(move |raw| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            let Propagation { id, kind, team_id, target_tier, payload, attempt } = raw;
            match serde_json::from_str(&payload) {
                Ok(payload) => {
                    End::of(handler(Propagation { id, kind, team_id, target_tier, payload, attempt }).await)
                }
                Err(error) => {
                    End::Failed(Reason::UnreadablePayload, format!("the payload is not readable: {error}"))
                }
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_harmless_skips_are_success() {
        for reason in ["already_correct", "unsupported_resource", "superseded"] {
            assert_eq!(SkipReason::parse(reason).as_str(), reason);
            assert!(
                matches!(End::of(Ok(Outcome::Skipped(SkipReason::parse(reason)))), End::Skipped(same) if same == reason)
            );
        }
        for reason in ["", "Superseded", "quota"] {
            let end = End::of(Ok(Outcome::Skipped(SkipReason::parse(reason))));
            assert!(matches!(end, End::Failed(Reason::UnexpectedSkip, _)), "{reason:?}");
        }
    }
}
