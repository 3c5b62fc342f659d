//! What the ledger shows of the whole.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use sabot_delivery::Seen;

use crate::fixture::{Fixture, event, insist, yesterday};

#[tokio::test]
async fn a_message_that_nobody_hears_of_is_listed_and_counted_and_a_delivered_one_is_not() {
    let fixture = Fixture::new().await;
    for (id, message) in [(1, "old"), (2, "heard of"), (3, "new")] {
        fixture.accepted(id, message).await;
    }
    let age = "UPDATE forwarder_sent SET sent_at = now() - interval '25 hours' WHERE audit_id < 3";
    fixture.client.execute(age, &[]).await.unwrap();
    insist(&fixture.receiver(), &event("delivered", "heard of", yesterday())).await;
    insist(&fixture.receiver(), &event("blocked", "new", yesterday())).await;
    let seen = Seen::new(fixture.database.config(), Duration::from_secs(24 * 3_600));
    let list = seen.accepted_too_long().await.unwrap();
    let ids: Vec<_> = list.iter().map(|message| (message.audit_id, message.provider_id.as_deref())).collect();
    assert_eq!(ids, [(1, Some("old"))]);

    let mut registry = Registry::default();
    seen.register_metrics(&mut registry);
    seen.refresh().await;
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    assert!(text.contains("sabot_delivery_accepted_too_long 1"), "{text}");
    for (word, count) in [("rejected", 1), ("delivered", 0), ("accepted", 0)] {
        let line = format!("sabot_delivery_messages{{classification=\"{word}\"}} {count}");
        assert!(text.contains(&line), "no {line} in {text}");
    }
}
