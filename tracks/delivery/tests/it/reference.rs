//! A row whose message's id got lost with the provider's answer: it takes the id of the events that carry its reference,
//! in whichever order the two come.

use std::sync::Arc;

use sabot_delivery::SendOutcome;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fixture, PATIENCE, event, insist, yesterday};
use crate::races::{hold_commits, second_waits};
use crate::stub::{Stub, forwarder};

const UNNAMED: SendOutcome = SendOutcome::Sent { provider_id: None };

/// The forwarder's email to one recipient, its request held: the provider has taken it, and its answer says only that.
struct Email {
    stub: Stub,
    release: Arc<Notify>,
    ending: CancellationToken,
    task: JoinHandle<()>,
}

impl Email {
    async fn asked(fixture: &Fixture) -> Self {
        let insert = "INSERT INTO audit_log (kind, payload) VALUES ('team.created', '{\"email\": \"ann@example.com\"}')";
        fixture.client.execute(insert, &[]).await.unwrap();
        let (stub, release) = Stub::held();
        let stub = stub.with(&[UNNAMED]);
        let ending = CancellationToken::new();
        let task = tokio::spawn(forwarder(fixture, stub.clone()).run(ending.clone()));
        stub.asked.notified().await;
        Self { stub, release, ending, task }
    }

    /// An event that carries its reference among the tags.
    fn event(&self, name: &str, message: &str) -> Value {
        let mut event = event(name, message, yesterday());
        event["tags"] = json!(["team.created", self.stub.seen()[0].1]);
        event
    }

    async fn entered(self, fixture: &Fixture) {
        self.release.notify_one();
        fixture.until("EXISTS (SELECT FROM forwarder_sent)").await;
        self.ending.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
        assert_eq!(self.stub.seen().len(), 1);
    }
}

/// What the only row says: the message's id and the classification.
async fn row(fixture: &Fixture) -> (Option<String>, String) {
    let row = fixture.client.query_one("SELECT provider_id, classification FROM forwarder_sent", &[]).await;
    let row = row.unwrap();
    (row.get(0), row.get(1))
}

fn delivered(message: &str) -> (Option<String>, String) {
    (Some(message.to_owned()), "delivered".to_owned())
}

#[tokio::test]
async fn a_row_without_an_id_takes_that_of_events_that_came_before_it() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let email = Email::asked(&fixture).await;
    assert_eq!(insist(&receiver, &email.event("delivered", "m")).await["matched"], false);
    email.entered(&fixture).await;
    assert_eq!(row(&fixture).await, delivered("m"));
    assert_eq!(insist(&receiver, &event("delivered", "m", yesterday())).await["matched"], true);
}

#[tokio::test]
async fn a_row_without_an_id_takes_that_of_the_first_event_after_it() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let email = Email::asked(&fixture).await;
    let (first, later) = (email.event("delivered", "m"), email.event("opened", "another"));
    email.entered(&fixture).await;
    assert_eq!(row(&fixture).await, (None, "accepted".to_owned()));
    assert_eq!(insist(&receiver, &first).await["matched"], true);
    assert_eq!(row(&fixture).await, delivered("m"));
    insist(&receiver, &later).await;
    assert_eq!(row(&fixture).await, delivered("m"), "an id that is known stays");
}

#[tokio::test]
async fn an_event_that_the_ledger_ignores_names_the_message_too() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let email = Email::asked(&fixture).await;
    let request = email.event("request", "m");
    email.entered(&fixture).await;
    assert_eq!(insist(&receiver, &request).await["skipped"], true);
    assert_eq!(row(&fixture).await, (Some("m".to_owned()), "accepted".to_owned()));
    assert_eq!(insist(&receiver, &event("delivered", "m", yesterday())).await["matched"], true);
    assert_eq!(row(&fixture).await, delivered("m"));
}

#[tokio::test]
async fn an_event_of_an_array_with_the_list_as_text_names_the_message_too() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let email = Email::asked(&fixture).await;
    let mut named = email.event("delivered", "m");
    named["tag"] = named["tags"].to_string().into();
    named.as_object_mut().unwrap().remove("tags");
    let other = event("delivered", "other", yesterday());
    email.entered(&fixture).await;
    let answer = insist(&receiver, &json!([other, named, named])).await;
    assert_eq!((&answer["accepted"], &answer["matched"]), (&json!(3), &json!(2)));
    assert_eq!(row(&fixture).await, delivered("m"));
}

#[tokio::test]
async fn a_reference_of_somebody_else_changes_nothing() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let email = Email::asked(&fixture).await;
    let mut foreign = email.event("delivered", "m");
    foreign["tags"] = json!(["team.created", "6e8bc430-9c3a-51d9-b1a6-8a1c2f7b9d10", "none"]);
    email.entered(&fixture).await;
    assert_eq!(insist(&receiver, &foreign).await["matched"], false);
    assert_eq!(row(&fixture).await, (None, "accepted".to_owned()));
}

#[tokio::test]
async fn an_event_that_is_being_stored_while_the_row_is_written_names_it() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let email = Email::asked(&fixture).await;
    let named = email.event("delivered", "m");
    // The event is stored and not committed, so who writes the row can't see it.
    let holder = hold_commits(&fixture, "delivery_events", "true").await;
    let forwarded = async {
        fixture.waiting(1).await;
        second_waits(&fixture, holder, email.entered(&fixture)).await;
    };
    let (answer, ()) = tokio::join!(insist(&receiver, &named), forwarded);
    assert_eq!((answer["matched"].as_bool(), row(&fixture).await), (Some(true), delivered("m")));
}

#[tokio::test]
async fn a_name_that_is_being_kept_while_the_row_is_written_is_waited_for() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let email = Email::asked(&fixture).await;
    let named = email.event("delivered", "m");
    // Which message carries the reference is written and not committed, and no row was there to adopt it.
    let holder = hold_commits(&fixture, "delivery_references", "true").await;
    let forwarded = async {
        fixture.waiting(1).await;
        second_waits(&fixture, holder, email.entered(&fixture)).await;
    };
    tokio::join!(insist(&receiver, &named), forwarded);
    assert_eq!(row(&fixture).await, delivered("m"));
}
