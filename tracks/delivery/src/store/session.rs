//! A connection of one's own, which ends with whoever holds it, even with an answer outstanding.

use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_postgres::{Client, Config, Error, NoTls};

/// A connection to PostgreSQL.
pub(crate) struct Session {
    pub(crate) client: Client,
    connection: AbortHandle,
}

impl Session {
    /// Connects. The server ends a statement of its own accord after `statement_limit`.
    ///
    /// Statements are planned anew each time: a plan from when the tables were empty would read them whole for as
    /// long as the connection lives. None is compiled: of tables that were never analysed the planner expects enough
    /// rows to find compiling worth its while, and that takes a hundred times as long as the statement.
    pub(crate) async fn open(config: &Config, statement_limit: Duration) -> Result<Self, Error> {
        let mut config = config.clone();
        let options = config.get_options().unwrap_or_default();
        let limit = statement_limit.as_millis();
        config.options(
            format!("{options} -c statement_timeout={limit} -c plan_cache_mode=force_custom_plan -c jit=off")
                .trim_start(),
        );
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
