//! Deep readiness: `/readyz` that follows each dependency to its end, and yet is cheap, quick and silent about
//! secrets.
//!
//! - Each [`Dependency`] has its criticality, cache period and time limit. Only a *critical* one that *failed* takes
//!   the service out of rotation (503); anything else not well is `degraded` (200).
//! - However many callers arrive, a dependency sees at most one probe per period. A result up to three periods old
//!   is served at once while one probe runs; an older one is awaited. No caller, no probe.
//! - Errors are short words (`timeout`, `refused`, `http_500`, `auth_401`); what is not one is redacted by a
//!   [`Redactor`] that knows the service's credentials, and cut only then.
//! - The [`Envelope`] has the keys that are documented, and no others.
//!
//! It needs no HTTP client and no database driver: a [`Probe`] is any async closure that returns a [`ProbeResult`].
//!
//! ```
//! use sabot_readiness::{Dependency, ProbeResult, Readiness, Redactor, Status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let readiness = Readiness::builder("shop", "f41ed2b")
//!     .redactor(Redactor::new(["the-api-key-of-the-mail-provider"]))
//!     .dependency(Dependency::critical("database", || async { ProbeResult::ok() }))
//!     .dependency(Dependency::non_critical("mail", || async { ProbeResult::from_http_status(401) }))
//!     .build()?;
//! let app: axum::Router = axum::Router::new().merge(readiness.routes());
//!
//! let answer = readiness.check().await;
//! assert_eq!((answer.overall, answer.http_status()), (Status::Degraded, 200));
//! assert_eq!(answer.checks[1].last_error.as_deref(), Some("auth_401"));
//! # drop(app);
//! # Ok(())
//! # }
//! ```
//!
//! What it refuses to do: probe in the background (an idle service would wear out its upstreams' limits), cancel a
//! probe because its caller went away (others wait for it too), or put a raw error into an answer.

mod cached;
mod dependency;
mod envelope;
mod http;
mod metrics;
mod probe;
mod readiness;
mod redact;
mod status;

pub use dependency::{DEFAULT_CACHE_PERIOD, DEFAULT_TIME_LIMIT, Dependency};
pub use envelope::{Envelope, Row};
pub use http::livez;
pub use probe::{Probe, ProbeResult, word};
pub use readiness::{BuildError, Builder, Readiness};
pub use redact::{MAX_ERROR_CHARS, REDACTED, Redactor};
pub use status::{Criticality, Status};
