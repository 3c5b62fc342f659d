//! The cache of templates, seen by whole processes with a cache of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::look::place;
use crate::owner::{Owner, PLAY, command};

fn with_cache(cache: &Path, place: &Path) -> Command {
    let mut command = command("return", place);
    command.env("SABOT_CACHE_DIR", cache);
    command
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn first_starts_at_the_same_time_make_one_template() {
    let place = place();
    let cache = place.path().join("cache");
    let owners: Vec<_> = (0..4)
        .map(|_| {
            let command = with_cache(&cache, place.path());
            std::thread::spawn(move || Owner::spawn(command).ended())
        })
        .collect();
    for owner in owners {
        owner.join().unwrap();
    }
    let names = names(&cache);
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(names[1], format!("{}.lock", names[0]));
}

#[test]
fn a_cache_that_cannot_be_written_is_named_with_the_remedy() {
    let place = place();
    let file = place.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let output = with_cache(&file.join("cache"), place.path()).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        printed.contains(&format!("refused: cannot use the cache folder {}", file.display())),
        "{printed}"
    );
    assert!(printed.contains("set SABOT_CACHE_DIR"), "{printed}");
}

/// As root: the same again as a user who is nobody. (As an ordinary user, every other test shows that.)
#[test]
fn an_ordinary_user_needs_no_root() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let place = place();
    let nobody = 65_534;
    std::os::unix::fs::chown(place.path(), Some(nobody), Some(nobody)).unwrap();
    // The build folder may be closed to others.
    let program: PathBuf = place.path().join("it");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let inner = with_cache(&place.path().join("cache"), place.path());
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(program).args(PLAY);
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir("/");
    let mut owner = Owner::spawn(command);
    let folder = owner.folder.clone();
    owner.ended();
    assert!(!folder.exists());
}
