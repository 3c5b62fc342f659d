//! Databases of a throwaway server, and connections to them.

use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls};

use super::{Error, SUPERUSER, Server};

/// Time limit of one statement and of one connection: far above what they take, so that a hang is told from work.
const LIMIT: Duration = Duration::from_secs(60);

impl Server {
    /// Connects as the superuser, over loopback TCP. The connection's task runs on the current runtime and ends with
    /// the client.
    ///
    /// # Errors
    /// When the server refuses, or does not answer within a minute.
    pub async fn connect(&self, database: &str) -> Result<Client, Error> {
        open(&self.config(database), database).await
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// When there is one of this name, or the server does not answer.
    pub async fn create_database(&self, name: &str) -> Result<(), Error> {
        self.create_database_from(name, "template1").await
    }

    /// Makes a database with what `template` holds. Nobody may be connected to the template.
    ///
    /// # Errors
    /// When there is one of this name, somebody is connected to the template, or the server does not answer.
    pub async fn create_database_from(&self, name: &str, template: &str) -> Result<(), Error> {
        let statement = format!("CREATE DATABASE %I TEMPLATE %I{}", self.strategy());
        self.run("postgres", &statement, &[name, template]).await
    }

    /// Copying files takes two checkpoints, writing through the WAL none; without fsync the former takes two thirds of
    /// the time of the latter. Before PostgreSQL 15 there is no choice.
    fn strategy(&self) -> &'static str {
        let chosen = self.installation().version.major >= 15 && !self.is_durable();
        if chosen { " STRATEGY file_copy" } else { "" }
    }

    /// Drops a database, if it is there, together with the connections to it.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn drop_database(&self, name: &str) -> Result<(), Error> {
        self.run("postgres", "DROP DATABASE IF EXISTS %I WITH (FORCE)", &[name]).await
    }

    /// Runs one statement, its names and literals quoted by the server.
    pub(super) async fn run(&self, database: &str, statement: &str, names: &[&str]) -> Result<(), Error> {
        // The private socket: whatever `hba` says of TCP, and whatever sits on the port.
        let mut config = Config::new();
        config.host_path(self.socket_dir()).port(self.port()).user(SUPERUSER).password(self.password());
        let client = open(config.dbname(database), database).await?;
        let doing = || format!("{statement} with {:?}", names.first().unwrap_or(&""));
        let marks = (1..=names.len()).map(|n| format!(", ${n}::text")).collect::<String>();
        let params: Vec<&(dyn ToSql + Sync)> = names.iter().map(|name| name as &(dyn ToSql + Sync)).collect();
        limited(doing, async {
            let quote = format!("SELECT format($${statement}$${marks})");
            let quoted: String = client.query_one(&quote, &params).await?.get(0);
            client.batch_execute(&quoted).await
        })
        .await
    }
}

async fn open(config: &Config, database: &str) -> Result<Client, Error> {
    let (client, connection) =
        limited(|| format!("connect to database {database:?}"), config.connect(NoTls)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a throwaway server ended");
        }
    });
    Ok(client)
}

async fn limited<T>(
    doing: impl Fn() -> String,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(LIMIT, work).await {
        Ok(done) => done.map_err(|source| Error::Query { doing: doing(), source }),
        Err(_) => Err(Error::TimedOut { doing: doing(), seconds: LIMIT.as_secs() }),
    }
}
