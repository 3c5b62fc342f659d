//! How each sort of dependency is probed.
//!
//! Every probe makes its own way to the dependency, apart from what requests use: a pool that is exhausted, or a
//! connection that was opened while all was well, says nothing about whether the dependency can be reached now, and
//! taking a busy instance out of rotation would only make the others busier.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use sabot_readiness::{ProbeResult, word};
use tokio::task::AbortHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls, SimpleQueryMessage};

use crate::db::MigrationSet;

/// Asks a PostgreSQL server on a connection of the probe's own, kept between probes.
///
/// The statement goes as a simple query, so that it stands on the wire as it is, and is marked `/* readyz */`.
#[derive(Clone)]
pub struct PostgresProbe {
    config: Config,
    statement: String,
    rows_wanted: usize,
    idle: Arc<Mutex<Option<Session>>>,
}

impl PostgresProbe {
    /// Asks for no more than an answer.
    #[must_use]
    pub fn answering(config: &Config) -> Self {
        Self::new(config, "SELECT 1 /* readyz */".to_owned(), 1)
    }

    /// Asks whether these migrations have run, for without them the service is of no use.
    #[must_use]
    pub fn migrated(config: &Config, set: &MigrationSet) -> Self {
        let statement =
            format!("SELECT name FROM sabot_migrations WHERE owner = '{}' /* readyz */", set.owner);
        Self::new(config, statement, set.len())
    }

    fn new(config: &Config, statement: String, rows_wanted: usize) -> Self {
        Self { config: config.clone(), statement, rows_wanted, idle: Arc::default() }
    }

    /// Looks once. Cut by its time limit it takes its connection along, so that the next look begins afresh.
    ///
    /// Nothing is asked twice: the server is promised one statement per period.
    pub async fn look(self) -> ProbeResult {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        let session = match kept {
            // The server may have gone and come back since: that is no reason to fail.
            Some(session) if !session.client.is_closed() => Ok(session),
            _ => Session::open(&self.config).await,
        };
        let asked = match session {
            Ok(session) => self.ask(session).await,
            Err(error) => Err(error),
        };
        match asked {
            Ok(rows) if rows < self.rows_wanted => ProbeResult::failed("schema_outdated"),
            Ok(_) => ProbeResult::ok(),
            Err(error) => classified(&error),
        }
    }

    async fn ask(&self, session: Session) -> Result<usize, tokio_postgres::Error> {
        let messages = session.client.simple_query(&self.statement).await?;
        let rows = messages.iter().filter(|message| matches!(message, SimpleQueryMessage::Row(_))).count();
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        Ok(rows)
    }
}

/// SQLSTATEs are short and stable; the server's own words may hold anything.
fn classified(error: &tokio_postgres::Error) -> ProbeResult {
    match error.code() {
        Some(code) if *code == SqlState::UNDEFINED_TABLE => ProbeResult::failed("schema_missing"),
        Some(code) => ProbeResult::failed(format!("sqlstate_{}", code.code())),
        None if error.is_closed() => ProbeResult::failed(word::RESET),
        None => ProbeResult::from_error(error),
    }
}

/// A connection whose socket closes as soon as it is dropped, even with an answer outstanding.
struct Session {
    client: tokio_postgres::Client,
    connection: AbortHandle,
}

impl Session {
    async fn open(config: &Config) -> Result<Self, tokio_postgres::Error> {
        let (client, connection) = config.connect(NoTls).await?;
        let driver = tokio::spawn(async move {
            // Its error reaches whoever waits for an answer.
            let _ended = connection.await;
        });
        Ok(Self { client, connection: driver.abort_handle() })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Asks an upstream on HTTP, each time on a connection of its own.
#[derive(Clone)]
pub struct HttpProbe {
    client: reqwest::Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
}

impl HttpProbe {
    /// A probe that sends this; `headers` may hold a credential.
    #[must_use]
    pub const fn new(client: reqwest::Client, method: Method, url: Url, headers: HeaderMap) -> Self {
        Self { client, method, url, headers }
    }

    /// Looks once. The body is left unread: it may hold personal data, and the status says enough.
    pub async fn look(self) -> ProbeResult {
        let request = self.client.request(self.method, self.url).headers(self.headers);
        match request.send().await {
            Ok(response) => ProbeResult::from_http_status(response.status().as_u16()),
            Err(error) if error.is_timeout() => ProbeResult::failed(word::TIMEOUT),
            // The address may stand in the error; it is nobody's business who reads /readyz.
            Err(error) => ProbeResult::from_error(&error.without_url()),
        }
    }
}

/// An HTTP client for `url`: no redirects, no proxies from the environment, connections kept only if `reused`.
///
/// # Errors
/// When TLS is needed and the system's certificates cannot be loaded.
pub fn http_client(url: &Url, time_limit: Duration, reused: bool) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(time_limit)
        .user_agent(concat!("sabot-platform/", env!("CARGO_PKG_VERSION")))
        .pool_max_idle_per_host(if reused { 8 } else { 0 });
    // Without TLS there is nothing to verify: a machine without certificates serves as well.
    let builder = if url.scheme() == "https" { builder } else { builder.tls_certs_only([]) };
    builder.build()
}
