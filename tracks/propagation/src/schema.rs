//! The tables that the queue needs, as migrations that an adopter runs with whatever runs his own.

/// One file: its name, which orders it, and its statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// `0001_pending_propagations`.
    pub name: &'static str,
    /// Its statements, for the simple query protocol, in a transaction.
    pub sql: &'static str,
}

/// The table `pending_propagations`, its indexes, and the SQL function `propagation_enqueue`.
///
/// The adopter's own migration comes before it and makes the enum `propagation_kind`, whose values are the kinds of
/// his [`Registry`](crate::Registry), and, unless [`Audit`](crate::Audit) says otherwise, the table `audit_log`.
pub const QUEUE: Migration = Migration {
    name: "0001_pending_propagations",
    sql: include_str!("../migrations/0001_pending_propagations.sql"),
};

/// The index that [`supersede`](crate::RegistryBuilder::supersede) needs. A row pays for it twice, once in the claim and
/// once in the completion, so whoever has no such kinds leaves it out.
pub const SUPERSESSION: Migration =
    Migration { name: "0002_supersession", sql: include_str!("../migrations/0002_supersession.sql") };

/// What a notification is sent on.
pub(crate) const CHANNEL: &str = "propagation";

/// The advisory lock that an idle runner holds, so that an enqueue knows whether to ring; the number is in the
/// migration too.
pub(crate) const BELL: i64 = 6_535_049_900_254_117;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migration_rings_the_bell_that_the_runner_hears() {
        assert!(QUEUE.sql.contains(&format!("pg_try_advisory_lock_shared({BELL})")));
        assert!(QUEUE.sql.contains(&format!("pg_notify('{CHANNEL}'")));
    }
}
