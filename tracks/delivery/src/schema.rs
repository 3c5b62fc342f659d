//! The tables.

/// The tables of ledger, events and forwarder. Run it once, in a transaction, in a database that has `audit_log`:
/// what that holds already counts as history and is not sent.
pub const MIGRATION: &str = include_str!("../migrations/delivery.sql");
