//! The folder for what is made once and kept: templates of servers, programs that were built.

use std::path::PathBuf;

/// `SABOT_CACHE_DIR`, else `$XDG_CACHE_HOME/sabot`, else `~/.cache/sabot`; none where no variable says where.
pub(crate) fn folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("SABOT_CACHE_DIR")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("sabot")))
        .or_else(|| Some(variable("HOME")?.join(".cache/sabot")))
}
