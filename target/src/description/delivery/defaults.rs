//! What delivery is where nothing else is said: the contract's limits and words, the embedded platform's names.

use super::{
    Answers, AuditKind, AuditLog, Claims, Cursor, Declared, Delivery, Documented, EventStore, Forwarder,
    Ledger, Marks, Metrics, Overdue, Payload, Standing, Webhook,
};
use crate::description::forms::{pairs_of, texts};
use std::time::Duration;

impl Default for Delivery {
    fn default() -> Self {
        Self {
            without: Vec::new(),
            provider: "brevo".into(),
            database: "platform".into(),
            webhook: Webhook::default(),
            answers: Answers::default(),
            payload: Payload::default(),
            documented: documented(),
            undocumented: texts(&[
                "request",
                "opened",
                "unique_opened",
                "click",
                "proxy_open",
                "unique_proxy_open",
            ]),
            severity: texts(&[
                "complaint",
                "bounced_hard",
                "rejected",
                "unsubscribed",
                "error",
                "delivered",
                "bounced_soft",
                "deferred",
            ]),
            standing: Standing::default(),
            ledger: Ledger::default(),
            events: EventStore::default(),
            audit: AuditLog::default(),
            cursor: Cursor::default(),
            declared: Declared::default(),
            forwarder: Forwarder::default(),
            overdue: Overdue::default(),
            metrics: Metrics::default(),
            marks: Marks::default(),
        }
    }
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            service: "api".into(),
            database_wire: "platform_db".into(),
            path: "/webhooks/brevo/{secret}".into(),
            header: None,
            header_form: "{secret}".into(),
            secret: "brevo_webhook_secret".into(),
            previous_secret: None,
            secret_env: "SABOT_BREVO_WEBHOOK_SECRET".into(),
            previous_secret_env: None,
            secret_file_env: None,
            shortest_secret: 16,
            event_limit: 16 * 1024,
            array_limit: 1024 * 1024,
            array_length: 500,
            repeated: vec![429],
            answers_within: Duration::from_secs(5),
        }
    }
}

impl Default for Standing {
    fn default() -> Self {
        Self { accepted: "accepted".into(), dropped: "permanent_drop".into() }
    }
}

impl Default for Cursor {
    fn default() -> Self {
        Self {
            table: "forwarder_cursor".into(),
            name: "name".into(),
            position: "position".into(),
            row: "forwarder".into(),
        }
    }
}

