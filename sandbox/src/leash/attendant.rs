//! The owner's ear: a thread that hears what the guardian reports, whichever runtime is or is not running.

use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::{Arc, mpsc};
use std::thread;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::sync::watch;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal. (A shell reports both as one number: an exit code from 129 to 192 is taken for a signal.)
    Signal(i32),
    /// With its guardian: somebody killed that.
    Lost,
    /// Before it was started.
    NotStarted,
}

impl Exit {
    /// Whether the child ended by itself with code 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }

    fn from_status(status: i32) -> Self {
        match status {
            129..=192 => Self::Signal(status - 128),
            code => Self::Code(code),
        }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Lost => f.write_str("killed with its guardian"),
            Self::NotStarted => f.write_str("never started"),
        }
    }
}

/// What is known of the child.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    Held,
    Running { pid: u32, handle: Option<Arc<OwnedFd>> },
    Exited(Exit),
}

/// What is known of child and guardian.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    pub(super) stage: Stage,
    /// The guardian is gone, and with it, unless it was killed or told to leave it, the folder.
    pub(super) ended: bool,
}

impl Progress {
    pub(super) fn exit(&self) -> Option<Exit> {
        match self.stage {
            Stage::Exited(exit) => Some(exit),
            _ => None,
        }
    }
}

/// Starts the thread. The second value is disconnected when the guardian is gone.
pub(super) fn attend(
    socket: UnixStream,
    guardian: Child,
) -> std::io::Result<(watch::Receiver<Progress>, mpsc::Receiver<()>)> {
    let (progress, seen) = watch::channel(Progress { stage: Stage::Held, ended: false });
    let (alive, gone) = mpsc::channel();
    thread::Builder::new().name("leash".to_owned()).stack_size(128 * 1024).spawn(move || {
        listen(socket, guardian, &progress);
        drop(alive);
    })?;
    Ok((seen, gone))
}

fn listen(socket: UnixStream, mut guardian: Child, progress: &watch::Sender<Progress>) {
    for line in BufReader::new(socket).lines().map_while(Result::ok) {
        let Some((word, number)) = line.split_once(' ') else { continue };
        let Ok(number) = number.parse::<i32>() else { continue };
        let stage = match word {
            "pid" => Stage::Running { pid: number.unsigned_abs(), handle: open(number) },
            "exit" => Stage::Exited(Exit::from_status(number)),
            _ => continue,
        };
        progress.send_modify(|progress| progress.stage = stage);
    }
    // Only to reap it: its end is what closed the socket.
    let _ = guardian.wait();
    progress.send_modify(|progress| {
        progress.ended = true;
        progress.stage = match progress.stage {
            Stage::Held => Stage::Exited(Exit::NotStarted),
            Stage::Running { .. } => Stage::Exited(Exit::Lost),
            Stage::Exited(exit) => Stage::Exited(exit),
        };
    });
}

/// A handle that stays with the process even when its number is given to another.
fn open(pid: i32) -> Option<Arc<OwnedFd>> {
    pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok().map(Arc::new)
}
