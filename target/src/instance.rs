//! One instance of a service: its process, its inbound wire, and a wire of its own for each dependency.

use crate::description::Service;
use crate::process::{Log, Process};
use crate::{Binaries, Target, TargetError};
use sabot_sandbox::free_port;
use sabot_sandbox::leash::{Exit, Signal};
use sabot_wire::http::HttpWire;
use sabot_wire::pg::PgWire;
use sabot_wire::tcp::Mode;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How often a service that is starting is asked whether it lives.
const POLL: Duration = Duration::from_millis(10);

/// How long a pause may take to show.
const PAUSE_LIMIT: Duration = Duration::from_secs(5);

/// How many log lines an error carries.
const LOG_LINES: usize = 12;

/// Environment variables put in place of a service's ordinary ones.
pub type Overrides = Vec<(String, String)>;

/// A wire on an outward connection.
#[derive(Debug)]
pub enum Wire {
    /// HTTP.
    Http(HttpWire),
    /// PostgreSQL.
    Postgres(PgWire),
}

impl Wire {
    /// Removes every rule and mode.
    ///
    /// # Errors
    /// When a wire that refused can't listen again.
    pub async fn clear(&self) -> std::io::Result<()> {
        match self {
            Self::Http(wire) => wire.clear(),
            Self::Postgres(wire) => wire.clear().await,
        }
    }

    /// Lets the whole connection pass, refuse or hang.
    ///
    /// # Errors
    /// When a wire that refused can't listen again.
    pub fn set_mode(&self, mode: Mode) -> std::io::Result<()> {
        match self {
            Self::Http(wire) => wire.set_mode(mode),
            Self::Postgres(wire) => wire.set_mode(mode),
        }
    }
}

/// A running instance of a service.
#[derive(Debug)]
pub struct Instance {
    target: Arc<Target>,
    binaries: Binaries,
    service: String,
    program: Mutex<PathBuf>,
    env: Vec<(String, String)>,
    inbound: HttpWire,
    wires: BTreeMap<String, Wire>,
    address: Mutex<Option<SocketAddr>>,
    process: Mutex<Option<Process>>,
    log: Log,
    client: reqwest::Client,
}

/// Everything that an instance is made of, before its process runs.
pub(crate) struct Parts {
    pub(crate) target: Arc<Target>,
    pub(crate) binaries: Binaries,
    pub(crate) service: String,
    pub(crate) program: PathBuf,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) inbound: HttpWire,
    pub(crate) wires: BTreeMap<String, Wire>,
    pub(crate) client: reqwest::Client,
}

impl Instance {
    /// Starts the process with `overrides` and awaits its liveness.
    pub(crate) async fn start(parts: Parts, overrides: &Overrides) -> Result<Self, TargetError> {
        let Parts { target, binaries, service, program, env, inbound, wires, client } = parts;
        let instance = Self {
            target,
            binaries,
            service,
            program: Mutex::new(program),
            env,
            inbound,
            wires,
            address: Mutex::default(),
            process: Mutex::default(),
            log: Log::default(),
            client,
        };
        instance.restart_with(overrides).await?;
        Ok(instance)
    }

    /// The name of its service.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The wire in front of it.
    pub const fn inbound(&self) -> &HttpWire {
        &self.inbound
    }

