//! A leash on ordinary processes.

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use sabot_sandbox::leash::{Exit, Leash, LeashError, Signal, Spec};

use crate::look::{LIMIT, eventually, place, runs};

fn shell(script: &str) -> Spec {
    Spec::new("sh").arg("-c").arg(script).stdout(Stdio::null()).stderr(Stdio::null())
}

async fn exited(leash: &Leash) -> Exit {
    tokio::time::timeout(LIMIT, leash.exited()).await.unwrap()
}

#[tokio::test]
async fn output_and_environment_are_the_callers() {
    let (reader, writer) = std::io::pipe().unwrap();
    let leash = shell("printf '%s in %s\\n' \"$COLOUR\" \"$PWD\"; exit 7")
        .env("COLOUR", "red")
        .cwd("/usr")
        .stdout(writer)
        .start()
        .await
        .unwrap();
    assert_eq!(exited(&leash).await, Exit::Code(7));
    // Ends only if nobody but the child held the pipe: the leash is still there.
    let read = tokio::task::spawn_blocking(move || std::io::read_to_string(reader));
    assert_eq!(tokio::time::timeout(LIMIT, read).await.unwrap().unwrap().unwrap(), "red in /usr\n");
    assert_eq!(leash.pid(), None);
    assert!(matches!(leash.signal(Signal::TERM), Err(LeashError::NotRunning { .. })));
}

#[tokio::test]
async fn a_child_can_be_signalled_and_is_deaf_to_none() {
    for (name, signal) in
        [("INT", Signal::INT), ("QUIT", Signal::QUIT), ("HUP", Signal::HUP), ("TERM", Signal::TERM)]
    {
        let leash = Spec::new("sleep").arg("1000").start().await.unwrap();
        leash.signal(signal).unwrap();
        assert_eq!(exited(&leash).await, Exit::Signal(signal.as_raw()), "{name}");
    }
}

#[tokio::test]
async fn a_child_ends_in_order_when_its_owner_lets_go() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let script = "trap 'echo in order; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let leash = shell(script).stdout(writer).start().await.unwrap();
    let mut ready = [0; 6];
    reader.read_exact(&mut ready).unwrap();
    assert_eq!(leash.stop().await, Exit::Code(0));
    let mut output = String::new();
    reader.read_to_string(&mut output).unwrap();
    assert_eq!(output, "in order\n");
}

#[tokio::test]
async fn a_child_that_does_not_listen_is_killed_after_its_grace() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let leash = shell(script).stdout(writer).grace(Duration::from_millis(200)).start().await.unwrap();
    let mut ready = [0; 6];
    reader.read_exact(&mut ready).unwrap();
    assert_eq!(leash.stop().await, Exit::Signal(9));
}

#[tokio::test]
async fn a_stopped_child_can_be_let_go() {
    let leash = Spec::new("sleep").arg("1000").start().await.unwrap();
    leash.signal(Signal::STOP).unwrap();
    assert_eq!(leash.stop().await, Exit::Signal(15));
}

#[tokio::test]
async fn what_a_child_leaves_behind_goes_with_it() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let leash = shell("sleep 1000 >/dev/null 2>&1 & echo $!").stdout(writer).start().await.unwrap();
    assert_eq!(exited(&leash).await, Exit::Code(0));
    let mut output = String::new();
    reader.read_to_string(&mut output).unwrap();
    let grandchild = output.trim().parse().unwrap();
    eventually("the grandchild is gone", || !runs(grandchild));
}

#[tokio::test]
async fn a_program_that_is_not_there_exits_with_127() {
    let leash = Spec::new("no-such-program").stderr(Stdio::null()).start().await.unwrap();
    assert_eq!(exited(&leash).await, Exit::Code(127));
}

#[tokio::test]
async fn a_name_that_no_shell_passes_on_is_refused() {
    for name in ["a.b", "1A", "", "A B"] {
        assert!(matches!(shell("").env(name, "x").hold(), Err(LeashError::BadName(_))), "{name}");
    }
}

#[test]
fn a_leash_that_was_never_started_takes_its_folder_with_it() {
    let place = place();
    let folder = place.path().join("held");
    std::fs::create_dir(&folder).unwrap();
    let leash = shell("").folder(&folder).hold().unwrap();
    drop(leash);
    assert!(!folder.exists());
}

#[test]
fn a_leash_from_one_runtime_is_dropped_without_any() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let leash = runtime().block_on(Spec::new("sleep").arg("1000").start()).unwrap();
    let pid = leash.pid().unwrap();
    runtime().block_on(async {
        let still = tokio::time::timeout(Duration::from_millis(1), leash.exited()).await;
        assert!(still.is_err());
    });
    drop(leash);
    assert!(!runs(pid));
}

#[tokio::test]
async fn a_folder_that_is_left_stays() {
    let place = place();
    let folder = place.path().join("held");
    std::fs::create_dir(&folder).unwrap();
    let leash = shell("").folder(&folder).start().await.unwrap();
    exited(&leash).await;
    leash.leave().await;
    assert!(folder.exists());
}
