//! What `sabot init` does: it looks at a running database and at running services, only reading, and writes what it takes
//! them for as a `sabot.toml` that says why.
//!
//! ```text
//!  database ──▶ tables ──▶ guesses by shape ─┐
//!     └───────▶ schema.sql ──────────────────┼──▶ page ──▶ sabot.toml
//!  services ──▶ answers ──▶ readiness ───────┘
//! ```

mod address;
mod guess;
mod page;
mod place;
mod ready;
mod schema;
mod session;
mod shape;
mod table;

pub(crate) use address::{Seen, look_at as look_at_service};
pub(crate) use guess::guesses;
pub(crate) use page::{Looked, Page, edits};
pub(crate) use place::Place;
pub(crate) use schema::{Schema, dump};
pub(crate) use session::{Source, Unreadable, tables};
