//! The simulator of Brevo, alone: a client that sends to it, a receiver that it sends to.

mod api;
mod scripts;
mod webhooks;

use sabot_target::brevo::{Brevo, Event, Kind, Settings};
use sabot_wire::http::{HttpWire, HttpWireOptions, Match, Nth, Request, Response, Rule};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

const KEY: &str = "xkeysib-0123";

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

async fn simulator() -> Brevo {
    Brevo::start(Settings::with_key(KEY)).await.unwrap()
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(LONG).build().unwrap()
}

/// A send that is in order.
fn email(idempotency_key: &str) -> Value {
    json!({
        "sender": {"email": "noreply@example.com"},
        "to": [{"email": "ada@example.com"}],
        "subject": "Welcome",
        "htmlContent": "<p>hello</p>",
        "tags": ["team.created"],
        "headers": {"idempotencyKey": idempotency_key},
    })
}

/// Sends, and gives status and body.
async fn send(brevo: &Brevo, body: &Value) -> (u16, Value) {
    let url = format!("{}/v3/smtp/email", brevo.url());
    let answer = client().post(url).header("api-key", KEY).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn events(count: usize) -> Vec<Event> {
    let id = |number| format!("<202605200930.{number}@smtp-relay.mailin.fr>");
    (0..count)
        .map(|number| Event::of(Kind::Delivered, &id(number), "ada@example.com", SystemTime::now()))
        .collect()
}

/// What takes the webhook requests: 200 unless a test says otherwise, and tells of each request.
struct Receiver {
    wire: HttpWire,
    bodies: mpsc::UnboundedReceiver<Value>,
}

impl Receiver {
    async fn start() -> Self {
        Self::answering(Nth::UpTo(0), 200).await
    }

    /// Answers `status` to the requests of `nth`, counted from 1.
    async fn answering(nth: Nth, status: u16) -> Self {
        let wire = HttpWire::start(HttpWireOptions::alone()).await.unwrap();
        let (told, bodies) = mpsc::unbounded_channel();
        let tell = move |request: &Request| {
            drop(told.send(serde_json::from_slice(&request.body).unwrap()));
            Response::json("{}")
        };
        // A status is put in afterwards, so that what was refused is told of too.
        let refuse = move |response: &mut Response| *response = response.clone().with_status(status);
        wire.set(Rule::on(Match::any()).answer_with(tell));
        wire.set(Rule::on(Match::any()).nth(nth).rewrite_response(refuse));
        Self { wire, bodies }
    }

    fn url(&self) -> String {
        format!("{}/webhooks/brevo/canary-of-the-path", self.wire.url())
    }

    /// The bodies that have come so far.
    fn bodies(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.bodies.try_recv().ok()).collect()
    }
}
