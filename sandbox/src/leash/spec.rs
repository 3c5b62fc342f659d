//! What to hold: command line, environment, output, and how it is to end.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::{Leash, LeashError};
use crate::account::Account;

/// The script between owner and child.
const GUARDIAN: &str = include_str!("guardian.sh");

/// The last step before the program: the child reports itself, and lets go of the guardian's socket.
const REPORT: &str = r#"echo "pid $$" >&3; exec 3>&- "$@""#;

/// Describes a process to be held on a [`Leash`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use sabot_sandbox::leash::Spec;
///
/// let service = Spec::new("sabot-api").arg("--listen").arg("127.0.0.1:8080").env("LOG", "info").start().await?;
/// println!("running as {:?}", service.pid());
/// service.stop().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Spec {
    pub(super) program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    env_clear: bool,
    cwd: Option<PathBuf>,
    stdout: Option<Stdio>,
    stderr: Option<Stdio>,
    pub(super) folder: Option<PathBuf>,
    pub(super) epilogue: Option<String>,
    stop: Signal,
    death: Signal,
    pub(super) grace: Duration,
    account: Option<Account>,
}

impl Spec {
    /// Holds `program`, searched on the child's `PATH`. Unless told otherwise, it inherits environment, folder,
    /// standard output and error, reads nothing, is stopped by `TERM`, and killed ten seconds later.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            env_clear: false,
            cwd: None,
            stdout: None,
            stderr: None,
            folder: None,
            epilogue: None,
            stop: Signal::TERM,
            death: Signal::KILL,
            grace: Duration::from_secs(10),
            account: None,
        }
    }

    /// Adds one argument. Arguments are visible to every user of the machine: secrets go by [`env`](Self::env).
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets one environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    /// Takes one environment variable away.
    #[must_use]
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.env.push((name.into(), None));
        self
    }

    /// Inherits no environment; what [`env`](Self::env) sets is all there is.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.env_clear = true;
        self
    }

    /// Runs in this folder instead of the owner's.
    #[must_use]
    pub fn cwd(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cwd = Some(folder.into());
        self
    }

    /// Where standard output goes: a file, one end of [`std::io::pipe`], or [`Stdio::null`]; not [`Stdio::piped`].
    #[must_use]
    pub fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.stdout = Some(to.into());
        self
    }

    /// Where standard error goes, likewise.
    #[must_use]
    pub fn stderr(mut self, to: impl Into<Stdio>) -> Self {
        self.stderr = Some(to.into());
        self
    }

    /// A folder that is removed once the owner has let go and the child is gone.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// A shell script that runs just before the folder is removed, with the folder as `$1`.
    #[must_use]
    pub fn epilogue(mut self, script: impl Into<String>) -> Self {
        self.epilogue = Some(script.into());
        self
    }

    /// The signal that asks the child to end (`TERM`).
    #[must_use]
    pub fn stop_by(mut self, signal: Signal) -> Self {
        self.stop = signal;
        self
    }

    /// How long the child may take from that signal until it is killed (10 s; counted in tenths of a second).
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The signal that the child gets when its guardian is killed (`KILL`).
    #[must_use]
    pub fn death_by(mut self, signal: Signal) -> Self {
        self.death = signal;
        self
    }

    /// Runs as this account; the owner must be root.
    #[must_use]
    pub fn account(mut self, account: Option<Account>) -> Self {
        self.account = account;
        self
    }

    /// Starts only the guardian: from now on the folder is held, and [`Leash::start`] starts the child.
    ///
    /// # Errors
    /// When the guardian cannot be started, or an environment name is not one.
    pub fn hold(self) -> Result<Leash, LeashError> {
        Leash::hold(self)
    }

    /// Starts guardian and child.
    ///
    /// # Errors
    /// As [`hold`](Self::hold) and [`Leash::start`].
    pub async fn start(self) -> Result<Leash, LeashError> {
        let leash = self.hold()?;
        leash.start().await?;
        Ok(leash)
    }

    /// Starts the guardian and returns it with the owner's end of the socket.
    pub(super) fn spawn(&mut self) -> Result<(Child, UnixStream), LeashError> {
        let mut command = self.command()?;
        let failed = |source| LeashError::Guardian { program: self.program.clone(), source };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        command.stdin(OwnedFd::from(theirs));
        Ok((command.spawn().map_err(failed)?, ours))
    }

    fn command(&mut self) -> Result<Command, LeashError> {
        let setpriv = setpriv()?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", GUARDIAN, "sabot-guardian"]);
        command.arg(self.folder.as_deref().unwrap_or(Path::new("")));
        command.arg(signal_name(self.stop)).arg((self.grace.as_millis() / 100).to_string());
        command.arg(signal_name(self.death)).arg(self.epilogue.as_deref().unwrap_or("")).arg(&setpriv);
        command.arg(setpriv.with_file_name("setsid"));
        if let Some(account) = &self.account {
            command.arg(&setpriv).args(account.setpriv_args()).arg("--");
        }
        // A setpriv of its own: a change of account takes the signal away again, whichever order setpriv takes them in.
        command.arg(&setpriv).args(["--pdeathsig", signal_name(self.death), "--"]);
        command.args(["/bin/sh", "-c", REPORT, "sh"]).arg(&self.program).args(&self.args);
        command.process_group(0);
        if self.env_clear {
            command.env_clear();
        }
        for (name, value) in &self.env {
            if !is_name(name) {
                return Err(LeashError::BadName(name.clone()));
            }
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        command.stdout(self.stdout.take().unwrap_or_else(Stdio::inherit));
        command.stderr(self.stderr.take().unwrap_or_else(Stdio::inherit));
        Ok(command)
    }
}

/// `setpriv` by its path, so that a stand-in on the child's `PATH` is never taken for it.
fn setpriv() -> Result<PathBuf, LeashError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = [PathBuf::from("/usr/bin"), PathBuf::from("/bin")];
    usual
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("setpriv"))
        .find(|tool| tool.is_file())
        .ok_or(LeashError::NoSetpriv)
}

/// The name that `kill` and `setpriv` both know; a signal that is nobody's way to end becomes `KILL`.
fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::HUP => "HUP",
        Signal::INT => "INT",
        Signal::QUIT => "QUIT",
        Signal::ABORT => "ABRT",
        Signal::USR1 => "USR1",
        Signal::USR2 => "USR2",
        Signal::TERM => "TERM",
        _ => "KILL",
    }
}

/// A shell drops other names from the environment that it passes on.
fn is_name(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.first().is_some_and(|first| !first.is_ascii_digit())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}
