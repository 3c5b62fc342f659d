//! What the ledger of email looks like, and the store of its provider's events.

use super::{DOCUMENT, KEY, MESSAGE, Shape, WORD, part};
use crate::init::table::Sort::{Number, Other, Text, Time, Uuid};

/// What became of each email.
pub(in crate::init) const LEDGER: Shape = Shape {
    what: "ledger of email",
    names: &[
        "ledger",
        "sent",
        "email",
        "emails",
        "mail",
        "mails",
        "message",
        "messages",
        "notification",
        "notifications",
        "outgoing",
    ],
    parts: &[
        part("provider_id", MESSAGE, &[Text, Uuid], 25, "is the provider's id of the message"),
        part(
            "delivered_at",
            &["delivered_at", "arrived_at", "delivered_on", "delivered"],
            &[Time],
            25,
            "says when it was delivered",
        ),
        part(
            "classification",
            &["classification", "status", "state", "outcome", "delivery_status", "disposition", "result"],
            WORD,
            20,
            "says what became of it",
        ),
        part(
            "recipient",
            &[
                "recipient",
                "to_address",
                "to_email",
                "email",
                "address",
                "rcpt",
                "mail_to",
                "to",
                "addressee",
            ],
            &[Text, Other],
            12,
            "is whom it went to",
        ),
        part(
            "sent_at",
            &["sent_at", "accepted_at", "submitted_at", "handed_over_at", "created_at", "sent"],
            &[Time],
            5,
            "says when it was sent",
        ),
        part("provider", &["provider", "vendor", "channel", "via", "sender"], WORD, 2, "names the provider"),
        part(
            "template_kind",
            &["template_kind", "template", "kind", "type", "mail_type"],
            WORD,
            1,
            "says what it was about",
        ),
        part("audit_id", &["audit_id", "event_id", "source_id", "log_id", "id"], KEY, 0, "is its key"),
    ],
    needed: &[&["provider_id"], &["delivered_at", "classification"]],
};

/// The provider's events, as they came.
pub(in crate::init) const EVENTS: Shape = Shape {
    what: "store of delivery events",
    names: &["event", "events", "webhook", "webhooks", "callback", "callbacks", "hooks", "notifications"],
    parts: &[
        part("provider_id", MESSAGE, &[Text, Uuid], 25, "is the provider's id of the message"),
        part(
            "event",
            &["event", "event_type", "event_name", "type", "kind", "name"],
            WORD,
            20,
            "names the event",
        ),
        part(
            "event_time",
            &["event_time", "event_at", "occurred_at", "happened_at", "ts", "timestamp", "event_ts"],
            &[Time, Number],
            15,
            "is the event's own time",
        ),
        part(
            "raw",
            &["raw", "payload", "body", "data", "document", "original"],
            DOCUMENT,
            15,
            "holds it as it came",
        ),
        part(
            "received_at",
            &["received_at", "stored_at", "created_at", "inserted_at", "arrived_at"],
            &[Time],
            8,
            "says when it came",
        ),
        part(
            "recipient_digest",
            &["recipient_digest", "recipient_hash", "email_hash", "address_hash"],
            WORD,
            5,
            "is a digest of the recipient",
        ),
        part("link", &["link", "url", "href"], &[Text], 1, "is the link that was followed"),
        part("provider", &["provider", "vendor", "source"], WORD, 1, "names the provider"),
    ],
    needed: &[&["provider_id"], &["event"], &["event_time", "raw"]],
};
