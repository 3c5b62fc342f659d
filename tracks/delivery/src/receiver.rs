//! Events in: from a request's parts to its answer, usable from any framework.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use serde_json::json;
use tokio_postgres::Config;

use crate::answer::{Answer, Refusal};
use crate::body::{self, Body};
use crate::event::Event;
use crate::metrics::ReceiverMetrics;
use crate::provider::Provider;
use crate::refusals::{Refusals, RefusedCall};
use crate::secrets::Secrets;
use crate::store::Committer;

/// Receives one provider's delivery events; clones share everything.
///
/// It stores on two connections of its own, made when they are first needed.
#[derive(Clone)]
pub struct Receiver {
    inner: Arc<Inner>,
}

struct Inner {
    provider: Arc<dyn Provider>,
    secrets: Secrets,
    committer: Committer,
    refusals: Refusals,
    metrics: ReceiverMetrics,
}

impl Receiver {
    /// Receives `provider`'s events for whoever knows one of `secrets`, and stores them in `database`, which has the
    /// tables of [`MIGRATIONS`](crate::MIGRATIONS).
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new(provider: impl Provider, secrets: Secrets, database: Config) -> Self {
        Self::telling(provider, secrets, database, Refusals::default())
    }

    /// The same, and `tell` hears of calls without a valid secret: once a minute for each source. It must not block.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn with_refusals(
        provider: impl Provider,
        secrets: Secrets,
        database: Config,
        tell: impl Fn(RefusedCall) + Send + Sync + 'static,
    ) -> Self {
        Self::telling(provider, secrets, database, Refusals::new(tell))
    }

    fn telling(provider: impl Provider, secrets: Secrets, database: Config, refusals: Refusals) -> Self {
        let provider: Arc<dyn Provider> = Arc::new(provider);
        let committer = Committer::start(database, &provider);
        let metrics = ReceiverMetrics::default();
        Self { inner: Arc::new(Inner { provider, secrets, committer, refusals, metrics }) }
    }

    /// Adds the counters `sabot_delivery_events_total`, `…_refused_total` and `…_unavailable_total`.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.inner.metrics.register(registry);
    }

    /// The whole of it: `secret` is what the path ended in, `source` where the connection came from, `content_type`
    /// the header as it came. Answers within about two seconds; an answer of 200 comes after the commit.
    pub async fn receive(
        &self,
        secret: &str,
        source: Option<IpAddr>,
        content_type: Option<&[u8]>,
        body: &[u8],
    ) -> Answer {
        match self.admit(secret, source) {
            Ok(()) => self.accept(content_type, body).await,
            Err(answer) => answer,
        }
    }

    /// The first half: whether who calls may. Nothing of the body is needed, nor should it have been read.
    ///
    /// # Errors
    /// The answer to give instead.
    pub fn admit(&self, secret: &str, source: Option<IpAddr>) -> Result<(), Answer> {
        if self.inner.secrets.admit(secret) {
            return Ok(());
        }
        self.inner.refusals.note(source);
        Err(self.refuse(Refusal::Unauthorised).closing())
    }

    /// The second half: stores what a caller who was admitted brings.
    pub async fn accept(&self, content_type: Option<&[u8]>, body: &[u8]) -> Answer {
        if !body::is_json(content_type) {
            return self.refuse(Refusal::NotJson);
        }
        let read = body::read(body, self.inner.provider.as_ref());
        let stored = match read {
            Ok(Body::One(event)) => self.store_one(*event).await,
            Ok(Body::Many { events, invalid }) => self.store_many(events, invalid).await,
            Err(refusal) => Err(refusal),
        };
        stored.unwrap_or_else(|refusal| self.refuse(refusal))
    }

    pub(crate) fn refuse(&self, refusal: Refusal) -> Answer {
        match refusal {
            Refusal::Unavailable => self.inner.metrics.unavailable(),
            _ => self.inner.metrics.refused(refusal.code()),
        }
        refusal.into()
    }

    pub(crate) fn provider_name(&self) -> &'static str {
        self.inner.provider.name()
    }

    async fn store_one(&self, event: Event) -> Result<Answer, Refusal> {
        let (name, declared) = (event.name.clone(), event.declared.is_some());
        let known = self.store(vec![event]).await?.first().is_some_and(|(_, known)| *known);
        Ok(Answer::ok(&match declared {
            true => json!({ "ok": true, "matched": known, "event": name }),
            false => json!({ "ok": true, "skipped": true, "event": name }),
        }))
    }

    async fn store_many(&self, events: Vec<Event>, invalid: usize) -> Result<Answer, Refusal> {
        let stored = self.store(events).await?;
        self.inner.metrics.invalid(invalid);
        let count = |which: fn(&(bool, bool)) -> bool| stored.iter().filter(|one| which(one)).count();
        Ok(Answer::ok(&json!({
            "ok": true,
            "accepted": count(|(declared, _)| *declared),
            "matched": count(|(declared, known)| *declared && *known),
            "skipped": count(|(declared, _)| !declared),
            "invalid": invalid,
        })))
    }

    /// For each event: whether it is declared, and whether its message is known.
    async fn store(&self, events: Vec<Event>) -> Result<Vec<(bool, bool)>, Refusal> {
        let declared: Vec<_> = events.iter().map(|event| event.declared).collect();
        let known = self.inner.committer.store(events).await.map_err(|_| Refusal::Unavailable)?;
        let told = declared.into_iter().zip(known).map(|(declared, known)| {
            self.inner.metrics.event(declared, known);
            (declared.is_some(), known)
        });
        Ok(told.collect())
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("provider", &self.inner.provider.name()).finish_non_exhaustive()
    }
}
