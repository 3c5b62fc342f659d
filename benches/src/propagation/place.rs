//! The server that all contenders share, and for each measurement a fresh database on it.

use std::collections::HashSet;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use sabot_sandbox::postgres::{Options, Server};
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls};

use super::queue::Queue;
use crate::Outcome;

/// How long one measurement may take, or the filling of one template: far above what any of them needs.
pub(crate) const LIMIT: Duration = Duration::from_secs(900);

/// A durable server, with the templates that were made so far.
pub(crate) struct Place {
    server: Server,
    templates: HashSet<String>,
    copies: usize,
}

impl Place {
    /// A server that writes as in production, with PostgreSQL's own defaults where the sandbox is thriftier.
    pub(crate) async fn start() -> Outcome<Self> {
        let options = Options::default().durable();
        let options = options.setting("shared_buffers", "128MB").setting("max_wal_size", "1GB");
        let server = Server::start(options).await?;
        let client = server.connect("postgres").await?;
        let told = "SELECT concat_ws(', ', 'PostgreSQL ' || current_setting('server_version'),
            'fsync ' || current_setting('fsync'), 'synchronous_commit ' || current_setting('synchronous_commit'))";
        let row = timeout(LIMIT, client.query_one(told, &[])).await??;
        println!("  {}", row.try_get::<_, &str>(0)?);
        Ok(Self { server, templates: HashSet::new(), copies: 0 })
    }

    /// A fresh database of this queue with so many rows due, and so many that were applied before; a copy of a template,
    /// so that each measurement finds the same. What is left to be written of it is written first.
    pub(crate) async fn fresh(&mut self, queue: Queue, due: usize, kept: usize) -> Outcome<Database> {
        let template = format!("{queue:?}_{due}_{kept}").to_lowercase();
        if !self.templates.contains(&template) {
            self.server.create_database(&template).await?;
            timeout(LIMIT, queue.fill(&self.database(&template), due, kept)).await??;
            self.templates.insert(template.clone());
        }
        self.copies += 1;
        let name = format!("copy_{}", self.copies);
        self.server.create_database_from(&name, &template).await?;
        let client = self.server.connect("postgres").await?;
        timeout(LIMIT, client.batch_execute("CHECKPOINT")).await??;
        Ok(self.database(&name))
    }

    fn database(&self, name: &str) -> Database {
        Database { name: name.to_owned(), url: self.server.url(name), config: self.server.config(name) }
    }

    /// Makes room again.
    pub(crate) async fn remove(&self, database: Database) -> Outcome {
        Ok(self.server.drop_database(&database.name).await?)
    }

    /// Ends the server.
    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}

/// Where a database is.
pub(crate) struct Database {
    name: String,
    pub(crate) url: String,
    pub(crate) config: Config,
}

impl Database {
    /// One connection; it ends with its client.
    pub(crate) async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(NoTls).await?;
        // What ends it shows at the next statement.
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }

    /// A pool that hands its connections out without a question first.
    pub(crate) fn pool(&self, size: usize) -> Outcome<Pool> {
        let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        Ok(Pool::builder(Manager::from_config(self.config.clone(), NoTls, how)).max_size(size).build()?)
    }
}
