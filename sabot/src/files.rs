//! How many files Sabot may have open: a burst on three services is thousands of connections, each with two ends here.

use rustix::process::{Resource, getrlimit, setrlimit};

/// More than any run needs.
const ENOUGH: u64 = 65_536;

/// Raises the soft limit, with which an ordinary user begins at 1,024, as far as the hard one lets it.
pub(crate) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    let possible = limit.maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if limit.current.is_some_and(|current| current < possible) {
        limit.current = Some(possible);
        // Where even that is refused, the burst that lacks files says so itself.
        let _refused = setrlimit(Resource::Nofile, limit);
    }
}
