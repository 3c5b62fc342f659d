//! The PostgreSQL wire between real clients and a real server.

mod malformed;
mod relay;
mod rewrite;
mod rules;
mod tls;

use sabot_sandbox::postgres::{Fresh, fresh_database};
use sabot_wire::pg::{PgWire, PgWireOptions};
use std::future::Future;
use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;
use tokio_postgres::{Client, Config, NoTls};

/// What any wait may take on a machine that does other things besides.
const LIMIT: Duration = Duration::from_secs(60);

/// A database of its own behind a wire of its own.
struct Bed {
    database: Fresh,
    wire: PgWire,
}

impl Bed {
    async fn new() -> Self {
        Self::with(|options| options).await
    }

    async fn with(change: impl FnOnce(PgWireOptions) -> PgWireOptions) -> Self {
        let database = fresh_database().await.unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], database.server().port()));
        let wire = PgWire::start(change(PgWireOptions::to_tcp(address))).await.unwrap();
        Self { database, wire }
    }

    /// How to connect through the wire.
    fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .host(self.wire.address().ip().to_string())
            .port(self.wire.address().port())
            .user(self.database.server().superuser())
            .password(self.database.server().password())
            .dbname(self.database.name())
            .application_name("bed");
        config
    }

    /// A client through the wire.
    async fn client(&self) -> Client {
        self.try_client().await.unwrap()
    }

    async fn try_client(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = within(self.config().connect(NoTls)).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// A client past the wire.
    async fn direct(&self) -> Client {
        self.database.connect().await.unwrap()
    }

    /// A program of PostgreSQL, set to connect through the wire.
    fn program(&self, name: &str) -> Command {
        self.program_at(name, self.wire.address())
    }

    /// The same past the wire.
    fn direct_program(&self, name: &str) -> Command {
        self.program_at(name, SocketAddr::from(([127, 0, 0, 1], self.database.server().port())))
    }

    fn program_at(&self, name: &str, address: SocketAddr) -> Command {
        let mut command = Command::new(self.database.server().installation().program(name));
        self.environment(&mut command, address);
        command
    }

    fn environment(&self, command: &mut Command, address: SocketAddr) {
        command
            .env("PGHOST", address.ip().to_string())
            .env("PGPORT", address.port().to_string())
            .env("PGUSER", self.database.server().superuser())
            .env("PGPASSWORD", self.database.server().password())
            .env("PGDATABASE", self.database.name())
            .env("PSQLRC", "/dev/null")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .kill_on_drop(true);
    }
}

/// Runs `command` to its end.
async fn run(command: &mut Command) -> Output {
    within(command.output()).await.unwrap()
}

/// Runs `command`, which must succeed, and gives what it said.
async fn run_well(command: &mut Command) -> String {
    let output = run(command).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("nothing happened within the time limit")
}

/// The first column of the first row that comes back, as text.
async fn value(client: &Client, sql: &str) -> String {
    let messages = within(client.simple_query(sql)).await.unwrap();
    let value = messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    value.expect("the query has no row")
}
