//! One process of a service: on a leash, with its last log lines.

use crate::{Binaries, TargetError};
use sabot_sandbox::leash::{Exit, Leash, Signal, Spec};
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, PipeReader};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How many log lines are kept.
const KEPT: usize = 200;

/// How long a service may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);

/// A running process and what it printed.
#[derive(Debug)]
pub(crate) struct Process {
    leash: Leash,
    log: Log,
    /// The address that it said it listens on.
    address: watch::Receiver<Option<String>>,
}

/// The last lines that a process printed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    fn add(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The last `count` lines.
    pub(crate) fn tail(&self, count: usize) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect()
    }
}

impl Process {
    /// Starts `program` with `env` and nothing else of our environment but `PATH`, or what `binaries` say; its lines go
    /// into `log`.
    pub(crate) async fn start(
        program: &Path,
        args: &[String],
        env: &[(String, String)],
        binaries: &Binaries,
        log: Log,
    ) -> Result<Self, TargetError> {
        let (lines, output) = std::io::pipe().map_err(TargetError::io("making a pipe"))?;
        let errors = output.try_clone().map_err(TargetError::io("making a pipe"))?;
        let mut spec = Spec::new(program).args(args).env_clear().grace(GRACE).stdout(output).stderr(errors);
        if let Some(path) = std::env::var_os("PATH") {
            spec = spec.env("PATH", path);
        }
        spec = binaries.inherited().into_iter().fold(spec, |spec, (name, value)| spec.env(name, value));
        if let Some(folder) = binaries.runs_in() {
            spec = spec.cwd(folder);
        }
        spec = env.iter().fold(spec, |spec, (name, value)| spec.env(name, value));
        let (said, address) = watch::channel(None);
        let reader = log.clone();
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || read(lines, &reader, &said))
            .map_err(TargetError::io("starting a thread"))?;
        Ok(Self { leash: spec.start().await?, log, address })
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// The address that it says it listens on, within `limit`; `None` when it ended or stayed silent.
    pub(crate) async fn listening(&self, limit: Duration) -> Option<String> {
        let mut address = self.address.clone();
        let said = async { address.wait_for(Option::is_some).await.ok().and_then(|address| address.clone()) };
        tokio::select! {
            said = tokio::time::timeout(limit, said) => said.ok().flatten(),
            _ = self.leash.exited() => None,
        }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.leash.pid()
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), TargetError> {
        Ok(self.leash.signal(signal)?)
    }

    pub(crate) async fn exited(&self) -> Exit {
        self.leash.exited().await
    }

    pub(crate) async fn stop(self) -> Exit {
        self.leash.stop().await
    }
}

/// Reads lines until the process and its children have closed the pipe. A thread, not a task: it must drain the pipe
/// even when the runtime is busy, or the service would block on its log.
fn read(lines: PipeReader, log: &Log, said: &watch::Sender<Option<String>>) {
    for line in BufReader::new(lines).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        if said.borrow().is_none()
            && let Some(address) = address_in(&line)
        {
            said.send_replace(Some(address));
        }
        log.add(line);
    }
}

/// The address in a JSON log line that says `listening`.
fn address_in(line: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = json.get("fields").unwrap_or(&json);
    let message = fields.get("message").or_else(|| json.get("message"))?.as_str()?;
    (message == "listening").then(|| fields.get("address")?.as_str().map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_line_that_says_listening() {
        let line = r#"{"level":"INFO","message":"listening","address":"127.0.0.1:81"}"#;
        assert_eq!(address_in(line).as_deref(), Some("127.0.0.1:81"));
        let nested = r#"{"fields":{"message":"listening","address":"127.0.0.1:82"}}"#;
        assert_eq!(address_in(nested).as_deref(), Some("127.0.0.1:82"));
        assert_eq!(address_in(r#"{"message":"stopping","address":"127.0.0.1:81"}"#), None);
        assert_eq!(address_in("listening"), None);
    }

    #[test]
    fn a_log_keeps_its_last_lines() {
        let log = Log::default();
        for line in 0..KEPT + 10 {
            log.add(line.to_string());
        }
        assert_eq!(log.tail(2), [(KEPT + 8).to_string(), (KEPT + 9).to_string()]);
        assert_eq!(log.tail(usize::MAX).len(), KEPT);
    }
}
