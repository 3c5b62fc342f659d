//! A connection of one's own, which ends with whoever holds it, even with an answer outstanding.

use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_postgres::{Client, Config, Error, NoTls};

/// A connection to PostgreSQL.
pub(crate) struct Session {
    pub(crate) client: Client,
    connection: AbortHandle,
}

/// How a session's prepared statements are planned. A plan from when the tables were empty must not read them whole
/// for as long as the connection lives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Planning {
    /// Anew each time.
    Anew,
    /// Once, and whatever can be looked up in an index is: for statements of which nothing else would be right.
    /// Planning the committer's anew took a fifth of the time that a group of fifty events took the server.
    Lookups,
}

impl Planning {
    const fn settings(self) -> &'static str {
        match self {
            Self::Anew => "-c plan_cache_mode=force_custom_plan",
            Self::Lookups => {
                "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off \
                 -c enable_mergejoin=off"
            }
        }
    }
}

impl Session {
    /// Connects. The server ends a statement of its own accord after `statement_limit`.
    ///
    /// No statement is compiled: of tables that were never analysed the planner expects enough rows to find compiling
    /// worth its while, and that takes a hundred times as long as the statement.
    pub(crate) async fn open(
        config: &Config,
        statement_limit: Duration,
        planning: Planning,
    ) -> Result<Self, Error> {
        let mut config = config.clone();
        let options = config.get_options().unwrap_or_default();
        let limit = statement_limit.as_millis();
        let planning = planning.settings();
        config.options(format!("{options} -c statement_timeout={limit} -c jit=off {planning}").trim_start());
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
