//! What the ledger says of the whole: messages of which nothing is heard, and how the last day went.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use serde::Serialize;
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_postgres::{Config, Error};

use crate::metrics::LedgerMetrics;
use crate::store::{Planning, Session};

/// For how long a look is good enough for the next who scrapes.
const FRESH: Duration = Duration::from_secs(5);
/// How long a look may take, connecting included.
const LIMIT: Duration = Duration::from_secs(2);
/// The most messages that a list shows.
const LONGEST_LIST: i64 = 500;

const LIST: &str = "/* accepted too long */ SELECT audit_id, sent_at, provider_id, recipient FROM forwarder_sent \
     WHERE classification = 'accepted' AND sent_at < now() - $1::float8 * interval '1 second' \
     ORDER BY sent_at, audit_id LIMIT $2";

const COUNT: &str = "/* accepted too long */ SELECT count(*) FROM forwarder_sent \
     WHERE classification = 'accepted' AND sent_at < now() - $1::float8 * interval '1 second'";

const LAST_DAY: &str = "SELECT classification, count(*) FROM forwarder_sent \
     WHERE sent_at > now() - interval '1 day' GROUP BY classification";

/// A message that the provider accepted and of which nothing has been heard since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unheard {
    /// The audit row that it tells of.
    pub audit_id: i64,
    /// When it was accepted.
    #[serde(with = "time::serde::rfc3339")]
    pub sent_at: OffsetDateTime,
    /// The provider's message id, where it told one.
    pub provider_id: Option<String>,
    /// The recipient, masked.
    pub recipient: String,
}

/// Looks at the ledger as a whole, on a connection of its own; clones share it.
#[derive(Clone)]
pub struct Seen {
    config: Config,
    too_long: Duration,
    metrics: LedgerMetrics,
    looked: Arc<Mutex<Looked>>,
}

#[derive(Default)]
struct Looked {
    session: Option<Session>,
    at: Option<Instant>,
}

impl Seen {
    /// A message is unheard of once it has been `accepted` for longer than `too_long`.
    #[must_use]
    pub fn new(database: Config, too_long: Duration) -> Self {
        Self { config: database, too_long, metrics: LedgerMetrics::default(), looked: Arc::default() }
    }

    /// Adds the gauges `sabot_delivery_accepted_too_long` and `sabot_delivery_messages`, the latter over the messages
    /// of the last day. They are what the last [`refresh`](Self::refresh) saw.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// Brings the gauges up to date, to be called before they are read; however often, it looks every five seconds at
    /// most. Where the database does not answer within two seconds they stay as they are.
    pub async fn refresh(&self) {
        let mut looked = self.looked.lock().await;
        if looked.at.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        looked.at = Some(Instant::now());
        if let Err(error) = self.limited(&mut looked, Look::Metrics).await {
            tracing::warn!(error = error.to_string(), "the ledger's gauges are out of date");
        }
    }

    /// The messages that are unheard of, those of longest ago first, at most 500.
    ///
    /// # Errors
    /// When the database does not answer, or refuses.
    pub async fn accepted_too_long(&self) -> Result<Vec<Unheard>, SeenError> {
        let mut looked = self.looked.lock().await;
        self.limited(&mut looked, Look::List).await
    }

    /// Whatever goes wrong ends the connection: an answer may still be under way on it.
    async fn limited(&self, looked: &mut Looked, what: Look) -> Result<Vec<Unheard>, SeenError> {
        let kept = looked.session.take().filter(|session| !session.client.is_closed());
        let look = async {
            let session = match kept {
                Some(session) => session,
                None => Session::open(&self.config, LIMIT, Planning::Anew).await?,
            };
            let list = match what {
                Look::List => self.list(&session).await?,
                Look::Metrics => self.measure(&session).await.map(|()| Vec::new())?,
            };
            Ok::<_, Error>((session, list))
        };
        let (session, list) = timeout(LIMIT, look).await.map_err(|_| SeenError::Silent)??;
        looked.session = Some(session);
        Ok(list)
    }

    async fn list(&self, session: &Session) -> Result<Vec<Unheard>, Error> {
        let rows = session.client.query(LIST, &[&self.too_long.as_secs_f64(), &LONGEST_LIST]).await?;
        let unheard = |row: tokio_postgres::Row| Unheard {
            audit_id: row.get(0),
            sent_at: row.get(1),
            provider_id: row.get(2),
            recipient: row.get(3),
        };
        Ok(rows.into_iter().map(unheard).collect())
    }

    async fn measure(&self, session: &Session) -> Result<(), Error> {
        let unheard = session.client.query_one(COUNT, &[&self.too_long.as_secs_f64()]).await?.get(0);
        let rows = session.client.query(LAST_DAY, &[]).await?;
        let counts: HashMap<String, i64> = rows.into_iter().map(|row| (row.get(0), row.get(1))).collect();
        self.metrics.set(unheard, |classification| counts.get(classification.as_str()).copied().unwrap_or(0));
        Ok(())
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen").field("too_long", &self.too_long).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy)]
enum Look {
    List,
    Metrics,
}

/// Why nothing is known of the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeenError {
    /// No answer in time.
    #[error("the database does not answer; is it overloaded, or something between here and there?")]
    Silent,
    /// No connection, or refused.
    #[error("the ledger cannot be read; is the database there, and its migration run?")]
    Database(#[from] Error),
}
