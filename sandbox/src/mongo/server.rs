//! A running throwaway server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::start::Site;
use super::{Connection, Error, Installation, LABEL};
use crate::Place;
use crate::folder::{self, Folder};
use crate::leash::Leash;

/// How a throwaway server is to be; the default suits tests.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which server; the default is [`Installation::find`].
    pub installation: Option<Installation>,
    /// Where the data lie.
    pub place: Place,
    /// How long it may stay (12 h): after that [`gc`](crate::gc()) removes it even though its owner lives.
    pub held_for: Duration,
    /// How long a start may take (60 s).
    pub start_limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            installation: None,
            place: Place::Auto,
            held_for: Duration::from_secs(12 * 60 * 60),
            start_limit: Duration::from_secs(60),
        }
    }
}

/// A throwaway server that speaks MongoDB's protocol, on a free loopback port, empty. Dropping it stops it and removes
/// its data; so does the end of this process, however it comes about.
#[derive(Debug)]
pub struct Server {
    site: Site,
    port: u16,
    leash: Leash,
}

impl Server {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When there is no server to start, a folder cannot be written, or the server does not start; the message holds the
    /// end of its log.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let installation = options.installation.map_or_else(Installation::find, Ok)?;
        let kind = format!("{LABEL} {}", installation.kind);
        let Folder { path: root, .. } = Folder::create(&options.place, &kind, options.held_for, None)
            .map_err(Error::folder(options.place.path()))?;
        let site = Site { root, installation, start_limit: options.start_limit };
        site.furnish().inspect_err(|_| folder::discard(&site.root))?;
        let (leash, port) = site.start_anywhere().await?;
        Ok(Self { site, port, leash })
    }

    /// The loopback port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The address for clients and tools. It holds no password: there is none.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mongodb://{}/?directConnection=true", self.address())
    }

    /// What runs.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.site.installation
    }

    /// Whether it is MongoDB's own server.
    #[must_use]
    pub fn is_real_mongod(&self) -> bool {
        self.site.installation.is_real_mongod()
    }

    /// The sandbox's folder, which holds label, data and log.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.site.root
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.site.data()
    }

    /// The last lines of the server's log.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        self.site.log_tail(lines)
    }

    /// A connection whose answers may take as long as `limit`.
    ///
    /// # Errors
    /// When the server does not take it in time.
    pub async fn connect(&self, limit: Duration) -> Result<Connection, Error> {
        Connection::open(&self.address(), limit).await
    }

    /// The server's process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.leash.pid()
    }

    /// The process id of what guards it; see [`leash`](crate::leash).
    #[must_use]
    pub fn guardian_pid(&self) -> u32 {
        self.leash.guardian_pid()
    }

    /// Stops the server and removes its data, without blocking a thread as dropping it does.
    pub async fn stop(self) {
        self.leash.stop().await;
    }
}
