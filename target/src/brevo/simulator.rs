//! The simulator itself.

use super::event::Event;
use super::manner::Manner;
use super::outcome::Outcomes;
use super::posting::{Posting, begin};
use super::record::{Call, Message};
use super::settings::Settings;
use super::shared::Shared;
use super::{api, outcome::Outcome};
use crate::TargetError;
use crate::client::client;
use sabot_wire::http::{HttpWire, HttpWireOptions, Match, RecordLimits, Rule};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What was waited for has not happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("after {limit:?}: {what}")]
pub struct NotYet {
    /// How long it was waited for.
    pub limit: Duration,
    /// What is so instead.
    pub what: String,
}

/// A running simulator. Dropping it ends it, and what it still had to send is lost.
#[derive(Debug)]
pub struct Brevo {
    wire: HttpWire,
    shared: Arc<Shared>,
}

impl Brevo {
    /// Starts it on a free loopback port.
    ///
    /// # Errors
    /// [`TargetError::Io`] when it can't listen.
    pub async fn start(settings: Settings) -> Result<Self, TargetError> {
        let shared = Shared::new(settings, client()?);
        let mut options = HttpWireOptions::alone();
        // It keeps records of its own, and no key in them.
        options.record = RecordLimits { exchanges: 0, ..RecordLimits::default() };
        let wire = HttpWire::start(options).await.map_err(TargetError::io("starting the Brevo simulator"))?;
        let answering = Arc::clone(&shared);
        wire.set(Rule::on(Match::any()).answer_with(move |request| api::answer(&answering, request)));
        Ok(Self { wire, shared })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.wire.address()
    }

    /// Its base URL: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.wire.url()
    }

    /// Changes how it behaves, for calls and webhook requests from now on.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        self.shared.change(|state| change(&mut state.settings));
    }

    /// How it behaves.
    pub fn settings(&self) -> Settings {
        self.shared.look(|state| state.settings.clone())
    }

    /// Makes it as it was at the start: settings, records, webhook. Webhook requests under way are dropped; one that
    /// has left may still arrive.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Every call of its API, the oldest first; of very many, the last ones.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.look(|state| state.calls.clone())
    }

    /// The calls that were sends, taken or refused.
    pub fn sends(&self) -> Vec<Call> {
        let send = |call: &&Call| call.email.is_some();
        self.shared.look(|state| state.calls.iter().filter(send).cloned().collect())
    }

    /// Every message that was really sent, the oldest first.
    pub fn sent(&self) -> Vec<Message> {
        self.shared.look(|state| state.messages.clone())
    }

    /// Awaits that at least `count` messages have been sent, and gives them all.
    ///
    /// # Errors
    /// [`NotYet`] after `limit`.
    pub async fn await_sent(&self, count: usize, limit: Duration) -> Result<Vec<Message>, NotYet> {
        let enough = self
            .shared
            .within(limit, |state| (state.messages.len() >= count).then(|| state.messages.clone()))
            .await;
        enough.ok_or_else(|| NotYet {
            limit,
            what: format!("{} of {count} messages were sent", self.sent().len()),
        })
    }

    /// Awaits at least `count` sends, taken or refused, and gives them all.
    ///
    /// # Errors
    /// [`NotYet`] after `limit`.
    pub async fn await_sends(&self, count: usize, limit: Duration) -> Result<Vec<Call>, NotYet> {
        let asked = self.shared.within(limit, |state| {
            let sends = state.calls.iter().filter(|call| call.email.is_some());
            (sends.clone().count() >= count).then(|| sends.cloned().collect())
        });
        asked.await.ok_or_else(|| NotYet {
            limit,
            what: format!("{} of {count} sends were asked for", self.sends().len()),
        })
    }

    /// Sends webhook requests to this URL from now on, those under way too.
    pub fn set_webhook(&self, url: impl Into<String>) {
        let url = url.into();
        self.shared.change(|state| state.webhook = Some(url));
    }

    /// Sends no more webhook requests until a webhook is set; what was begun waits for it.
    pub fn remove_webhook(&self) {
        self.shared.change(|state| state.webhook = None);
    }

    /// The URL of the webhook, its secret included.
    pub fn webhook(&self) -> Option<String> {
        self.shared.look(|state| state.webhook.clone())
    }

    /// Sends `events` to the webhook, and repeats them as Brevo does.
    pub fn deliver(&self, events: &[Event], manner: Manner) -> Posting {
        begin(&self.shared, events, manner)
    }

    /// What has become of every webhook request since the start or the last reset, those of scripts too.
    pub fn outcomes(&self) -> Outcomes {
        Outcomes::new(self.shared.look(|state| state.posts.clone()))
    }

    /// Awaits that every script has been played and every webhook request has come to its end.
    ///
    /// # Errors
    /// [`NotYet`] after `limit`.
    pub async fn settled(&self, limit: Duration) -> Result<Outcomes, NotYet> {
        let settled = self.shared.within(limit, |state| state.settled().then(|| state.posts.clone())).await;
        settled.map(Outcomes::new).ok_or_else(|| {
            let waiting = |post: &&_| matches!(post, super::Post { outcome: Outcome::Pending, .. });
            let (posts, scripts) =
                self.shared.look(|state| (state.posts.iter().filter(waiting).count(), state.scripts));
            let what = format!("{posts} webhook requests and {scripts} scripts have not come to their end");
            NotYet { limit, what }
        })
    }
}

impl Drop for Brevo {
    fn drop(&mut self) {
        self.shared.end_tasks();
    }
}
