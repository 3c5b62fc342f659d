//! Email out, delivery events in, one ledger.
//!
//! An email provider answers `201` when it has *accepted* a message. What became of it arrives later, by webhook, at
//! least once, in any order, and sometimes before the sender has written down what it sent. The *ledger*
//! (`forwarder_sent`) says for each message what is known by now, and these laws hold:
//!
//! - **Kept**: every event is committed before it is acknowledged; where that cannot be, the answer is 429, which
//!   makes the provider come again.
//! - **By construction**: a ledger row follows from the stored events alone. The latest event time decides, of several
//!   at one time the most severe; the greatest time of a delivery is the time of delivery. So replays, any order,
//!   storms and events that come too early end in the same row.
//! - **Once**: the [`Forwarder`] sends each audit row of a kind that emails, from any number of workers. A crash costs
//!   at most one request more, under the same idempotency key, and never a row.
//! - **Seen**: what nobody has heard of for too long is [listed and counted](Seen).
//!
//! ```text
//!  audit_log ──▶ Forwarder ──▶ Mailer ─ ─ ─ provider ─ ─ ─▶ Receiver ──▶ delivery_events
//!                    └────────▶ forwarder_sent ◀───── computed from ────────────┘
//! ```
//!
//! Events in, on a router of axum's; [`Receiver::receive`] is the same without a framework:
//!
//! ```
//! use axum::body::Body;
//! use axum::http::Request;
//! use sabot_delivery::{Brevo, Receiver, Secrets};
//! use tower::ServiceExt as _;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // It has the tables of `sabot_delivery::MIGRATIONS`, and is connected to when the first event comes.
//! let database = "postgres://app@127.0.0.1:1/app".parse()?;
//! let secrets = Secrets::new(["the-secret-at-the-end-of-the-path"])?;
//! let receiver = Receiver::new(Brevo, secrets, database);
//! let app: axum::Router = axum::Router::new().merge(receiver.routes());
//!
//! let post = |path: &str, body: &'static str| Request::post(path).body(Body::from(body));
//! let answer = app.clone().oneshot(post("/webhooks/brevo/a-guess", "{}")?).await?;
//! assert_eq!(answer.status(), 401);
//!
//! let path = "/webhooks/brevo/the-secret-at-the-end-of-the-path";
//! assert_eq!(app.clone().oneshot(post(path, "not an event")?).await?.status(), 400);
//!
//! // Nobody listens at that address, so nothing is acknowledged, and the provider is asked to come again.
//! let event = r#"{"event":"delivered","email":"ann@example.com","message-id":"<1@mailin.fr>","ts_event":1685543827}"#;
//! let answer = app.oneshot(post(path, event)?).await?;
//! assert_eq!(answer.status(), 429);
//! assert!(answer.headers().contains_key("retry-after"));
//! # Ok(())
//! # }
//! ```
//!
//! What it refuses to do: answer 5xx, at which Brevo discards an event for good; take the time of arrival for the time
//! of an event; log an address, a payload or a secret; skip in silence an audit row that it cannot send.

mod answer;
mod body;
mod brevo;
mod classification;
mod email;
mod event;
mod forwarder;
mod kinds;
mod mask;
mod metrics;
mod provider;
mod receiver;
mod refusals;
mod router;
mod schema;
mod secrets;
mod seen;
mod store;

pub use answer::Answer;
pub use body::{MAX_ARRAY, MAX_EVENT, MAX_EVENTS};
pub use brevo::{Brevo, BrevoMailer, FromAddress};
pub use classification::Classification;
pub use email::{Email, Message, SendOutcome};
pub use event::{DeclaredEvent, Event, Malformed, digest};
pub use forwarder::{Forwarder, ForwarderSettings};
pub use kinds::{AuditRow, Declaration, DeclaredKind, Kinds, RenderError, Renderer, escape};
pub use mask::{mask_address, mask_source};
pub use provider::{Mailer, Provider};
pub use receiver::Receiver;
pub use refusals::RefusedCall;
pub use schema::MIGRATIONS;
pub use secrets::{MIN_SECRET_CHARS, SecretError, Secrets};
pub use seen::{Seen, SeenError, Unheard};
