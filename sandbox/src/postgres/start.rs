//! From nothing to a server that answers.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::template::Template;
use super::{Error, Installation, MARK, Options, SWEEP, TOOLS, copy, settings};
use crate::account::Account;
use crate::folder;
use crate::gc;
use crate::leash::{Exit, Leash, Signal, Spec};
use crate::port;

/// How often readiness is looked for: `postmaster.pid` announces it, and nothing wakes who waits for that.
const LOOK: Duration = Duration::from_millis(2);

/// How many ports are tried: each is free when chosen, but somebody else may be quicker.
const PORT_ATTEMPTS: u32 = 10;

/// Where the parts of one server lie, and who runs it.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) id: String,
    pub(super) root: PathBuf,
    pub(super) installation: Installation,
    pub(super) account: Option<Account>,
    pub(super) options: Options,
}

impl Site {
    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(super) fn socket_dir(&self) -> PathBuf {
        self.root.join("socket")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// Holds the folder; the server starts later.
    pub(super) fn hold(&self) -> Result<Leash, Error> {
        let log =
            File::options().create(true).append(true).open(self.log()).map_err(Error::folder(self.log()))?;
        let copy = log.try_clone().map_err(Error::folder(self.log()))?;
        let leash = Spec::new(self.installation.program("postgres"))
            .arg("-D")
            .arg(self.data())
            // PG* variables of the caller must not steer a server that is none of his.
            .env_clear()
            .env("PATH", TOOLS)
            .env("LC_ALL", "C.UTF-8")
            // So that whatever it starts, wherever that goes, is known for the sandbox's.
            .env(MARK, &self.id)
            .cwd("/")
            .stdout(log)
            .stderr(copy)
            .folder(&self.root)
            .epilogue(SWEEP)
            // Immediate shutdown: nobody needs a checkpoint. PostgreSQL itself kills what lingers after 5 s.
            .stop_by(Signal::QUIT)
            .death_by(Signal::QUIT)
            .account(self.account.clone())
            .hold()?;
        Ok(leash)
    }

    /// Fills the folder: data, socket folder, authentication.
    pub(super) async fn furnish(&self, template: Template) -> Result<(), Error> {
        let copied = copy::tree(template.data, self.data(), self.account.clone()).await;
        copied.map_err(Error::folder(self.data()))?;
        self.shut()
    }

    /// Makes the socket folder and says who may come in.
    pub(super) fn shut(&self) -> Result<(), Error> {
        let account = self.account.as_ref();
        folder::make(&self.socket_dir(), account).map_err(Error::folder(self.socket_dir()))?;
        let hba = self.data().join("pg_hba.conf");
        folder::write(&hba, &settings::hba(&self.options.hba), account).map_err(Error::folder(hba))
    }

    /// Writes `postgresql.conf`.
    pub(super) fn configure(&self, port: u16) -> Result<(), Error> {
        let conf = settings::conf(&self.id, &self.socket_dir(), port, &self.options.settings);
        let data = self.data();
        folder::write(&data.join("postgresql.conf"), &conf, self.account.as_ref())
            .map_err(Error::folder(data))
    }

    /// Ends what a killed postmaster has left running: sessions outlive it until they look for it, and until they are
    /// gone no other server starts on their data.
    pub(super) async fn sweep(&self) -> Result<(), Error> {
        let folder = self.root.clone();
        let swept = tokio::task::spawn_blocking(move || gc::epilogue(SWEEP, &folder)).await;
        swept.map_err(io::Error::other).map_err(Error::folder(&self.root))
    }

    /// Starts the server on a free port; returns the leash that holds it now.
    pub(super) async fn start_anywhere(&self, mut leash: Leash) -> Result<(Leash, u16), Error> {
        let mut attempt = 1;
        loop {
            let port = port::free().map_err(Error::folder(self.socket_dir()))?;
            match self.start(&leash, port).await {
                Ok(()) => return Ok((leash, port)),
                Err(Error::Ended { log, .. }) if attempt < PORT_ATTEMPTS && is_port_taken(&log) => {
                    attempt += 1;
                    let next = self.hold()?;
                    leash.leave().await;
                    leash = next;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Starts the server on this port and waits until it is ready.
    pub(super) async fn start(&self, leash: &Leash, port: u16) -> Result<(), Error> {
        let socket = self.socket_dir().join(format!(".s.PGSQL.{port}"));
        // One byte less than the kernel's 108: the name ends with a zero.
        if socket.as_os_str().len() > 107 {
            return Err(Error::LongPath { path: socket });
        }
        self.configure(port)?;
        leash.start().await?;
        let ready = tokio::time::timeout(self.options.start_limit, self.ready(leash)).await;
        ready.unwrap_or_else(|_| {
            Err(Error::NotReady { seconds: self.options.start_limit.as_secs(), log: self.log_tail(20) })
        })
    }

    async fn ready(&self, leash: &Leash) -> Result<(), Error> {
        let file = self.data().join("postmaster.pid");
        let ended = |exit: Exit| Error::Ended { exit, log: self.log_tail(20) };
        loop {
            if let Some(exit) = leash.exit() {
                return Err(ended(exit));
            }
            if leash.pid().is_some_and(|pid| is_ready(&file, pid)) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(super) fn log_tail(&self, lines: usize) -> String {
        let log = std::fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let all: Vec<&str> = log.lines().collect();
        all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
    }
}

/// Whether `postmaster.pid` was written by this process and says, in its eighth line, that it is ready.
fn is_ready(file: &Path, pid: u32) -> bool {
    let Ok(text) = std::fs::read_to_string(file) else { return false };
    let mut lines = text.lines();
    lines.next().and_then(|line| line.trim().parse().ok()) == Some(pid)
        && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}

fn is_port_taken(log: &str) -> bool {
    log.contains("could not create any TCP/IP sockets") || log.contains("Address already in use")
}
