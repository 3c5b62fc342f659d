//! What lanes share: the throwaway server, the template databases, and the binaries.

use crate::{Binaries, Lane, Target, TargetError, command, random};
use sabot_sandbox::postgres::{Options, Server};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long a migration may take.
const MIGRATE_LIMIT: Duration = Duration::from_secs(60);

/// What lanes are made from.
#[derive(Debug)]
pub struct Stock {
    target: Arc<Target>,
    binaries: Binaries,
    server: OnceCell<Arc<Server>>,
}

impl Stock {
    /// Lanes of `target`, with services from `binaries`; nothing is started yet.
    pub fn new(target: Target, binaries: Binaries) -> Self {
        Self { target: Arc::new(target), binaries, server: OnceCell::new() }
    }

    /// What is judged.
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Starts a lane. The first one also starts the shared server and makes the templates. Every credential goes to
    /// `tell` before anything is started that could print it.
    ///
    /// # Errors
    /// [`TargetError`], with the last log lines of a service that did not start.
    pub async fn open(&self, index: usize, tell: &(dyn Fn(&str) + Sync)) -> Result<Lane, TargetError> {
        let server = self.server.get_or_try_init(|| self.prepare(tell)).await?;
        let secrets = self.target.secrets.iter().map(|(name, shape)| (name.clone(), random::fill(shape)));
        let secrets: BTreeMap<_, _> = secrets.collect();
        secrets.values().for_each(|secret| tell(secret));
        Lane::start(index, self.target.clone(), self.binaries.clone(), server.clone(), secrets).await
    }

    /// Opens a lane for files alone: nothing is started, and nothing but its files can be asked for.
    ///
    /// # Errors
    /// [`TargetError`], when the system lacks the means for an HTTP client.
    pub fn open_files(&self, index: usize) -> Result<Lane, TargetError> {
        Lane::of_files(index, self.target.clone(), self.binaries.clone())
    }

    async fn prepare(&self, tell: &(dyn Fn(&str) + Sync)) -> Result<Arc<Server>, TargetError> {
        for service in &self.target.services {
            self.binaries.same_build(service.program()).await?;
        }
        let server = Server::start(Options::default()).await?;
        tell(server.password());
        for database in &self.target.databases {
            let template = template(&database.name);
            server.create_database(&template).await?;
            if let Some(migrate) = &database.migrate {
                self.migrate(migrate, &database.migrate_env, &server.url(&template)).await?;
            }
        }
        Ok(Arc::new(server))
    }

    async fn migrate(&self, command_line: &[String], env: &str, url: &str) -> Result<(), TargetError> {
        let mut command = self.binaries.command(command_line)?;
        command::run(command.env(env, url), &command_line.join(" "), MIGRATE_LIMIT).await.map(drop)
    }
}

/// The template of the database called `name`.
pub(crate) fn template(name: &str) -> String {
    format!("template_{name}")
}
