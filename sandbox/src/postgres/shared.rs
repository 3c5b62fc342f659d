//! One server for all tests of a process.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config};

use super::{Error, Options, Server};

/// Statics are never dropped: the end of the process is what ends this server.
static SHARED: OnceCell<Server> = OnceCell::const_new();

/// Numbers the databases of this process.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// The throwaway server that everything in this process may share; started by the first who asks.
///
/// # Errors
/// As [`Server::start`].
pub async fn shared() -> Result<&'static Server, Error> {
    SHARED.get_or_try_init(|| Server::start(Options::default())).await
}

/// A new, empty database on the [shared](shared) server. It goes with the server.
///
/// # Errors
/// As [`Server::start`] and [`Server::create_database`].
pub async fn fresh_database() -> Result<Fresh, Error> {
    let server = shared().await?;
    let name = format!("fresh_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    server.create_database(&name).await?;
    Ok(Fresh { server, name })
}

/// A database of one test.
#[derive(Debug)]
pub struct Fresh {
    server: &'static Server,
    name: String,
}

impl Fresh {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server that it is on.
    #[must_use]
    pub fn server(&self) -> &'static Server {
        self.server
    }

    /// Its address; see [`Server::url`].
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// The same for `tokio-postgres`.
    #[must_use]
    pub fn config(&self) -> Config {
        self.server.config(&self.name)
    }

    /// Connects to it as the superuser.
    ///
    /// # Errors
    /// As [`Server::connect`].
    pub async fn connect(&self) -> Result<Client, Error> {
        self.server.connect(&self.name).await
    }
}
