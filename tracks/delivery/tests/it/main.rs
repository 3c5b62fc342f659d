//! The track on a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod answers;
mod fixture;
mod forwarder;
mod order;
mod outage;
mod races;
mod reference;
mod router;
mod seen;
mod stub;
