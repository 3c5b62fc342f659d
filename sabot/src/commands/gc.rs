//! `sabot gc`: removes what dead runs left.

use sabot_engine::Exit;

/// Removes labelled folders, and the servers in them, whose owner is dead or whose end has passed.
pub(crate) fn gc() -> Exit {
    let collected = sabot_target::gc();
    for removed in &collected.removed {
        println!("removed {} ({:?}): {:?}", removed.folder.display(), removed.label.kind, removed.reason);
    }
    for (folder, error) in &collected.failed {
        eprintln!("error: {} could not be removed: {error}", folder.display());
    }
    if collected.removed.is_empty() && collected.failed.is_empty() {
        println!("nothing was left behind");
    }
    if collected.failed.is_empty() { Exit::Passed } else { Exit::Unverified }
}
