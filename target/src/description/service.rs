//! Services, databases and the connections between them.

use std::time::Duration;

/// A database of the target.
#[derive(Debug, Clone)]
pub struct Database {
    /// What it is called in templates: `{database:NAME}`.
    pub name: String,
    /// The program and arguments that bring its schema up, run once with [`migrate_env`](Self::migrate_env) on the
    /// template from which each lane's database is copied.
    pub migrate: Option<Vec<String>>,
    /// The environment variable through which the program is given the database's address.
    pub migrate_env: String,
}

/// A service of the target, started by Sabot with its wires' addresses in place of the real ones.
#[derive(Debug, Clone)]
pub struct Service {
    /// What it is called.
    pub name: String,
    /// The program: a name beside Sabot's own executable, or a path.
    pub program: String,
    /// Its environment. Values may hold `{wire:NAME}` (the address of the wire on that connection),
    /// `{database:NAME}` (a database past the wires) and `{secret:NAME}`.
    pub env: Vec<(String, String)>,
    /// The environment variable with the address to listen on.
    pub listen_env: String,
    /// Its outward connections, each of which gets a wire.
    pub wires: Vec<Wire>,
    /// A path that answers 200 as soon as the service runs, whatever its dependencies do.
    pub alive_path: String,
    /// The longest that it may take to answer there.
    pub start_limit: Duration,
}

/// An outward connection of a service.
#[derive(Debug, Clone)]
pub struct Wire {
    /// What it is called in templates: `{wire:NAME}`.
    pub name: String,
    /// Where it leads.
    pub to: Upstream,
}

/// Where a connection leads.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// To a database of the target.
    Database(String),
    /// To another service of the target.
    Service(String),
    /// To an upstream that Sabot answers for.
    StandIn(String),
}
