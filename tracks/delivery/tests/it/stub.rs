//! A provider's send API whose every answer the test decides.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sabot_delivery::{
    AuditRow, Brevo, Email, Forwarder, ForwarderSettings, Kinds, Mailer, Message, RenderError, SendOutcome,
};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::fixture::Fixture;

/// Takes what it is given; clones share what they have seen.
#[derive(Clone, Default)]
pub(crate) struct Stub {
    seen: Arc<Mutex<Vec<(String, String)>>>,
    answers: Arc<Mutex<Vec<SendOutcome>>>,
    fixed: Option<String>,
    pub(crate) asked: Arc<Notify>,
    hold: Option<Arc<Notify>>,
}

impl Stub {
    /// Answers each request with this message id.
    pub(crate) fn answering(id: &str) -> Self {
        Self { fixed: Some(id.to_owned()), ..Self::default() }
    }

    /// Gives these answers first.
    pub(crate) fn first(answers: &[SendOutcome]) -> Self {
        Self::default().with(answers)
    }

    /// Answers only once told to.
    pub(crate) fn held() -> (Self, Arc<Notify>) {
        let hold = Arc::new(Notify::new());
        (Self { hold: Some(hold.clone()), ..Self::default() }, hold)
    }

    /// The same, with these answers first.
    pub(crate) fn with(self, answers: &[SendOutcome]) -> Self {
        self.answers.lock().unwrap().extend(answers.iter().rev().cloned());
        self
    }

    /// Recipient and key of each request.
    pub(crate) fn seen(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn recipients(&self) -> Vec<String> {
        self.seen().into_iter().map(|(to, _)| to).collect()
    }
}

#[async_trait]
impl Mailer for Stub {
    async fn send(&self, message: &Message, reference: Uuid) -> SendOutcome {
        self.seen.lock().unwrap().push((message.to.clone(), reference.to_string()));
        self.asked.notify_one();
        if let Some(hold) = &self.hold {
            hold.notified().await;
        }
        let next = self.answers.lock().unwrap().pop();
        let id = self.fixed.clone().unwrap_or_else(|| format!("{}.id", message.to));
        next.unwrap_or(SendOutcome::Sent { provider_id: Some(id) })
    }
}

pub(crate) fn quick() -> ForwarderSettings {
    ForwarderSettings {
        poll: Duration::from_millis(20),
        lease: Duration::from_secs(60),
        send_limit: Duration::from_secs(30),
        concurrency: 4,
        retry: vec![Duration::from_millis(50)],
    }
}

pub(crate) fn kinds() -> Kinds {
    let render = |row: &AuditRow| match row.payload.get("name") {
        Some(name) if name == "unrenderable" => Err(RenderError { lacks: "a name" }),
        Some(name) if name == "panics" => panic!("as the test wants it"),
        _ => Ok(Email { subject: "s".into(), html: "<p>h</p>".into(), text: None }),
    };
    Kinds::default()
        .emails("team.created")
        .emails("unrendered")
        .silent("silent")
        .renderer("team.created", render)
}

pub(crate) fn forwarder(fixture: &Fixture, mailer: impl Mailer) -> Forwarder {
    forwarder_with(fixture, mailer, quick())
}

pub(crate) fn forwarder_with(
    fixture: &Fixture,
    mailer: impl Mailer,
    settings: ForwarderSettings,
) -> Forwarder {
    Forwarder::new(Brevo, mailer, kinds(), fixture.database.config(), settings)
}
