//! Where the sabotages of email out are put: on the worker's requests and statements, on the audit log; and how one is
//! seen to have landed.

use super::outbox::Outbox;
use crate::sabotage::reaction::Requests;
use crate::sabotage::rules::Knock;
use crate::sabotage::trigger::Trigger;
use crate::sql::ident;
use sabot_target::Delivery;
use sabot_wire::http::Match;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long the email of one knock is awaited.
const SENT: Duration = Duration::from_secs(2);

/// The requests to send.
pub(super) fn sends(delivery: &Delivery) -> Requests {
    let forwarder = &delivery.forwarder;
    Requests {
        service: forwarder.service.clone(),
        wire: forwarder.provider_wire.clone(),
        on: Match::path(&forwarder.send_path),
    }
}

/// Causes one email and awaits that the provider has been asked for it.
pub(super) fn knock() -> Arc<Knock> {
    Arc::new(|lane, _| {
        Box::pin(async move {
            let outbox = Outbox::open(lane).await?;
            let mail = outbox.cause_one().await?;
            // Whether it is sent at all is not the question here.
            let asked = async {
                while outbox.asked(&mail).is_empty() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            drop(timeout(SENT, asked).await);
            Ok(())
        })
    })
}

/// Runs before each row that is to be written into the audit log.
pub(super) fn before_audit(delivery: &Delivery, body: String) -> Trigger {
    Trigger {
        database: delivery.database.clone(),
        table: ident(&delivery.audit.table),
        fires: "BEFORE INSERT",
        body,
        deferred: false,
    }
}
