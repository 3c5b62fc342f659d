//! The seam between the track and an email provider.

use async_trait::async_trait;
use uuid::Uuid;

use crate::email::{Message, SendOutcome};
use crate::event::{DeclaredEvent, Event, Malformed};

/// What a provider tells of delivery: its name, its events, and how to read one.
pub trait Provider: Send + Sync + 'static {
    /// As it stands in the ledger and in the webhook's path: `a-z`, `0-9` and `_`.
    fn name(&self) -> &'static str;

    /// The events that the ledger is concerned with.
    fn declared(&self) -> &'static [DeclaredEvent];

    /// Reads one event. One outside the declared ones is an [`Event`] all the same, if only it has a name.
    ///
    /// # Errors
    /// When the text is none.
    fn read(&self, raw: &str) -> Result<Event, Malformed>;
}

/// How a provider is asked to send.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Asks once, within the mailer's own time limit. `reference` is the idempotency key: the same again must not lead
    /// to a second email. It is also put where the provider's events [tell it back](crate::Event::reference).
    async fn send(&self, message: &Message, reference: Uuid) -> SendOutcome;
}
