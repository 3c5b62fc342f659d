//! Throwaway PostgreSQL servers.
//!
//! The first start of a version runs `initdb` into a cache (`SABOT_CACHE_DIR`, else `$XDG_CACHE_HOME/sabot`, else
//! `~/.cache/sabot`); every later one copies that, into memory where there is room.

mod copy;
mod database;
mod error;
mod installation;
mod options;
mod server;
mod settings;
mod shared;
mod start;
mod template;

pub use error::Error;
pub use installation::{Installation, Version};
pub use options::Options;
pub use server::Server;
pub use shared::{Fresh, fresh_database, shared};

/// The superuser of every sandbox. Not `postgres`: the restore of a whole cluster creates that role, and may change
/// its password.
pub const SUPERUSER: &str = "sabot_sandbox";

/// The `PATH` of servers: what a caller has put first on his own is none of their business.
const TOOLS: &str = "/usr/local/bin:/usr/bin:/bin";

/// Ends what runs from a sandbox; see the script.
pub(crate) const SWEEP: &str = include_str!("sweep.sh");
