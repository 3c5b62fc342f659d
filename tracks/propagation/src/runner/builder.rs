//! How a runner is put together.

use std::sync::Arc;

use deadpool_postgres::Pool;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, Socket};

use super::listen::{Listener, listener};
use super::settings::{Settings, SettingsError};
use super::{Runner, Shared};
use crate::audit::Audit;
use crate::database::Database;
use crate::heartbeat::Heartbeat;
use crate::metrics::Metrics;
use crate::redact::Redact;
use crate::registry::Registry;

/// A runner under way.
#[must_use = "a description does nothing until it is built"]
pub struct Builder {
    pool: Pool,
    registry: Registry,
    redactor: Arc<dyn Redact>,
    settings: Settings,
    audit: Audit,
    listener: Option<Listener>,
}

impl Runner {
    /// Begins a runner on the database of this pool, for these kinds. Errors of handlers are stored and logged as the
    /// redactor returns them; there is no default, for only the service knows its credentials.
    ///
    /// It has up to four connections at once in use, one more where retention is on; sessions need to be at
    /// `READ COMMITTED`, which is PostgreSQL's default. Statements are not prepared, so the pool may lead through a proxy
    /// that shares connections out by transaction.
    pub fn builder(pool: Pool, registry: Registry, redactor: impl Redact) -> Builder {
        Builder {
            pool,
            registry,
            redactor: Arc::new(redactor),
            settings: Settings::default(),
            audit: Audit::default(),
            listener: None,
        }
    }
}

impl Builder {
    /// Works so, instead of by the defaults.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Writes the trail so, instead of into `audit_log`.
    pub fn audit(mut self, audit: Audit) -> Self {
        self.audit = audit;
        self
    }

    /// Is woken by notifications, over a connection of its own; without, it polls. This connection must lead to the server
    /// itself: a proxy that shares connections out by transaction passes no notifications on.
    pub fn listen<T>(mut self, config: Config, tls: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        self.listener = Some(listener(config, tls));
        self
    }

    /// Checks the settings and puts the runner together; connects to nothing.
    ///
    /// # Errors
    /// When the settings cannot work.
    pub fn build(self) -> Result<Runner, SettingsError> {
        self.settings.validate()?;
        let (ticks, heartbeat) = Heartbeat::new();
        let shared = Shared {
            database: Database::new(self.pool, self.settings.statement_limit),
            known: self.registry.names(),
            registry: self.registry,
            settings: self.settings,
            audit: self.audit,
            redactor: self.redactor,
            metrics: Metrics::default(),
            ticks,
        };
        Ok(Runner { shared: Arc::new(shared), heartbeat, listener: self.listener })
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("registry", &self.registry)
            .field("settings", &self.settings)
            .field("audit", &self.audit)
            .finish_non_exhaustive()
    }
}
