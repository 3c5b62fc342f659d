//! What a PostgreSQL wire is told before it starts.

use super::tls::SslMode;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The server behind a wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// By TCP; the host's name is what `verify-full` verifies.
    Tcp {
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
    },
    /// By the path of its Unix socket, such as `/run/postgresql/.s.PGSQL.5432`. Never encrypted.
    Unix(PathBuf),
}

/// Where a wire listens, what it leads to, and what it may keep.
#[derive(Debug, Clone)]
pub struct PgWireOptions {
    /// What the wire calls itself in its errors.
    pub name: String,
    /// The loopback address to listen on; a free port where `None`.
    pub listen: Option<SocketAddr>,
    /// What connections lead to.
    pub upstream: Upstream,
    /// Whether the connection to the server is encrypted, and what is verified.
    pub ssl_mode: SslMode,
    /// The authorities that the server's certificate is verified against, in PEM.
    pub ssl_root_cert: Option<PathBuf>,
    /// Where set, clients are offered TLS: the wire writes the certificate of an authority made for this run to this
    /// folder, and removes it when it is dropped. See [`PgWire::ca_file`](super::PgWire::ca_file).
    pub client_tls: Option<PathBuf>,
    /// The longest statement, and the longest message that a rule needs as a whole, in bytes.
    pub max_statement: usize,
    /// The longest message of any sort, in bytes. The protocol's own bound is 2 GiB, the server's about 1 GiB.
    pub max_message: usize,
    /// How many statements are recorded; 0 for none.
    pub records: usize,
    /// How long connecting and negotiating may take.
    pub connect_limit: Duration,
    /// How long a connection that a rewrite concerns may stay busy before it is closed all the same.
    pub close_grace: Duration,
}

impl PgWireOptions {
    /// A wire on a free loopback port to the server at `address`.
    pub fn to_tcp(address: SocketAddr) -> Self {
        Self::to(Upstream::Tcp { host: address.ip().to_string(), port: address.port() })
    }

    /// A wire on a free loopback port to the server that listens on a Unix socket.
    pub fn to_unix(socket: impl Into<PathBuf>) -> Self {
        Self::to(Upstream::Unix(socket.into()))
    }

    /// A wire on a free loopback port to any server.
    pub fn to(upstream: Upstream) -> Self {
        Self {
            name: "pg".to_owned(),
            listen: None,
            upstream,
            ssl_mode: SslMode::Prefer,
            ssl_root_cert: None,
            client_tls: None,
            max_statement: 64 * 1024 * 1024,
            max_message: 1024 * 1024 * 1024,
            records: 1024,
            connect_limit: Duration::from_secs(10),
            close_grace: Duration::from_secs(5),
        }
    }

    /// Calls the wire `name`.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Listens on this loopback address.
    #[must_use]
    pub const fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// Sets `sslmode` and, where it verifies, `sslrootcert`.
    #[must_use]
    pub fn ssl(mut self, mode: SslMode, root_cert: Option<PathBuf>) -> Self {
        self.ssl_mode = mode;
        self.ssl_root_cert = root_cert;
        self
    }

    /// Offers TLS to clients, by an authority whose certificate is written to `folder`.
    #[must_use]
    pub fn offer_tls(mut self, folder: impl Into<PathBuf>) -> Self {
        self.client_tls = Some(folder.into());
        self
    }
}