    /// The URL of `path` over the inbound wire.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.inbound.url())
    }

    /// Its wires by name.
    pub const fn wires(&self) -> &BTreeMap<String, Wire> {
        &self.wires
    }

    /// The HTTP wire called `name`.
    ///
    /// # Errors
    /// [`TargetError::NoSuch`] when there is none.
    pub fn http(&self, name: &str) -> Result<&HttpWire, TargetError> {
        match self.wires.get(name) {
            Some(Wire::Http(wire)) => Ok(wire),
            _ => {
                Err(TargetError::NoSuch { what: "an HTTP wire", name: format!("{}'s {name}", self.service) })
            }
        }
    }

    /// The PostgreSQL wire called `name`.
    ///
    /// # Errors
    /// [`TargetError::NoSuch`] when there is none.
    pub fn postgres(&self, name: &str) -> Result<&PgWire, TargetError> {
        match self.wires.get(name) {
            Some(Wire::Postgres(wire)) => Ok(wire),
            _ => Err(TargetError::NoSuch {
                what: "a PostgreSQL wire",
                name: format!("{}'s {name}", self.service),
            }),
        }
    }

    /// The process's own address, past the inbound wire.
    ///
    /// # Errors
    /// [`TargetError::NoSuch`] before it has ever listened.
    pub async fn address(&self) -> Result<SocketAddr, TargetError> {
        let none = || TargetError::NoSuch { what: "an address of", name: self.service.clone() };
        self.address.lock().await.ok_or_else(none)
    }

    /// The last `count` lines that it printed.
    pub fn log(&self, count: usize) -> Vec<String> {
        self.log.tail(count)
    }

    /// The process's id, while it runs.
    pub async fn pid(&self) -> Option<u32> {
        self.process.lock().await.as_ref().and_then(Process::pid)
    }

    /// Takes `program` from the next start on.
    pub(crate) async fn run_by(&self, program: PathBuf) {
        *self.program.lock().await = program;
    }

    /// Restarts it with the same command, environment and port.
    ///
    /// # Errors
    /// [`TargetError::NotAlive`] with its last log lines.
    pub async fn restart(&self) -> Result<(), TargetError> {
        self.restart_with(&Overrides::new()).await
    }

    /// Restarts it with some settings replaced, on the same port; [`restart`](Self::restart) undoes that.
    ///
    /// # Errors
    /// [`TargetError::NotAlive`] with its last log lines.
    pub async fn restart_with(&self, overrides: &Overrides) -> Result<(), TargetError> {
        let mut process = self.process.lock().await;
        if let Some(running) = process.take() {
            running.stop().await;
        }
        let mut address = self.address.lock().await;
        let service = self.description()?;
        let given = address.map_or_else(|| first_address(service), Ok)?;
        let mut env = self.env.clone();
        env.push((service.listen_env.clone(), service.listen_at(given)));
        for (name, value) in overrides {
            env.retain(|(known, _)| known != name);
            env.push((name.clone(), value.clone()));
        }
        let program = self.program.lock().await.clone();
        let args = service.command.get(1..).unwrap_or_default();
        let started = Process::start(&program, args, &env, &self.binaries, self.log.clone()).await?;
        let at = self.alive(&started, service, given).await?;
        self.inbound.set_upstream(at);
        *address = Some(at);
        *process = Some(started);
        Ok(())
    }

    /// Sends its process a signal: `STOP` pauses it, `CONT` lets it go on, `KILL` ends it.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn signal(&self, signal: Signal) -> Result<(), TargetError> {
        match &*self.process.lock().await {
            Some(process) => process.signal(signal),
            None => Err(TargetError::NoSuch { what: "a process of", name: self.service.clone() }),
        }
    }

    /// Pauses its process, and returns once none of its threads runs: on a busy machine they go on for a while, and
    /// answer. There is no event for that from outside.
    ///
    /// # Errors
    /// [`TargetError::NoSuch`] when it does not run, [`TargetError::NotPaused`] when it goes on all the same.
    pub async fn pause(&self) -> Result<(), TargetError> {
        self.signal(Signal::STOP).await?;
        let paused = async {
            while !self.pid().await.is_some_and(is_paused) {
                tokio::time::sleep(POLL).await;
            }
        };
        let late = |_| TargetError::NotPaused { service: self.service.clone(), limit: PAUSE_LIMIT };
        tokio::time::timeout(PAUSE_LIMIT, paused).await.map_err(late)
    }

    /// Waits until its process has ended; the caller sets the time limit.
    pub async fn exited(&self) -> Option<Exit> {
        match &*self.process.lock().await {
            Some(process) => Some(process.exited().await),
            None => None,
        }
    }

    /// Removes every rule and mode from its wires.
    ///
    /// # Errors
    /// [`TargetError::Io`] when a wire that refused can't listen again.
    pub async fn clear_wires(&self) -> Result<(), TargetError> {
        let cleared = self.inbound.clear();
        cleared.map_err(TargetError::io(format!("clearing the wire in front of {}", self.service)))?;
        for (name, wire) in &self.wires {
            wire.clear()
                .await
                .map_err(TargetError::io(format!("clearing {}'s wire {name}", self.service)))?;
        }
        Ok(())
    }

    /// Stops the process and takes the wires down.
    pub async fn stop(self) {
        if let Some(process) = self.process.into_inner() {
            process.stop().await;
        }
    }

    fn description(&self) -> Result<&Service, TargetError> {
        let none = || TargetError::NoSuch { what: "a service", name: self.service.clone() };
        self.target.service(&self.service).ok_or_else(none)
    }

    /// Awaits the first 200 at the path of liveness, asked directly, where it was told to listen or says that it does.
    async fn alive(
        &self,
        process: &Process,
        service: &Service,
        given: SocketAddr,
    ) -> Result<SocketAddr, TargetError> {
        let not_alive = |reason: &str| TargetError::NotAlive {
            service: self.service.clone(),
            path: service.alive_path.clone(),
            limit: service.start_limit,
            reason: reason.to_owned(),
            log: process.log().tail(LOG_LINES).join("\n"),
        };
        let deadline = tokio::time::Instant::now() + service.start_limit;
        let mut address = given;
        if service.tells_address {
            let Some(said) = process.listening(service.start_limit).await else {
                // Its last words are still in the pipe for a moment after it has ended.
                tokio::time::sleep(POLL * 5).await;
                return Err(not_alive("it never said that it listens, or ended"));
            };
            address = said.parse().map_err(|_| not_alive(&format!("it listens on `{said}`")))?;
        }
        let url = format!("http://{address}{}", service.alive_path);
        loop {
            let asked = self.client.get(&url).timeout(Duration::from_secs(2)).send();
            let asked = tokio::select! {
                asked = asked => asked,
                // Whoever answers there from now on is somebody else.
                ended = process.exited() => {
                    tokio::time::sleep(POLL * 5).await;
                    return Err(not_alive(&format!("it ended: {ended:?}")));
                }
            };
            let reason = match asked {
                Ok(answer) if answer.status().is_success() => return Ok(address),
                Ok(answer) => format!("it answered {}", answer.status()),
                Err(error) => error.to_string(),
            };
            if tokio::time::Instant::now() >= deadline {
                return Err(not_alive(&reason));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Where a service listens when it is first started: on a port that it takes and tells, or on a free one.
fn first_address(service: &Service) -> Result<SocketAddr, TargetError> {
    if service.tells_address {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    }
    let port = free_port().map_err(TargetError::io(format!("finding a free port for {}", service.name)))?;
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// Whether every thread of the process is stopped, as the system has it (proc(5), `/proc/pid/stat`).
pub fn is_paused(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    let mut states = threads.flatten().filter_map(|thread| {
        // One that has ended meanwhile has nothing to say.
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        stat.rsplit(") ").next()?.chars().next()
    });
    states.all(|state| state == 'T')
}
