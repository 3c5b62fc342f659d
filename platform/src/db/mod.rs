//! PostgreSQL: a pool whose connections are never reused in the middle of something, and migrations.

mod migration;
mod pool;

pub use migration::{Migration, MigrationError, MigrationSet, migrate};
pub use pool::{Client, Database, DatabaseError, DatabaseSettings, Work};

/// The tables of the platform itself. Each track brings a set of its own.
pub const PLATFORM: MigrationSet = MigrationSet {
    owner: "platform",
    migrations: &[Migration { name: "0001_teams", sql: include_str!("../../migrations/0001_teams.sql") }],
};
