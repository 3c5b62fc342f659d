//! Services, databases and the connections between them.

use crate::description::forms::{Named, duration, named, pairs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// A database of the target.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// What it is called in templates: `{database:NAME}`. In TOML the name of its table.
    #[serde(skip)]
    pub name: String,
    /// The program and arguments that bring its schema up, run once with [`migrate_env`](Self::migrate_env) on the
    /// template from which each lane's database is copied.
    pub migrate: Option<Vec<String>>,
    /// The environment variable through which the program is given the database's address.
    pub migrate_env: String,
}

/// A service of the target, started by Sabot with its wires' addresses in place of the real ones.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// What it is called. In TOML the name of its table.
    #[serde(skip)]
    pub name: String,
    /// The program and its arguments. The program of a described target is searched on the `PATH`; one with a `/` in it
    /// is relative to the folder of the file that describes it, in which all of them run.
    pub command: Vec<String>,
    /// Its environment. Values may hold `{wire:NAME}` (the address of the wire on that connection),
    /// `{database:NAME}` (a database past the wires) and `{secret:NAME}`.
    #[serde(with = "pairs")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub env: Vec<(String, String)>,
    /// The environment variable that tells it where to listen.
    pub listen_env: String,
    /// What that variable gets: `{address}` is `127.0.0.1:PORT`, `{port}` the port alone.
    pub listen_form: String,
    /// Whether it tells the address itself, in a line of JSON with `"message":"listening"` and `"address"`, so that it
    /// is given port 0. Of another one Sabot picks the port.
    pub tells_address: bool,
    /// Its outward connections, each of which gets a wire.
    #[serde(with = "named")]
    #[schemars(with = "BTreeMap<String, Upstream>")]
    pub wires: Vec<Wire>,
    /// A path that answers 200 as soon as the service runs, whatever its dependencies do.
    pub alive_path: String,
    /// The longest that it may take to answer there.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub start_limit: Duration,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            name: String::new(),
            command: Vec::new(),
            env: Vec::new(),
            listen_env: String::new(),
            listen_form: "{address}".into(),
            tells_address: false,
            wires: Vec::new(),
            alive_path: "/livez".into(),
            start_limit: Duration::from_secs(20),
        }
    }
}

impl Service {
    /// The program of its command; empty where there is none.
    pub fn program(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }

    /// What [`listen_env`](Self::listen_env) gets when it is to listen on `address`.
    pub(crate) fn listen_at(&self, address: SocketAddr) -> String {
        let form = self.listen_form.replace("{address}", &address.to_string());
        form.replace("{port}", &address.port().to_string())
    }
}

impl Named for Service {
    type Form = Self;

    fn of(name: String, form: Self) -> Self {
        Self { name, ..form }
    }

    fn parts(&self) -> (&str, &Self) {
        (&self.name, self)
    }
}

impl Named for Database {
    type Form = Self;

    fn of(name: String, form: Self) -> Self {
        Self { name, ..form }
    }

    fn parts(&self) -> (&str, &Self) {
        (&self.name, self)
    }
}

/// An outward connection of a service.
#[derive(Debug, Clone)]
pub struct Wire {
    /// What it is called in templates: `{wire:NAME}`.
    pub name: String,
    /// Where it leads.
    pub to: Upstream,
}

impl Named for Wire {
    type Form = Upstream;

    fn of(name: String, to: Upstream) -> Self {
        Self { name, to }
    }

    fn parts(&self) -> (&str, &Upstream) {
        (&self.name, &self.to)
    }
}

/// Where a connection leads.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Upstream {
    /// To a database of the target.
    Database(String),
    /// To another service of the target.
    Service(String),
    /// To an upstream that Sabot answers for.
    StandIn(String),
}
