//! Where what is expensive to make, or to fetch, is kept between runs.

use std::path::PathBuf;

/// The cache folder: `SABOT_CACHE_DIR`, else `$XDG_CACHE_HOME/sabot`, else `~/.cache/sabot`; `None` where none of them
/// is set. It need not exist yet.
#[must_use]
pub fn cache_folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("SABOT_CACHE_DIR")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("sabot")))
        .or_else(|| Some(variable("HOME")?.join(".cache/sabot")))
}
