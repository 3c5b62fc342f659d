//! However an owner ends, its server and folder go with it.

use sabot_sandbox::{Expired, Label, gc_in};

use crate::look::{eventually, place, processes_in, runs, sandboxes, segment_of, segments};
use crate::owner::{Owner, command, send};

/// Starts an owner in this role, lets `end` end it, and looks for what is left.
fn nothing_is_left(role: &str, end: impl FnOnce(&Owner)) -> String {
    let place = place();
    let mut owner = Owner::start(role, place.path());
    let segment = segment_of(&owner.folder.join("data"));
    end(&owner);
    let rest = owner.ended();
    eventually("the guardian is gone", || !runs(owner.guardian));
    assert!(!owner.folder.exists(), "the folder is left");
    assert!(!runs(owner.postmaster), "the server is left");
    assert_eq!(processes_in(&owner.folder), Vec::<u32>::new(), "sessions are left");
    assert!(!segments().contains(&segment), "shared memory is left");
    assert_eq!(sandboxes(place.path()), Vec::<std::path::PathBuf>::new());
    rest
}

#[test]
fn nothing_is_left_after_a_normal_end() {
    nothing_is_left("return", |_| {});
}

#[test]
fn nothing_is_left_after_an_exit_without_destructors() {
    nothing_is_left("exit", |_| {});
}

#[test]
fn nothing_is_left_after_a_panic() {
    nothing_is_left("panic", |_| {});
}

#[test]
fn nothing_is_left_after_an_abort() {
    nothing_is_left("abort", |_| {});
}

#[test]
fn nothing_is_left_after_sigint() {
    nothing_is_left("wait", |owner| owner.signal("INT"));
}

#[test]
fn nothing_is_left_after_sigterm() {
    nothing_is_left("wait", |owner| owner.signal("TERM"));
}

#[test]
fn nothing_is_left_after_sigkill() {
    nothing_is_left("wait", |owner| owner.signal("KILL"));
}

#[test]
fn a_server_survives_ctrl_c_until_its_owner_has_decided() {
    let rest = nothing_is_left("outlast ctrl-c", |owner| owner.signal("INT"));
    assert!(rest.contains("still answers"), "{rest}");
}

#[test]
fn a_guardian_is_not_impressed_by_signals_that_end_shells() {
    nothing_is_left("outlast ctrl-c", |owner| {
        for name in ["INT", "TERM", "HUP", "QUIT"] {
            send(name, &owner.guardian.to_string());
        }
        assert!(runs(owner.guardian) && runs(owner.postmaster));
        owner.signal("INT");
    });
}

#[test]
fn a_shared_server_goes_with_its_process() {
    let unused = place();
    let mut owner = Owner::spawn(command("shared", unused.path()));
    owner.ended();
    eventually("the guardian is gone", || !runs(owner.guardian));
    assert!(!owner.folder.exists());
    assert!(!runs(owner.postmaster));
}

#[test]
fn a_server_whose_guardian_and_owner_are_killed_is_gone_and_its_folder_collected() {
    let place = place();
    let mut owner = Owner::start("wait", place.path());
    send("KILL", &owner.guardian.to_string());
    owner.signal("KILL");
    owner.ended();
    eventually("the server is gone", || !runs(owner.postmaster));
    assert!(owner.folder.exists(), "nobody was left to remove it");
    let label = Label::read(&owner.folder).unwrap();
    let collected = gc_in(&[place.path().to_owned()]);
    assert_eq!(collected.removed.len(), 1);
    assert_eq!(collected.removed[0].label, label);
    assert_eq!(collected.removed[0].reason, Expired::OwnerGone);
    assert!(!owner.folder.exists());
}
