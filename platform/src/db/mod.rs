//! PostgreSQL: a pool whose connections are never reused in the middle of something, and migrations.

mod migration;
mod pool;

pub use migration::{Migration, MigrationError, MigrationSet, migrate};
pub use pool::{Client, Database, DatabaseError, DatabaseSettings, Work};

/// The tables of the platform, those that the tracks bring among them: one order, since they refer to each other.
pub const PLATFORM: MigrationSet = MigrationSet {
    owner: "platform",
    migrations: &[
        Migration { name: "0001_teams", sql: include_str!("../../migrations/0001_teams.sql") },
        Migration { name: "0002_delivery", sql: sabot_delivery::MIGRATION },
        Migration {
            name: "0003_contact_email",
            sql: include_str!("../../migrations/0003_contact_email.sql"),
        },
        Migration {
            name: "0004_propagation_kind",
            sql: include_str!("../../migrations/0004_propagation_kind.sql"),
        },
        Migration { name: "0005_propagations", sql: sabot_propagation::QUEUE.sql },
        Migration { name: "0006_supersession", sql: sabot_propagation::SUPERSESSION.sql },
    ],
};
