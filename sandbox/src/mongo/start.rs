//! From nothing to a server that answers.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use super::{Connection, Error, Installation, Kind, SWEEP};
use crate::folder;
use crate::leash::{Exit, Leash, Signal, Spec};
use crate::port;

/// How often a connection is tried: nothing tells who waits that a port has begun to listen.
const LOOK: Duration = Duration::from_millis(5);

/// How many ports are tried: each is free when chosen, but somebody else may be quicker.
const PORT_ATTEMPTS: u32 = 10;

/// The `PATH` of servers: what a caller has put first on his own is none of their business.
const TOOLS: &str = "/usr/local/bin:/usr/bin:/bin";

/// Where the parts of one server lie.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) root: PathBuf,
    pub(super) installation: Installation,
    pub(super) start_limit: Duration,
}

impl Site {
    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// Fills the folder.
    pub(super) fn furnish(&self) -> Result<(), Error> {
        folder::make(&self.data(), None).map_err(Error::folder(self.data()))
    }

    /// Holds the folder; the server for this port starts later.
    fn hold(&self, port: u16) -> Result<Leash, Error> {
        let log =
            File::options().create(true).append(true).open(self.log()).map_err(Error::folder(self.log()))?;
        let copy = log.try_clone().map_err(Error::folder(self.log()))?;
        // `env` goes to the data folder, by which the script finds what runs from it; the guardian itself must not.
        let spec = Spec::new("/usr/bin/env").arg("-C").arg(self.data()).arg(&self.installation.program);
        let spec = match self.installation.kind {
            Kind::Mongod => spec
                .arg("--dbpath")
                .arg(self.data())
                .args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--port"])
                .arg(port.to_string()),
            Kind::FerretDb => spec.arg(format!("127.0.0.1:{port}")).arg(self.data()),
        };
        Ok(spec
            .env_clear()
            .env("PATH", TOOLS)
            .env("LC_ALL", "C.UTF-8")
            .cwd("/")
            .stdout(log)
            .stderr(copy)
            .folder(&self.root)
            .epilogue(SWEEP)
            // Nobody needs its data any more: no time is given to write them.
            .stop_by(Signal::KILL)
            .hold()?)
    }

    /// Starts the server on a free port; returns the leash that holds it.
    pub(super) async fn start_anywhere(&self) -> Result<(Leash, u16), Error> {
        let mut port = self.port()?;
        let mut leash = self.hold(port).inspect_err(|_| folder::discard(&self.root))?;
        let mut attempt = 1;
        loop {
            match self.start(&leash, port).await {
                Ok(()) => return Ok((leash, port)),
                Err(Error::Ended { log, .. }) if attempt < PORT_ATTEMPTS && is_port_taken(&log) => {
                    attempt += 1;
                    port = self.port()?;
                    // Both hold the folder for a moment, so that it is never without a guardian.
                    let next = self.hold(port)?;
                    leash.leave().await;
                    leash = next;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn port(&self) -> Result<u16, Error> {
        port::free().map_err(Error::folder(&self.root))
    }

    /// Starts the server and waits until it answers.
    async fn start(&self, leash: &Leash, port: u16) -> Result<(), Error> {
        leash.start().await?;
        let server = || self.installation.kind.to_string();
        tokio::select! {
            exit = leash.exited() => Err(self.ended(exit)),
            ready = tokio::time::timeout(self.start_limit, self.ready(leash, port)) => ready.unwrap_or_else(|_| {
                let seconds = self.start_limit.as_secs();
                Err(Error::NotReady { server: server(), seconds, log: self.log_tail(20) })
            }),
        }
    }

    /// Tries until the server answers, unless it has ended: then it was another's answer, who was quicker on that port.
    async fn ready(&self, leash: &Leash, port: u16) -> Result<(), Error> {
        let address = format!("127.0.0.1:{port}");
        loop {
            let answered = async { Connection::open(&address, self.start_limit).await?.hello().await };
            if answered.await.is_ok() {
                return leash.exit().map_or(Ok(()), |exit| Err(self.ended(exit)));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn ended(&self, exit: Exit) -> Error {
        Error::Ended { server: self.installation.kind.to_string(), exit, log: self.log_tail(20) }
    }

    pub(super) fn log_tail(&self, lines: usize) -> String {
        let log = std::fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let all: Vec<&str> = log.lines().collect();
        all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
    }
}

fn is_port_taken(log: &str) -> bool {
    log.contains("address already in use") || log.contains("Address already in use")
}
