//! Scripts: what follows upon a message.

use super::{LONG, Receiver, email, send, simulator};
use sabot_target::brevo::{Kind, Script};
use serde_json::{Value, json};
use std::time::Duration;

const ONE: &str = "6e8bc430-9c3a-51d9-b1a6-8a1c2f7b9d10";

fn names(bodies: &[Value]) -> Vec<&str> {
    bodies.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_script_is_played_in_order_for_each_recipient() {
    let brevo = simulator().await;
    let mut receiver = Receiver::start().await;
    brevo.set_webhook(receiver.url());
    let script = Script::deferred_then_delivered().then(Duration::from_millis(1), Kind::Complaint);
    brevo.configure(|settings| settings.script = script);
    let mut body = email(ONE);
    body["to"] = json!([{"email": "ada@example.com"}, {"email": "bob@example.com"}]);
    let (_, answer) = send(&brevo, &body).await;
    assert_eq!(brevo.settled(LONG).await.unwrap().acknowledged(), 8);
    let bodies = receiver.bodies();
    let of = |recipient: &str| -> Vec<Value> {
        bodies.iter().filter(|event| event["email"] == json!(recipient)).cloned().collect()
    };
    for recipient in ["ada@example.com", "bob@example.com"] {
        assert_eq!(names(&of(recipient)), ["request", "deferred", "delivered", "complaint"]);
    }
    assert!(bodies.iter().all(|event| event["message-id"] == answer["messageId"]), "{bodies:?}");
}

#[tokio::test]
async fn a_sender_domain_that_nobody_validated_is_taken_and_not_delivered() {
    let brevo = simulator().await;
    let mut receiver = Receiver::start().await;
    brevo.set_webhook(receiver.url());
    brevo.configure(|settings| {
        settings.script = Script::delivered();
        settings.sender_domains = Some(vec!["example.org".into()]);
    });
    assert_eq!(send(&brevo, &email(ONE)).await.0, 201, "the API takes it all the same");
    brevo.settled(LONG).await.unwrap();
    assert_eq!(receiver.bodies(), [json!(null); 0], "silence");

    brevo.reset();
    brevo.set_webhook(receiver.url());
    brevo.configure(|settings| {
        settings.script = Script::delivered();
        settings.sender_domains = Some(vec!["example.org".into()]);
        settings.unvalidated = Script::blocked();
    });
    send(&brevo, &email(ONE)).await;
    brevo.settled(LONG).await.unwrap();
    assert_eq!(names(&receiver.bodies()), ["request", "blocked"]);
    brevo.configure(|settings| settings.sender_domains = Some(vec!["Example.com".into()]));
    let mut other = email(ONE);
    other["headers"] = json!({});
    send(&brevo, &other).await;
    brevo.settled(LONG).await.unwrap();
    assert_eq!(names(&receiver.bodies()), ["request", "delivered"]);
}
