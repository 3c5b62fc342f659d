//! The server that is restored into: one of our own, or one that the operator gave.

use super::given::Given;
use super::session::{QUICK, Session};
use super::sql;
use crate::drill::course::with_causes;
use sabot_sandbox::postgres::{Held, Installation, MARK, Options, SUPERUSER, Server};
use std::ffi::OsString;
use tokio_postgres::Config;

/// The server that is restored into.
#[derive(Debug)]
pub(super) struct Stand {
    pub(super) kind: Kind,
    /// How to connect, but for the database.
    config: Config,
    /// A database of the drill's own, or the one that the operator named: a restore may drop all others.
    pub(super) maintenance: String,
    /// Its major version.
    pub(super) major: u32,
    /// The sandbox's id, for what is started on its behalf.
    pub(super) id: String,
}

/// Whose server it is.
#[derive(Debug)]
pub(super) enum Kind {
    /// Ours, with all that is in it.
    Own(Box<Server>),
    /// The operator's. The folder beside it is ours, for what is fetched.
    Given(Box<Given>, Box<Held>),
}

/// The role under which a drill works: its name and password are known before the server is up.
///
/// Not the sandbox's own superuser: the dump of a whole cluster may hold a role of that name, and would change its
/// password in the middle of the restore.
#[derive(Debug, Clone)]
pub(super) struct Driller {
    name: String,
    password: String,
}

impl Driller {
    /// A role that no dump has.
    pub(super) fn new() -> Result<Self, String> {
        let random = || -> Result<String, String> {
            let mut bytes = [0; 16];
            getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
            Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        };
        Ok(Self { name: format!("sabot_drill_{}", random()?), password: random()? })
    }

    /// A server for it: only it comes in over the network, whatever roles and passwords the restore brings.
    pub(super) fn options(&self, bytes: Option<u64>, installation: Option<Installation>) -> Options {
        let lines = [
            format!("local all {SUPERUSER} scram-sha-256"),
            format!("local all {} scram-sha-256", self.name),
            format!("host all {} 127.0.0.1/32 scram-sha-256", self.name),
            "local all all reject".to_owned(),
            "host all all all reject".to_owned(),
            "local replication all reject".to_owned(),
            "host replication all all reject".to_owned(),
        ];
        Options { hba: lines.into(), installation, ..Options::for_restore(bytes) }
    }

    /// Makes the role, and a database for it.
    pub(super) async fn move_in(self, server: Server, id: String) -> Result<Stand, Box<(Server, String)>> {
        match self.make(&server).await {
            Ok(config) => {
                let major = server.installation().version.major;
                Ok(Stand { kind: Kind::Own(Box::new(server)), config, maintenance: self.name, major, id })
            }
            Err(error) => Err(Box::new((server, error))),
        }
    }

    async fn make(&self, server: &Server) -> Result<Config, String> {
        let mut config = Config::new();
        config.host_path(server.socket_dir()).port(server.port());
        config.user(SUPERUSER).password(server.password()).dbname("template1");
        let session = Session::open(&config).await?;
        let name = sql::quoted(&self.name);
        let role = format!("CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{}'", self.password);
        session.run(&role, QUICK).await?;
        session.run(&format!("CREATE DATABASE {name} TEMPLATE template0 OWNER {name}"), QUICK).await?;
        let mut config = Config::new();
        config.host("127.0.0.1").port(server.port()).user(&self.name).password(&self.password);
        config.connect_timeout(QUICK);
        Ok(config)
    }
}

impl Stand {
    /// One that the operator gave.
    pub(super) fn given(given: Given, held: Held) -> Self {
        let (config, maintenance, major) =
            (given.config().clone(), given.maintenance().to_owned(), given.major());
        let id = held.id().to_owned();
        Self { kind: Kind::Given(Box::new(given), Box::new(held)), config, maintenance, major, id }
    }

    /// How to connect to a database.
    pub(super) fn config(&self, database: &str) -> Config {
        let mut config = self.config.clone();
        config.dbname(database);
        config
    }

    /// Connects to a database.
    pub(super) async fn open(&self, database: &str) -> Result<Session, String> {
        Session::open(&self.config(database)).await
    }

    /// The address of a database, password included.
    pub(super) fn url(&self, database: &str) -> String {
        let (host, port) = address(&self.config);
        let (user, password) = credentials(&self.config);
        let [user, password, database] = [&user, &password, database].map(percent_encoded);
        format!("postgresql://{user}:{password}@{host}:{port}/{database}")
    }

    /// What tells a tool where the server is, and marks it as the sandbox's: a password is on no command line.
    pub(super) fn env(&self) -> Vec<(&'static str, OsString)> {
        let (host, port) = address(&self.config);
        let (user, password) = credentials(&self.config);
        vec![
            ("PGHOST", host.into()),
            ("PGPORT", port.to_string().into()),
            ("PGUSER", user.into()),
            ("PGPASSWORD", password.into()),
            ("PGCONNECT_TIMEOUT", QUICK.as_secs().to_string().into()),
            (MARK, self.id.clone().into()),
        ]
    }

    /// The databases that somebody may have restored something into.
    pub(super) async fn databases(&self) -> Result<Vec<String>, String> {
        let session = self.open(&self.maintenance).await?;
        let all = session
            .names(
                "SELECT datname::text FROM pg_database WHERE NOT datistemplate AND datallowconn ORDER BY 1",
            )
            .await?;
        Ok(all.into_iter().filter(|name| *name != self.maintenance).collect())
    }
}

/// The first address of a configuration.
pub(super) fn address(config: &Config) -> (String, u16) {
    use tokio_postgres::config::Host;
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => "localhost".to_owned(),
    };
    (host, config.get_ports().first().copied().unwrap_or(5432))
}

fn credentials(config: &Config) -> (String, String) {
    let password = config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    (config.get_user().unwrap_or_default().to_owned(), password.unwrap_or_default())
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

/// Connects to a server to learn that it is no more.
pub(super) async fn still_answers(config: &Config) -> bool {
    Session::open(config).await.is_ok()
}

/// An error of the sandbox, its causes included.
pub(super) fn server_words(error: &sabot_sandbox::postgres::Error) -> String {
    with_causes(error)
}
