//! What the embedded platform promises about delivery.

use super::pairs;
use crate::description::delivery::{
    Answers, AuditKind, AuditLog, Claims, Cursor, Declared, Delivery, Documented, EventStore, Forwarder,
    Ledger, Marks, Metrics, Overdue, Payload, Standing, Webhook,
};
use std::time::Duration;

pub(super) fn delivery() -> Delivery {
    Delivery {
        provider: "brevo".into(),
        database: "platform".into(),
        webhook: webhook(),
        answers: answers(),
        payload: payload(),
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
        standing: Standing { accepted: "accepted".into(), dropped: "permanent_drop".into() },
        ledger: ledger(),
        events: events(),
        audit: audit(),
        cursor: Cursor {
            table: "forwarder_cursor".into(),
            name: "name".into(),
            position: "position".into(),
            row: "forwarder".into(),
        },
        declared: declared(),
        forwarder: forwarder(),
        overdue: overdue(),
        metrics: metrics(),
        marks: marks(),
    }
}

fn webhook() -> Webhook {
    Webhook {
        service: "api".into(),
        database_wire: "platform_db".into(),
        path: "/webhooks/brevo/{secret}".into(),
        secret: "brevo_webhook_secret".into(),
        previous_secret: Some("brevo_webhook_secret_previous".into()),
        secret_env: "SABOT_BREVO_WEBHOOK_SECRET".into(),
        previous_secret_env: Some("SABOT_BREVO_WEBHOOK_SECRET_PREVIOUS".into()),
        secret_file_env: Some("SABOT_BREVO_WEBHOOK_SECRET_FILE".into()),
        shortest_secret: 16,
        event_limit: 16 * 1024,
        array_limit: 1024 * 1024,
        array_length: 500,
        repeated: vec![429],
        answers_within: Duration::from_secs(5),
    }
}

fn answers() -> Answers {
    Answers {
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

fn payload() -> Payload {
    Payload {
        event: "event".into(),
        message_id: "message-id".into(),
        id_forms: texts(&["{id}", "<{id}>"]),
        id_shape: "202605200930.{n}@smtp-relay.mailin.fr".into(),
        recipient: "email".into(),
        times: texts(&["ts_epoch", "s_epoch", "ts_event", "ts"]),
        link: "link".into(),
        reason: "reason".into(),
        references: texts(&["tags", "tag"]),
        further: pairs(&[
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

fn ledger() -> Ledger {
    Ledger {
        table: "forwarder_sent".into(),
        audit_id: "audit_id".into(),
        sent_at: "sent_at".into(),
        provider: "provider".into(),
        provider_id: "provider_id".into(),
        recipient: "recipient".into(),
        template_kind: "template_kind".into(),
        classification: "classification".into(),
        delivered_at: "delivered_at".into(),
    }
}

fn events() -> EventStore {
    EventStore {
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

fn audit() -> AuditLog {
    AuditLog {
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

fn declared() -> Declared {
    Declared {
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

fn forwarder() -> Forwarder {
    let kind =
        |kind: &str, emails, payload: &str| AuditKind { kind: kind.into(), emails, payload: payload.into() };
    Forwarder {
        service: "worker".into(),
        database_wire: "platform_db".into(),
        provider_wire: "brevo".into(),
        send_path: "/v3/smtp/email".into(),
        answered_id: "/messageId".into(),
        idempotency_key: "/headers/idempotencyKey".into(),
        reference: "/tags".into(),
        recipient: "/to/0/email".into(),
        claims: Claims {
            table: "forwarder_claims".into(),
            audit_id: "audit_id".into(),
            due_at: "due_at".into(),
        },
        poll: Duration::from_millis(100),
        lease: Duration::from_secs(2),
        send_limit: Duration::from_secs(1),
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

fn overdue() -> Overdue {
    Overdue {
        path: "/delivery/accepted-too-long".into(),
        credential: "api_token".into(),
        messages: "messages".into(),
        audit_id: "audit_id".into(),
        recipient: "recipient".into(),
        after: Duration::from_secs(24 * 3600),
        after_env: "SABOT_ACCEPTED_TOO_LONG".into(),
    }
}

fn metrics() -> Metrics {
    Metrics {
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

fn marks() -> Marks {
    Marks {
        store: "/* delivery store */".into(),
        ledger: "/* delivery ledger */".into(),
        claim: "/* forwarder claim */".into(),
        sent: "/* forwarder ledger */".into(),
        cursor: "/* forwarder cursor */".into(),
        overdue: "/* accepted too long */".into(),
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_classification_of_an_event_has_its_place_in_a_tie() {
        let delivery = delivery();
        let given: BTreeSet<_> = delivery.documented.iter().map(|event| &event.classification).collect();
        assert_eq!(given, delivery.severity.iter().collect());
        assert!(!given.contains(&delivery.standing.accepted) && !given.contains(&delivery.standing.dropped));
    }

    #[test]
    fn no_spelling_means_two_events() {
        let delivery = delivery();
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
        let delivery = delivery();
        let further = delivery.payload.further.iter().map(|(_, value)| value);
        for text in further.chain(delivery.forwarder.kinds.iter().map(|kind| &kind.payload)) {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
        }
    }
}
