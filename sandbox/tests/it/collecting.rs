//! What `gc` removes, and what it leaves alone.

use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use sabot_sandbox::postgres::{Options, Server};
use sabot_sandbox::{Expired, LABEL_FILE, Label, Place, gc_in};

use crate::look::{eventually, place, processes_in, runs, segment_of, segments};

async fn start(place: &Path) -> Server {
    Server::start(Options::default().place(Place::Folder(place.to_owned()))).await.unwrap()
}

/// Changes what the label of a sandbox says.
fn relabel(folder: &Path, change: impl FnOnce(&mut Label)) {
    let mut label = Label::read(folder).unwrap();
    change(&mut label);
    label.write(folder).unwrap();
}

#[tokio::test]
async fn a_living_owners_sandbox_is_left_alone() {
    let place = place();
    let server = start(place.path()).await;
    assert!(gc_in(&[place.path().to_owned()]).removed.is_empty());
    server.connect("postgres").await.unwrap().query_one("SELECT 1", &[]).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_dead_owners_sandbox_is_removed_with_the_server_that_still_runs_from_it() {
    let place = place();
    let server = start(place.path()).await;
    let (folder, postmaster) = (server.folder().to_owned(), server.pid().await.unwrap());
    let segment = segment_of(&server.data_dir());
    // The same process number, but another process.
    relabel(&folder, |label| label.owner.started -= 1);
    let collected = gc_in(&[place.path().to_owned()]);
    assert_eq!(collected.removed.len(), 1, "{collected:?}");
    assert_eq!(collected.removed[0].reason, Expired::OwnerGone);
    assert!(!folder.exists());
    assert_eq!(processes_in(&folder), Vec::<u32>::new(), "the server was left running");
    eventually("the server is gone", || !runs(postmaster));
    eventually("its shared memory is gone", || !segments().contains(&segment));
}

#[tokio::test]
async fn a_sandbox_whose_time_has_passed_is_removed_although_its_owner_lives() {
    let place = place();
    let server = start(place.path()).await;
    relabel(server.folder(), |label| label.ends_at = label.created_at);
    let collected = gc_in(&[place.path().to_owned()]);
    assert_eq!(collected.removed.len(), 1);
    assert_eq!(collected.removed[0].reason, Expired::Ended);
    assert!(!server.folder().exists());
}

#[test]
fn what_bears_no_label_is_never_touched() {
    let place = place();
    let unlabelled = place.path().join("sabot-sandbox-0123456789abcdef");
    let unreadable = place.path().join("sabot-sandbox-fedcba9876543210");
    let other = place.path().join("something-else");
    for folder in [&unlabelled, &unreadable, &other] {
        std::fs::create_dir(folder).unwrap();
    }
    std::fs::write(unreadable.join(LABEL_FILE), "not a label").unwrap();
    let mut label = Label::new("id", "postgres", std::time::Duration::ZERO).unwrap();
    label.owner.started = 1;
    label.write(&other).unwrap();
    let link = place.path().join("sabot-sandbox-link");
    symlink(&other, &link).unwrap();
    let collected = gc_in(&[place.path().to_owned()]);
    assert!(collected.removed.is_empty() && collected.failed.is_empty(), "{collected:?}");
    assert!([unlabelled, unreadable, other, link].iter().all(|path| path.exists()));
}

/// A process that runs from `folder` as a postmaster does. Killed when it goes out of scope.
struct Bystander(Child);

impl Bystander {
    fn in_folder(folder: &Path) -> Self {
        std::fs::write(folder.join("postmaster.pid"), "1\n\n\n\n\n\n0 -a\n").unwrap();
        Self(Command::new("/bin/sleep").arg("600").current_dir(folder).spawn().unwrap())
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        // It may have been killed, which is what the test is about.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A sandbox whose owner is dead.
fn orphan(place: &Path) -> PathBuf {
    let folder = place.join("sabot-sandbox-0123456789abcdef");
    std::fs::create_dir(&folder).unwrap();
    let mut label = Label::new("id", "postgres", std::time::Duration::from_secs(600)).unwrap();
    label.owner.started = 1;
    label.write(&folder).unwrap();
    folder
}

#[test]
fn a_data_folder_that_is_a_link_leads_to_nobodys_server() {
    let place = place();
    let production = place.path().join("production");
    std::fs::create_dir(&production).unwrap();
    let mut server = Bystander::in_folder(&production);
    let folder = orphan(place.path());
    symlink(&production, folder.join("data")).unwrap();
    let collected = gc_in(&[place.path().to_owned()]);
    assert_eq!(collected.removed.len(), 1, "{collected:?}");
    assert!(server.lives() && production.join("postmaster.pid").exists());
}

#[test]
fn root_takes_no_strangers_word() {
    const STRANGER: u32 = 54_321;
    let (place, other) = (place(), place());
    let folder = orphan(place.path());
    let data = folder.join("data");
    std::fs::create_dir(&data).unwrap();
    if chown(&data, Some(STRANGER), None).is_err() {
        return; // Nobody but root can be led astray like this.
    }
    let mut server = Bystander::in_folder(&data);
    assert_eq!(gc_in(&[place.path().to_owned()]).removed.len(), 1);
    assert!(server.lives(), "its folder belongs to another than the sandbox");

    let folder = orphan(other.path());
    chown(&folder, Some(STRANGER), None).unwrap();
    assert!(gc_in(&[other.path().to_owned()]).removed.is_empty());
    assert!(folder.exists());
}
