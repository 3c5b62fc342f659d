//! Where the sabotages of email out are put: on the worker's requests and statements, on the audit log; and how one is
//! seen to have landed.

use super::outbox::Outbox;
use crate::sabotage::reaction::Requests;
use crate::sabotage::rules::{self, Knock, MakeRules, SetRules};
use crate::sabotage::trigger::Trigger;
use crate::sql::ident;
use sabot_engine::{Sabotage, Sort};
use sabot_target::{Delivery, Lane};
use sabot_wire::http::{Match, Rule};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long the email of one knock is awaited.
const SENT: Duration = Duration::from_secs(2);

/// The requests to send.
pub(crate) fn sends(delivery: &Delivery) -> Requests {
    let forwarder = &delivery.forwarder;
    Requests {
        service: forwarder.service.clone(),
        wire: forwarder.provider_wire.clone(),
        on: Match::path(&forwarder.send_path),
    }
}

/// A rule on the requests to send.
pub(crate) fn on_sends(
    turns_red: &[&'static str],
    delivery: &Delivery,
    name: &str,
    mistake: &str,
    rule: impl Fn(Match) -> Rule + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let (requests, rule) = (sends(delivery), Arc::new(rule));
    let service = requests.service.clone();
    let set: Arc<SetRules> = Arc::new(move |instance| {
        let rule = rule(requests.on.clone());
        let tally = instance.http(&requests.wire).map(|wire| wire.set(rule).tally().clone());
        Box::pin(async { Ok(vec![tally?]) })
    });
    let make: Arc<MakeRules> = Arc::new(move |_| set.clone());
    rules::knocked(turns_red, name, mistake, (Sort::Http, &service), knock(), make)
}

/// Causes one email and awaits that the provider has been asked for it.
pub(crate) fn knock() -> Arc<Knock> {
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
pub(crate) fn before_audit(delivery: &Delivery, body: String) -> Trigger {
    Trigger {
        database: delivery.database.clone(),
        table: ident(&delivery.audit.table),
        fires: "BEFORE INSERT",
        body,
        deferred: false,
    }
}
