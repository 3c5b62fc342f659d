//! The tables.

/// The tables of ledger, events and forwarder, as files to be run once each and in this order, each in a transaction,
/// in a database that has `audit_log`: what that holds already counts as history and is not sent. A later version adds
/// files and changes none.
pub const MIGRATIONS: [&str; 2] =
    [include_str!("../migrations/delivery.sql"), include_str!("../migrations/reference.sql")];
