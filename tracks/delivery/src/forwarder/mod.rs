//! Email out: sends one email for each audit row of a kind that emails, from any number of workers at once.
//!
//! # What to do, and what is done
//!
//! A row is done when the ledger has a row for it; nothing else counts. What is to do are the rows above the cursor
//! that email and are not in the ledger, and those whose last try failed. The cursor only saves reading what is done:
//! it stands *below* the first row that is not, so a cursor that is lost or set back replays nothing, and is found
//! again by looking from the start of this deployment.
//!
//! The cursor may pass an id only when no transaction is left that could still commit a lower one; [`settle`] says
//! how that is known.
//!
//! # One row, one email
//!
//! A worker *claims* rows for a lease, each with a token. It starts no request with less than the request's time
//! limit left on the lease, and writes the ledger after the provider's answer. Killed in between, it costs the row a
//! lease, after which another worker asks again, with the same idempotency key: at most one request more, and never
//! a row less. A worker that comes late finds the row in the ledger and changes nothing; what it has to say of a try
//! that failed is only heard while its token holds.
//!
//! A retry may learn no more than that its key was used: which message the provider made of the first request was in the
//! answer that got lost. So each email carries its *reference*, which is that key, and its events tell it back: the row
//! is written without an id and takes that of the first event with its reference, whichever of the two comes first.
//!
//! Requests whose outcome is unknown (a time-out) are repeated under the same key. Brevo remembers a key for 15 to 30
//! minutes; a provider that takes a request, doesn't answer, and is out of reach for longer than that may send twice.
//!
//! # What is needed of `audit_log`
//!
//! `id` is drawn from its own sequence, with `CACHE 1` (the default), by the `INSERT` itself.

mod claim;
mod cursor;
mod deliver;
mod record;
mod runner;
mod settings;
mod settle;

use std::fmt;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio_postgres::Config;
use tokio_util::sync::CancellationToken;

use crate::kinds::Kinds;
use crate::metrics::ForwarderMetrics;
use crate::provider::{Mailer, Provider};

pub use settings::ForwarderSettings;

/// Sends what the audit log has to tell.
pub struct Forwarder {
    provider: Arc<dyn Provider>,
    mailer: Arc<dyn Mailer>,
    kinds: Kinds,
    database: Config,
    settings: ForwarderSettings,
    metrics: ForwarderMetrics,
}

impl Forwarder {
    /// Sends by `mailer`, whose events `provider` reads, what `kinds` say; `database` has the tables of
    /// [`MIGRATIONS`](crate::MIGRATIONS) and the audit log. It has a connection of its own, made when it runs.
    #[must_use]
    pub fn new(
        provider: impl Provider,
        mailer: impl Mailer,
        kinds: Kinds,
        database: Config,
        settings: ForwarderSettings,
    ) -> Self {
        let (provider, mailer) = (Arc::new(provider), Arc::new(mailer));
        Self { provider, mailer, kinds, database, settings, metrics: ForwarderMetrics::default() }
    }

    /// Adds the counter `sabot_forwarder_sends_total`.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// Runs until told to end; then it claims nothing more, and finishes what is in flight within the time limit of a
    /// request. It goes on through every outage of database and provider.
    pub async fn run(self, ending: CancellationToken) {
        runner::Runner::new(self).run(ending).await;
    }
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder")
            .field("provider", &self.provider.name())
            .field("kinds", &self.kinds)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Why a turn of the forwarder came to nothing; the next one begins on a new connection.
#[derive(Debug, thiserror::Error)]
enum TurnError {
    #[error("the database does not answer; is it overloaded, or something between here and there?")]
    Silent,
    #[error("the database did not do as asked; is it there, and its migration run?")]
    Database(#[from] tokio_postgres::Error),
    #[error(
        "forwarder_deployment has no row, so idempotency keys have no root; insert one, starts_after the last id sent"
    )]
    NoDeployment,
}

impl TurnError {
    /// Whether the database refused this row, and would have another: its data (class 22), a constraint (23), or
    /// somebody's trigger (P0); <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    fn is_about_the_row(&self) -> bool {
        let Self::Database(error) = self else { return false };
        error.code().is_some_and(|code| ["22", "23", "P0"].iter().any(|class| code.code().starts_with(class)))
    }
}
