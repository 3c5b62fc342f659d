//! Brevo: its delivery events and its send API.
//!
//! Sources: <https://developers.brevo.com/docs/transactional-webhooks> for events, the same site's
//! `/docs/batch-webhooks`, `/docs/retry-mechanism`, `/docs/api-limits`, `/docs/limit-headers` and
//! `/docs/heterogenous-versions-batch-emails` (the idempotency key); and the payloads that the test suites of
//! anymail/django-anymail and symfony/symfony hold, where the pages are silent.

mod answer;
mod mailer;
mod payload;

pub use mailer::{BrevoMailer, FromAddress};

use crate::classification::Classification;
use crate::event::{DeclaredEvent, Event, Malformed};
use crate::provider::Provider;

/// Brevo's delivery events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Brevo;

impl Brevo {
    /// Its name in the ledger and in the webhook's path.
    pub const NAME: &str = "brevo";
}

const fn declared(
    event: &'static str,
    classification: Classification,
    spellings: &'static [&'static str],
) -> DeclaredEvent {
    let stamps_delivered_at = matches!(classification, Classification::Delivered);
    DeclaredEvent { event, classification, stamps_delivered_at, spellings }
}

/// The payload's names first, then the older ones and those that a webhook is configured with.
const DECLARED: &[DeclaredEvent] = &[
    declared("delivered", Classification::Delivered, &["delivered"]),
    declared("soft_bounce", Classification::BouncedSoft, &["soft_bounce", "softBounce"]),
    declared("hard_bounce", Classification::BouncedHard, &["hard_bounce", "hardBounce"]),
    declared("invalid_email", Classification::BouncedHard, &["invalid_email", "invalidEmail", "invalid"]),
    declared("blocked", Classification::Rejected, &["blocked"]),
    declared("complaint", Classification::Complaint, &["complaint", "spam"]),
    declared("deferred", Classification::Deferred, &["deferred"]),
    declared("unsubscribed", Classification::Unsubscribed, &["unsubscribed", "unsubscribe"]),
    declared("error", Classification::Error, &["error"]),
];

impl Provider for Brevo {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn declared(&self) -> &'static [DeclaredEvent] {
        DECLARED
    }

    fn read(&self, raw: &str) -> Result<Event, Malformed> {
        payload::read(raw, DECLARED)
    }
}
