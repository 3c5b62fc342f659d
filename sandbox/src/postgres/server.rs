//! A running throwaway server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_postgres::Config;

use super::start::Site;
use super::{Error, Held, Installation, Options, SUPERUSER};
use crate::leash::{Leash, Signal};
use crate::random;

/// How long the server may take to end, in order or killed, before that is given up.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(30);

/// A throwaway PostgreSQL server. Dropping it stops it and removes its data; so does the end of this process, however
/// it comes about.
#[derive(Debug)]
pub struct Server {
    site: Site,
    port: u16,
    password: String,
    leash: Mutex<Leash>,
}

impl Server {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When no PostgreSQL is installed, a folder cannot be written, a setting is refused, or the server does not
    /// start; the message holds the end of its log.
    pub async fn start(options: Options) -> Result<Self, Error> {
        Held::new(options)?.start_empty().await
    }

    /// A server that has just become ready, its superuser's password set to one of its own.
    pub(super) async fn ready(site: Site, leash: Leash, port: u16, password: String) -> Result<Self, Error> {
        let fresh = random::hex(16).map_err(Error::folder(&site.root))?;
        let mut server = Self { site, port, password, leash: Mutex::new(leash) };
        server.change_password(fresh).await?;
        Ok(server)
    }

    /// The loopback port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the Unix socket; only the owner's account (and root) may enter.
    #[must_use]
    pub fn socket_dir(&self) -> PathBuf {
        self.site.socket_dir()
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.site.data()
    }

    /// The sandbox's folder, which holds label, data, socket and log.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.site.root
    }

    /// The superuser's name.
    #[must_use]
    pub fn superuser(&self) -> &'static str {
        SUPERUSER
    }

    /// The superuser's password, of this server alone.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The binaries it runs from; version-matched `psql`, `pg_dump` and the like are there too.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.site.installation
    }

    /// Whether it writes to disk as a server in production does; see [`Options::durable`].
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.site.options.settings.get("fsync").is_some_and(|value| value == "on")
    }

    /// The last lines of the server's log.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        self.site.log_tail(lines)
    }

    /// The address of a database, for the superuser, over loopback TCP. It holds the password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let database = percent_encoded(database);
        format!("postgresql://{SUPERUSER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The same for `tokio-postgres`.
    #[must_use]
    pub fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user(SUPERUSER).password(&self.password).dbname(database);
        config.connect_timeout(Duration::from_secs(10));
        config
    }

    /// The postmaster's process id, while it runs.
    pub async fn pid(&self) -> Option<u32> {
        self.leash.lock().await.pid()
    }

    /// The process id of what guards it; see [`leash`](crate::leash).
    pub async fn guardian_pid(&self) -> u32 {
        self.leash.lock().await.guardian_pid()
    }

    /// Stops the server in order, if it runs, and starts it again on the same port with the same data.
    ///
    /// # Errors
    /// When it does not stop within 30 s, or does not start.
    pub async fn restart(&self) -> Result<(), Error> {
        let mut leash = self.leash.lock().await;
        if leash.signal(Signal::INT).is_ok() {
            exited(&leash).await?;
        }
        self.site.sweep().await?;
        // Both hold the folder for a moment, so that it is never without a guardian.
        let next = self.site.hold()?;
        std::mem::replace(&mut *leash, next).leave().await;
        self.site.start(&leash, self.port).await
    }

    /// Kills the server and everything that it had started, with no time to write anything. The data stay for
    /// [`restart`](Self::restart), with all that was committed.
    ///
    /// # Errors
    /// When it does not run, or has not gone 30 s after the signal.
    pub async fn kill(&self) -> Result<(), Error> {
        let leash = self.leash.lock().await;
        leash.signal(Signal::KILL).map_err(|_| Error::NotRunning)?;
        exited(&leash).await?;
        self.site.sweep().await
    }

    /// Stops the server and removes its data, without blocking a thread as dropping it does.
    pub async fn stop(self) {
        self.leash.into_inner().stop().await;
    }

    async fn change_password(&mut self, password: String) -> Result<(), Error> {
        self.run("postgres", "ALTER ROLE %I PASSWORD %L", &[SUPERUSER, &password]).await?;
        self.password = password;
        Ok(())
    }
}

/// Waits for the server's end, within the limit.
async fn exited(leash: &Leash) -> Result<(), Error> {
    let ended = tokio::time::timeout(SHUTDOWN_LIMIT, leash.exited()).await;
    ended.map(drop).map_err(|_| Error::NotStopped { seconds: SHUTDOWN_LIMIT.as_secs() })
}

fn percent_encoded(name: &str) -> String {
    name.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}
