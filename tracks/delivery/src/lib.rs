//! Email out, delivery events in, one ledger.

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
pub use schema::MIGRATION;
pub use secrets::{MIN_SECRET_CHARS, SecretError, Secrets};
pub use seen::{Seen, SeenError, Unheard};
