//! Throwaway PostgreSQL servers.
//!
//! The first start of a version runs `initdb` into a cache (`SABOT_CACHE_DIR`, else `$XDG_CACHE_HOME/sabot`, else
//! `~/.cache/sabot`); every later one copies that, into memory where there is room. [`Held`] is a sandbox before its
//! server starts: that may also run on data that come from elsewhere.

mod adopt;
mod copy;
mod database;
mod error;
mod held;
mod installation;
mod machine;
mod options;
mod restore;
mod server;
mod settings;
mod shared;
mod start;
mod template;

pub use error::Error;
pub use held::Held;
pub use installation::{Installation, Version};
pub use options::Options;
pub use server::Server;
pub use shared::{Fresh, fresh_database, shared};

/// The superuser of every sandbox. Not `postgres`: the restore of a whole cluster creates that role, and may change
/// its password.
pub const SUPERUSER: &str = "sabot_sandbox";

/// The `PATH` of servers: what a caller has put first on his own is none of their business.
const TOOLS: &str = "/usr/local/bin:/usr/bin:/bin";

/// The environment variable that carries the sandbox's id in everything that its server starts.
pub const MARK: &str = "SABOT_SANDBOX";

/// Ends what runs from a sandbox; see the script.
pub(crate) const SWEEP: &str = include_str!("sweep.sh");
