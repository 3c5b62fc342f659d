//! What is done on the customers' server.
//!
//! Names and passwords stand in statements that take no parameters. They are quoted by the server itself, with
//! `format('%I', …)` and `format('%L', …)`; the finished statement comes back and is then executed as it is. Each
//! change begins with an advisory lock on the resource's name, and every step looks before it acts, so that the same
//! change again, after a crash between any two steps, ends in the same state.

use postgres_protocol::password::scram_sha_256;
use tokio_postgres::types::ToSql;

use super::name::ResourceName;
use crate::db::{Client, DatabaseError};
use crate::settings::Secret;

/// What a change of an existing resource came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Regraded {
    Applied,
    AlreadyCorrect,
    /// A later change was here before this one.
    Superseded,
    Missing,
}

/// Why a resource could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResourceError {
    /// Not ours to touch.
    #[error("a database of this name is owned by somebody else")]
    Foreign,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<tokio_postgres::Error> for ResourceError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Makes the role and its database, or makes them what is wanted.
pub(super) async fn ensure(
    client: &mut Client,
    name: &ResourceName,
    limit: i32,
    password: &Secret,
) -> Result<(), ResourceError> {
    lock(client, name).await?;
    let done = ensure_locked(client, name.as_str(), limit, password).await;
    unlock(client).await?;
    done
}

async fn ensure_locked(
    client: &Client,
    name: &str,
    limit: i32,
    password: &Secret,
) -> Result<(), ResourceError> {
    let owner = owner(client, name).await?;
    if owner.as_ref().is_some_and(|owner| owner != name) {
        return Err(ResourceError::Foreign);
    }
    // The server, its logs and its statistics see a verifier, never the password.
    let verifier = scram_sha_256(password.expose().as_bytes());
    let verb = if role_limit(client, name).await?.is_some() { "ALTER" } else { "CREATE" };
    let role =
        format!("{verb} ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT %s PASSWORD %L");
    quoted(client, &role, &[&name, &limit.to_string(), &verifier]).await?;
    if owner.is_none() {
        // To give a database away, one who is no superuser must be a member of its new owner.
        let row = client.query_one("SELECT rolsuper FROM pg_roles WHERE rolname = current_user", &[]).await?;
        if !row.get::<_, bool>(0) {
            quoted(client, "GRANT %I TO CURRENT_USER", &[&name]).await?;
        }
        quoted(client, "CREATE DATABASE %I OWNER %I", &[&name, &name]).await?;
    }
    // Every role of the server could connect otherwise.
    quoted(client, "REVOKE ALL ON DATABASE %I FROM PUBLIC", &[&name]).await?;
    Ok(())
}

/// What stands before the number of the last change, in the role's comment.
const LAST_CHANGE: &str = "last change ";

/// Changes the role's connection limit, unless a change with a higher number was here before: a call that was given up
/// on its way may still arrive after the next.
pub(super) async fn regrade(
    client: &mut Client,
    name: &ResourceName,
    limit: i32,
    change: Option<i64>,
) -> Result<Regraded, DatabaseError> {
    lock(client, name).await?;
    let done = regrade_locked(client, name.as_str(), limit, change).await;
    unlock(client).await?;
    done
}

async fn regrade_locked(
    client: &Client,
    name: &str,
    limit: i32,
    change: Option<i64>,
) -> Result<Regraded, DatabaseError> {
    let Some(before) = role_limit(client, name).await? else { return Ok(Regraded::Missing) };
    let last = last_change(client, name).await?;
    if change.is_some() && change < last {
        return Ok(Regraded::Superseded);
    }
    if change > last {
        let comment = format!("{LAST_CHANGE}{}", change.unwrap_or_default());
        // Both statements go as one, and so become true together.
        let both = "ALTER ROLE %I CONNECTION LIMIT %s; COMMENT ON ROLE %I IS %L";
        quoted(client, both, &[&name, &limit.to_string(), &name, &comment]).await?;
    } else if before != limit {
        quoted(client, "ALTER ROLE %I CONNECTION LIMIT %s", &[&name, &limit.to_string()]).await?;
    }
    Ok(if before == limit { Regraded::AlreadyCorrect } else { Regraded::Applied })
}

/// The number of the last change that came with one.
async fn last_change(client: &Client, name: &str) -> Result<Option<i64>, DatabaseError> {
    let sql = "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = $1";
    let comment: Option<String> = client.query_opt(sql, &[&name]).await?.and_then(|row| row.get(0));
    Ok(comment.and_then(|comment| comment.strip_prefix(LAST_CHANGE)?.parse().ok()))
}

/// Removes the database, whoever is connected to it, and the role.
pub(super) async fn remove(client: &mut Client, name: &ResourceName) -> Result<(), ResourceError> {
    lock(client, name).await?;
    let done = remove_locked(client, name.as_str()).await;
    unlock(client).await?;
    done
}

async fn remove_locked(client: &Client, name: &str) -> Result<(), ResourceError> {
    if owner(client, name).await?.is_some_and(|owner| owner != name) {
        return Err(ResourceError::Foreign);
    }
    quoted(client, "DROP DATABASE IF EXISTS %I WITH (FORCE)", &[&name]).await?;
    quoted(client, "DROP ROLE IF EXISTS %I", &[&name]).await?;
    Ok(())
}

/// Who owns the database of this name, if there is one.
async fn owner(client: &Client, name: &str) -> Result<Option<String>, DatabaseError> {
    let sql = "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = $1";
    Ok(client.query_opt(sql, &[&name]).await?.map(|row| row.get(0)))
}

/// The role's connection limit, if there is such a role.
pub(super) async fn role_limit(client: &Client, name: &str) -> Result<Option<i32>, DatabaseError> {
    let row = client.query_opt("SELECT rolconnlimit FROM pg_roles WHERE rolname = $1", &[&name]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Has the server quote `arguments` into `form`, and executes what comes back.
async fn quoted(client: &Client, form: &str, arguments: &[&(dyn ToSql + Sync)]) -> Result<(), DatabaseError> {
    let places: Vec<_> = (2..arguments.len() + 2).map(|place| format!("${place}::text")).collect();
    let select = format!("SELECT format($1::text, {})", places.join(", "));
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&form];
    parameters.extend(arguments);
    let statement: String = client.query_one(&select, &parameters).await?.get(0);
    Ok(client.batch_execute(&statement).await?)
}

/// Held until [`unlock`]; a session that ends in the middle lets go of it too.
async fn lock(client: &Client, name: &ResourceName) -> Result<(), DatabaseError> {
    client.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", &[&name.as_str()]).await?;
    Ok(())
}

async fn unlock(client: &Client) -> Result<(), DatabaseError> {
    Ok(client.batch_execute("SELECT pg_advisory_unlock_all()").await?)
}
