//! The owner's handle.

use std::ffi::OsString;
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::watch;

use super::attendant::{Progress, Stage, attend};
use super::{Exit, LeashError, Spec};

/// How long a guardian may take to report a start; far above what a busy machine needs.
const START_LIMIT: Duration = Duration::from_secs(30);

/// What a guardian may take beyond the child's grace: its epilogue and the removal of the folder.
const FINISH_LIMIT: Duration = Duration::from_secs(20);

/// A process that goes with its owner. Dropping it stops the process, waits for its end (no longer than the grace
/// and 20 s) and removes the folder; [`stop`](Self::stop) does so without blocking a thread.
#[derive(Debug)]
pub struct Leash {
    program: OsString,
    folder: Option<PathBuf>,
    epilogue: Option<String>,
    grace: Duration,
    socket: UnixStream,
    guardian: Option<OwnedFd>,
    guardian_pid: u32,
    progress: watch::Receiver<Progress>,
    gone: Mutex<mpsc::Receiver<()>>,
    left: bool,
}

impl Leash {
    pub(super) fn hold(mut spec: Spec) -> Result<Self, LeashError> {
        let (guardian, socket) = spec.spawn()?;
        let failed = |source| LeashError::Guardian { program: spec.program.clone(), source };
        let guardian_pid = guardian.id();
        let handle = i32::try_from(guardian_pid)
            .ok()
            .and_then(Pid::from_raw)
            .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let (progress, gone) = attend(socket.try_clone().map_err(failed)?, guardian).map_err(failed)?;
        Ok(Self {
            program: spec.program,
            folder: spec.folder,
            epilogue: spec.epilogue,
            grace: spec.grace,
            socket,
            guardian: handle,
            guardian_pid,
            progress,
            gone: Mutex::new(gone),
            left: false,
        })
    }

    /// Starts the child of a leash that was only [held](Spec::hold).
    ///
    /// # Errors
    /// When the guardian does not report a start within 30 s.
    pub async fn start(&self) -> Result<(), LeashError> {
        let told = (&self.socket).write_all(b"start\n");
        let started = self.until(START_LIMIT, |progress| !matches!(progress.stage, Stage::Held)).await;
        match (told, started.map(|progress| progress.stage)) {
            (Ok(()), Some(Stage::Running { .. })) => Ok(()),
            // It may have run and ended already: that is for `exited` to tell.
            (Ok(()), Some(Stage::Exited(Exit::Code(_) | Exit::Signal(_)))) => Ok(()),
            _ => Err(LeashError::NotStarted { program: self.program.clone() }),
        }
    }

    /// The child's process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match self.progress.borrow().stage {
            Stage::Running { pid, .. } => Some(pid),
            _ => None,
        }
    }

    /// The guardian's process id.
    #[must_use]
    pub fn guardian_pid(&self) -> u32 {
        self.guardian_pid
    }

    /// How the child ended, if it has.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.progress.borrow().exit()
    }

    /// Waits until the child has ended. Cancel-safe; the caller sets the time limit.
    pub async fn exited(&self) -> Exit {
        let mut progress = self.progress.clone();
        let ended = progress.wait_for(|progress| progress.exit().is_some()).await;
        ended.ok().and_then(|progress| progress.exit()).unwrap_or(Exit::Lost)
    }

    /// Sends the child a signal. It cannot reach another process that was given the same number since.
    ///
    /// # Errors
    /// When the child is not running, or the system refuses.
    pub fn signal(&self, signal: Signal) -> Result<(), LeashError> {
        let program = || self.program.clone();
        let Stage::Running { handle: Some(handle), .. } = self.progress.borrow().stage.clone() else {
            return Err(LeashError::NotRunning { program: program() });
        };
        match pidfd_send_signal(handle, signal) {
            Err(rustix::io::Errno::SRCH) => Err(LeashError::NotRunning { program: program() }),
            Err(errno) => Err(LeashError::Signal { program: program(), source: errno.into() }),
            Ok(()) => Ok(()),
        }
    }

    /// Stops the child, waits for it, and removes the folder.
    pub async fn stop(self) -> Exit {
        self.let_go();
        let limit = self.grace + FINISH_LIMIT;
        let ended = self.until(limit, |progress| progress.ended).await;
        ended.and_then(|progress| progress.exit()).unwrap_or(Exit::Lost)
        // What is still to be done by hand, Drop does.
    }

    /// Lets go of an ended child and leaves the folder where it is.
    pub async fn leave(mut self) {
        self.left = (&self.socket).write_all(b"leave\n").is_ok();
        self.let_go();
        self.until(FINISH_LIMIT, |progress| progress.ended).await;
    }

    async fn until(&self, limit: Duration, met: impl FnMut(&Progress) -> bool) -> Option<Progress> {
        let mut progress = self.progress.clone();
        let seen = tokio::time::timeout(limit, progress.wait_for(met)).await;
        seen.ok()?.ok().map(|progress| progress.clone())
    }

    /// End-of-file for the guardian.
    fn let_go(&self) {
        // An error means that the other end is closed, which is what it is for.
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Whether the guardian has gone within `limit`.
    fn gone_within(&self, limit: Duration) -> bool {
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Disconnected)
    }

    /// What the guardian should have done; somebody killed it, or it hangs.
    fn finish_by_hand(&self) {
        let Some(folder) = self.folder.as_deref().filter(|folder| folder.exists()) else { return };
        tracing::warn!(folder = %folder.display(), "a guardian did not finish; removing its folder");
        if let Some(epilogue) = &self.epilogue {
            crate::gc::epilogue(epilogue, folder);
        }
        // `rm` by its own process: it is the guardian's last step, and has the same effect.
        let _ = Command::new("/bin/rm").arg("-rf").arg("--").arg(folder).stderr(Stdio::null()).status();
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.let_go();
        if !self.gone_within(self.grace + FINISH_LIMIT) {
            if let Some(guardian) = &self.guardian {
                // The child dies with it, by its parent-death signal.
                let _ = pidfd_send_signal(guardian, Signal::KILL);
            }
            self.gone_within(Duration::from_secs(5));
        }
        if !self.left {
            self.finish_by_hand();
        }
    }
}
