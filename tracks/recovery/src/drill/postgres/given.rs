//! A server that the operator gives as a sandbox: accepted only when it is empty, not the source, and holds the token
//! that says it may be emptied.

use super::session::{QUICK, Session};
use super::sql;
use super::stand::address;
use std::collections::BTreeSet;
use std::str::FromStr as _;
use tokio_postgres::Config;

/// The table in the maintenance database whose column `token` holds what the operator has to know.
const TOKEN_TABLE: &str = "sabot_disposable";

/// What a server has that nobody has put anything into.
const DEFAULT_DATABASES: [&str; 3] = ["postgres", "template0", "template1"];

/// How to reach it, and why it should be believed.
#[derive(Clone)]
pub struct Access {
    /// Its address: a database on it that holds the token.
    pub url: String,
    /// The token.
    pub token: String,
    /// The address of the server that the artifact was taken from, so that the two can be told apart.
    pub source_url: Option<String>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Both addresses and the token are secret.
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

/// A server that was accepted.
#[derive(Debug)]
pub(super) struct Given {
    config: Config,
    maintenance: String,
    major: u32,
    databases: BTreeSet<String>,
    roles: BTreeSet<String>,
}

impl Given {
    /// Accepts the server; the error says why not.
    pub(super) async fn accept(access: &Access) -> Result<Self, String> {
        let mut config = Config::from_str(&access.url).map_err(|_| {
            "the address of the sandbox is none; give postgresql://user:password@host/database".to_owned()
        })?;
        config.connect_timeout(QUICK);
        let maintenance = config.get_dbname().unwrap_or("postgres").to_owned();
        config.dbname(&maintenance);
        let session = Session::open(&config).await?;
        holds_token(&session, &access.token).await?;
        if let Some(source) = &access.source_url {
            is_not(&session, &config, source).await?;
        }
        let version = session.names("SELECT current_setting('server_version_num')").await?;
        let major = version.first().and_then(|version| version.parse::<u32>().ok()).unwrap_or(0) / 10_000;
        let databases = databases(&session).await?;
        let roles = roles(&session).await?;
        is_empty(&session, &databases, &roles, &maintenance).await?;
        Ok(Self { config, maintenance, major, databases, roles })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn maintenance(&self) -> &str {
        &self.maintenance
    }

    pub(super) fn major(&self) -> u32 {
        self.major
    }

    /// Drops every database and role that was not there before; the errors are what is left, and why.
    pub(super) async fn empty(&self) -> Vec<String> {
        let mut left = Vec::new();
        let session = match Session::open(&self.config).await {
            Ok(session) => session,
            Err(error) => return vec![error],
        };
        let now = (databases(&session).await, roles(&session).await);
        let (Ok(databases), Ok(roles)) = now else {
            return vec!["what is on it could not be listed; empty it by hand".to_owned()];
        };
        for database in databases.difference(&self.databases) {
            let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", sql::quoted(database));
            left.extend(
                session
                    .run(&statement, QUICK)
                    .await
                    .err()
                    .map(|error| format!("database {database}: {error}")),
            );
        }
        for role in roles.difference(&self.roles) {
            let name = sql::quoted(role);
            let statement = format!("DROP OWNED BY {name}; DROP ROLE {name}");
            left.extend(
                session.run(&statement, QUICK).await.err().map(|error| format!("role {role}: {error}")),
            );
        }
        left
    }
}

async fn holds_token(session: &Session, token: &str) -> Result<(), String> {
    let remedy =
        format!("make it by CREATE TABLE {TOKEN_TABLE} (token text), with the token as its only row");
    let tokens = session.names(&format!("SELECT token::text FROM {TOKEN_TABLE}")).await;
    let tokens =
        tokens.map_err(|error| format!("no token says that it may be emptied: {error}; {remedy}"))?;
    // An empty token says nothing.
    let held = !token.is_empty() && tokens.iter().any(|held| held == token);
    if held { Ok(()) } else { Err(format!("its token is not the one given; {remedy}")) }
}

/// Refuses the source itself: by its address, and by the identity of its data.
async fn is_not(session: &Session, config: &Config, source: &str) -> Result<(), String> {
    let source = Config::from_str(source).map_err(|_| "the address of the source is none".to_owned())?;
    if address(config) == address(&source) {
        return Err("it is the source: host and port are the same".to_owned());
    }
    let identity = "SELECT system_identifier::text FROM pg_control_system()";
    let other = Session::open(&source).await.map_err(|error| format!("the source: {error}"))?;
    let (here, there) = (session.names(identity).await?, other.names(identity).await?);
    if here == there {
        Err("it is the source, or a copy of it: the system identifier is the same".to_owned())
    } else {
        Ok(())
    }
}

async fn is_empty(
    session: &Session,
    databases: &BTreeSet<String>,
    roles: &BTreeSet<String>,
    maintenance: &str,
) -> Result<(), String> {
    let foreign: Vec<_> = databases
        .iter()
        .filter(|name| !DEFAULT_DATABASES.contains(&name.as_str()) && *name != maintenance)
        .collect();
    if !foreign.is_empty() {
        return Err(format!("it is not empty: it has the databases {foreign:?}"));
    }
    let me = session
        .names("SELECT current_user::text UNION SELECT rolname::text FROM pg_roles WHERE oid = 10")
        .await?;
    let foreign: Vec<_> = roles.iter().filter(|role| !me.contains(role)).collect();
    if !foreign.is_empty() {
        return Err(format!("it is not empty: it has the roles {foreign:?}"));
    }
    let tables = session
        .names(&format!(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p', 'm', 'v', 'S', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
             AND n.nspname NOT LIKE 'pg\\_toast%' AND c.relname <> '{TOKEN_TABLE}' ORDER BY 1 LIMIT 10"
        ))
        .await?;
    if tables.is_empty() { Ok(()) } else { Err(format!("it is not empty: {maintenance:?} holds {tables:?}")) }
}

async fn databases(session: &Session) -> Result<BTreeSet<String>, String> {
    Ok(session.names("SELECT datname::text FROM pg_database").await?.into_iter().collect())
}

async fn roles(session: &Session) -> Result<BTreeSet<String>, String> {
    let query = "SELECT rolname::text FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%'";
    Ok(session.names(query).await?.into_iter().collect())
}