impl Default for Claims {
    fn default() -> Self {
        Self { table: "forwarder_claims".into(), audit_id: "audit_id".into(), due_at: "due_at".into() }
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            statuses: vec![200],
            ok: "ok".into(),
            matched: "matched".into(),
            event: "event".into(),
            skipped: "skipped".into(),
            accepted: "accepted".into(),
            invalid: "invalid".into(),
            error: "error".into(),
            error_code: "code".into(),
            error_message: "message".into(),
        }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self {
            event: "event".into(),
            message_id: "message-id".into(),
            id_forms: texts(&["{id}", "<{id}>"]),
            id_shape: "202605200930.{n}@smtp-relay.mailin.fr".into(),
            recipient: "email".into(),
            times: texts(&["ts_epoch", "s_epoch", "ts_event", "ts"]),
            link: "link".into(),
            reason: "reason".into(),
            references: texts(&["tags", "tag"]),
            further: pairs_of(&[
                ("id", "814119"),
                // In a zone of its own: whoever takes it for UTC is hours off.
                ("date", r#""2026-05-20 14:37:07""#),
                ("subject", r#""Your plan has changed""#),
                ("sending_ip", r#""185.41.28.109""#),
                ("tags", r#"["billing"]"#),
                ("tag", r#""[\"billing\"]""#),
                ("X-Mailin-custom", r#""kind:subscription""#),
                ("template_id", "22"),
                ("contact_id", "0"),
            ]),
        }
    }
}

fn documented() -> Vec<Documented> {
    let event = |event: &str, classification: &str, other: &[&str]| Documented {
        event: event.into(),
        classification: classification.into(),
        stamps: event == "delivered",
        spellings: [&[event], other].concat().into_iter().map(String::from).collect(),
    };
    vec![
        event("delivered", "delivered", &[]),
        event("soft_bounce", "bounced_soft", &["softBounce", "soft-bounce"]),
        event("hard_bounce", "bounced_hard", &["hardBounce", "hard-bounce"]),
        event("invalid_email", "bounced_hard", &["invalidEmail", "invalid"]),
        event("blocked", "rejected", &[]),
        event("complaint", "complaint", &["spam"]),
        event("deferred", "deferred", &[]),
        event("unsubscribed", "unsubscribed", &["unsubscribe"]),
        event("error", "error", &[]),
    ]
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            table: "forwarder_sent".into(),
            audit_id: "audit_id".into(),
            sent_at: "sent_at".into(),
            provider: "provider".into(),
            provider_id: "provider_id".into(),
            recipient: "recipient".into(),
            template_kind: "template_kind".into(),
            classification: "classification".into(),
            delivered_at: "delivered_at".into(),
            further: Vec::new(),
        }
    }
}

impl Default for EventStore {
    fn default() -> Self {
        Self {
            table: "delivery_events".into(),
            provider: "provider".into(),
            provider_id: "provider_id".into(),
            recipient_digest: "recipient_digest".into(),
            event: "event".into(),
            event_time: "event_time".into(),
            link: "link".into(),
            raw: "raw".into(),
            received_at: "received_at".into(),
            once: "delivery_events_once".into(),
        }
    }
}

impl Default for AuditLog {
    fn default() -> Self {
        Self {
            table: "audit_log".into(),
            id: "id".into(),
            kind: "kind".into(),
            team_id: "team_id".into(),
            actor: "actor".into(),
            summary: "summary".into(),
            payload: "payload".into(),
            created_at: "created_at".into(),
            recipient: "email".into(),
            refused: "webhook.refused".into(),
        }
    }
}

impl Default for Declared {
    fn default() -> Self {
        Self {
            path: "/delivery/events".into(),
            credential: "api_token".into(),
            events: "events".into(),
            event: "event".into(),
            classification: "classification".into(),
            stamps: "stamps_delivered_at".into(),
            spellings: "spellings".into(),
            severity: "severity".into(),
            kinds: "kinds".into(),
            kind: "kind".into(),
            emails: "emails".into(),
            renderer: "renderer".into(),
        }
    }
}

impl Default for Forwarder {
    fn default() -> Self {
        let kind = |kind: &str, emails, payload: &str| AuditKind {
            kind: kind.into(),
            emails,
            payload: payload.into(),
        };
        Self {
            service: "worker".into(),
            database_wire: "platform_db".into(),
            provider_wire: "brevo".into(),
            send_path: "/v3/smtp/email".into(),
            answered_id: "/messageId".into(),
            idempotency_key: "/headers/idempotencyKey".into(),
            reference: "/tags".into(),
            recipient: "/to/0/email".into(),
            claims: Claims::default(),
            poll: Duration::from_secs(1),
            lease: Duration::from_secs(60),
            send_limit: Duration::from_secs(10),
            poll_env: "SABOT_FORWARDER_POLL".into(),
            lease_env: "SABOT_FORWARDER_LEASE".into(),
            send_limit_env: "SABOT_FORWARDER_SEND_LIMIT".into(),
            retry_env: "SABOT_FORWARDER_RETRY".into(),
            registry: texts(&["sabot-worker", "kinds", "--format", "json"]),
            kinds: vec![
                kind("team.created", true, r#"{"name":"Example","tier":"free"}"#),
                kind("subscription.upgraded", true, r#"{"from":"free","to":"pro"}"#),
                kind("subscription.downgraded", true, r#"{"from":"pro","to":"free"}"#),
                kind("resource.created", false, r#"{"resource":1,"database":"r1","tier":"free"}"#),
                kind("resource.deleted", false, r#"{"resource":1}"#),
            ],
        }
    }
}

impl Default for Overdue {
    fn default() -> Self {
        Self {
            path: "/delivery/accepted-too-long".into(),
            credential: "api_token".into(),
            messages: "messages".into(),
            audit_id: "audit_id".into(),
            recipient: "recipient".into(),
            after: Duration::from_secs(24 * 3600),
            after_env: "SABOT_ACCEPTED_TOO_LONG".into(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            path: "/metrics".into(),
            overdue: "sabot_delivery_accepted_too_long".into(),
            messages: "sabot_delivery_messages".into(),
            classification: "classification".into(),
            unavailable: "sabot_delivery_unavailable_total".into(),
            refused: "sabot_delivery_refused_total".into(),
            // The contract gives it a minute; it looks again at the latest after five seconds.
            follows_within: Duration::from_secs(15),
        }
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            store: "/* delivery store */".into(),
            ledger: "/* delivery ledger */".into(),
            claim: "/* forwarder claim */".into(),
            sent: "/* forwarder ledger */".into(),
            cursor: "/* forwarder cursor */".into(),
            overdue: "/* accepted too long */".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_classification_of_an_event_has_its_place_in_a_tie() {
        let delivery = Delivery::default();
        let given: BTreeSet<_> = delivery.documented.iter().map(|event| &event.classification).collect();
        assert_eq!(given, delivery.severity.iter().collect());
        assert!(!given.contains(&delivery.standing.accepted) && !given.contains(&delivery.standing.dropped));
    }

    #[test]
    fn no_spelling_means_two_events() {
        let delivery = Delivery::default();
        let mut seen = BTreeSet::new();
        for event in &delivery.documented {
            assert!(event.spellings.contains(&event.event));
            for spelling in event.spellings.iter().chain(&delivery.undocumented) {
                assert!(
                    seen.insert(spelling.clone()) || delivery.undocumented.contains(spelling),
                    "{spelling}"
                );
            }
        }
    }

    #[test]
    fn what_is_given_as_json_is_json() {
        let delivery = Delivery::default();
        let further = delivery.payload.further.iter().map(|(_, value)| value);
        for text in further.chain(delivery.forwarder.kinds.iter().map(|kind| &kind.payload)) {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
        }
    }
}
