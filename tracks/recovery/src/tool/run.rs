//! One run of a program.

use super::{Messages, Tool, ToolError, messages};
use bytes::BytesMut;
use sabot_sandbox::leash::{Exit, Leash, Spec};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// How much of its output [`Command::output`] keeps, in bytes.
const MAX_OUTPUT: usize = 16 * 1024 * 1024;

/// How long a program may take to end once it was asked to; these hold nothing that would take time to put in order.
const GRACE: Duration = Duration::from_secs(5);

/// How long its standard error may stay open once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What to run. It reads nothing: its standard input is empty.
#[derive(Debug)]
pub struct Command {
    name: String,
    spec: Spec,
    limit: Duration,
}

impl Command {
    /// Runs this tool, `limit` long at most, its standard output included.
    #[must_use]
    pub fn new(tool: &Tool, limit: Duration) -> Self {
        let spec = Spec::new(&tool.program).grace(GRACE);
        // Messages are read by programs too; and none of the caller's settings may steer it to another server.
        let own = [
            "PGHOST",
            "PGHOSTADDR",
            "PGPORT",
            "PGUSER",
            "PGDATABASE",
            "PGSERVICE",
            "PGPASSWORD",
            "PGOPTIONS",
        ];
        let spec = own.into_iter().fold(spec.env("LC_ALL", "C.UTF-8"), Spec::env_remove);
        Self { name: tool.name.clone(), spec, limit }
    }

    /// Adds one argument. Every user of the machine can read it.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.spec = self.spec.arg(arg);
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.spec = self.spec.args(args);
        self
    }

    /// Sets one environment variable; secrets go this way.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.spec = self.spec.env(name, value);
        self
    }

    /// Runs in this folder.
    #[must_use]
    pub fn cwd(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spec = self.spec.cwd(folder);
        self
    }

    /// Changes what it runs as: the account, the folder that goes with it, how it is stopped.
    #[must_use]
    pub fn spec(mut self, change: impl FnOnce(Spec) -> Spec) -> Self {
        self.spec = change(self.spec);
        self
    }

    /// Runs it to its end, its output thrown away.
    ///
    /// # Errors
    /// When it cannot be started, or takes longer than its limit.
    pub async fn run(self) -> Result<End, ToolError> {
        self.begin(Stdio::null(), None).await?.finish().await
    }

    /// Runs it to its end, its output in this file.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_into(self, file: File) -> Result<End, ToolError> {
        self.begin(Stdio::from(file), None).await?.finish().await
    }

    /// Runs it to its end and gives what it printed, the first 16 MiB of it.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn output(self) -> Result<(End, String), ToolError> {
        let mut running = self.start().await?;
        let (mut printed, mut buffer) = (Vec::new(), BytesMut::new());
        while running.read(&mut buffer).await? > 0 {
            let room = MAX_OUTPUT.saturating_sub(printed.len()).min(buffer.len());
            printed.extend_from_slice(buffer.get(..room).unwrap_or_default());
            buffer.clear();
        }
        Ok((running.finish().await?, String::from_utf8_lossy(&printed).into_owned()))
    }

    /// Starts it, its output to be [read](Running::read).
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(self) -> Result<Running, ToolError> {
        let failed = |source| ToolError::Output { name: self.name.clone(), source };
        let (reader, writer) = pipe_pair().map_err(failed)?;
        self.begin(writer, Some(reader)).await
    }

    async fn begin(self, stdout: Stdio, reader: Option<pipe::Receiver>) -> Result<Running, ToolError> {
        let Self { name, spec, limit } = self;
        let failed = |source| ToolError::Output { name: name.clone(), source };
        let (errors, writer) = pipe_pair().map_err(failed)?;
        let deadline = Instant::now() + limit;
        let started = spec.stdout(stdout).stderr(writer).start().await;
        let leash = started.map_err(|source| ToolError::Start { name: name.clone(), source })?;
        let messages = tokio::spawn(messages::collect(errors));
        Ok(Running { name, leash, stdout: reader, messages, deadline, limit })
    }
}

/// Our end of a pipe, and the program's.
fn pipe_pair() -> io::Result<(pipe::Receiver, Stdio)> {
    let (reader, writer) = io::pipe()?;
    Ok((pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?, Stdio::from(writer)))
}

/// A program under way. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    name: String,
    leash: Leash,
    stdout: Option<pipe::Receiver>,
    messages: JoinHandle<Messages>,
    deadline: Instant,
    limit: Duration,
}

impl Running {
    /// Reads some of its output behind what `buffer` holds; 0 at the end of the output, and where it goes elsewhere.
    ///
    /// # Errors
    /// When the time limit is over, or the pipe breaks.
    pub async fn read(&mut self, buffer: &mut BytesMut) -> Result<usize, ToolError> {
        let Some(stdout) = &mut self.stdout else { return Ok(0) };
        match timeout_at(self.deadline, stdout.read_buf(buffer)).await {
            Ok(read) => read.map_err(|source| ToolError::Output { name: self.name.clone(), source }),
            Err(_) => Err(self.late(String::new())),
        }
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.leash.pid()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When the time limit is over; it was stopped then.
    pub async fn finish(mut self) -> Result<End, ToolError> {
        // Nobody reads any more: what it still writes must not hold it up for ever.
        drop(self.stdout.take());
        let exit = timeout_at(self.deadline, self.leash.exited()).await.ok();
        let Self { name, leash, messages, limit, .. } = self;
        leash.stop().await;
        let messages = tokio::time::timeout(LAST_WORDS, messages).await;
        let messages = messages.ok().and_then(Result::ok).unwrap_or_default();
        match exit {
            Some(exit) => Ok(End { name, exit, messages }),
            None => {
                let last = messages.last.map(|last| format!(": {last}")).unwrap_or_default();
                Err(ToolError::TimedOut { name, limit, last })
            }
        }
    }

    /// Stops it, and waits until it is gone.
    pub async fn stop(self) -> Messages {
        self.leash.stop().await;
        let messages = tokio::time::timeout(LAST_WORDS, self.messages).await;
        messages.ok().and_then(Result::ok).unwrap_or_default()
    }

    fn late(&self, last: String) -> ToolError {
        ToolError::TimedOut { name: self.name.clone(), limit: self.limit, last }
    }
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Its name.
    pub name: String,
    /// How.
    pub exit: Exit,
    /// What it said on standard error.
    pub messages: Messages,
}

impl End {
    /// Whether its exit code is 0. What it said may tell another story.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.exit.is_success()
    }
}
