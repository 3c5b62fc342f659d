//! Another process that owns a server: this test binary again, told by its environment what to do.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use sabot_sandbox::postgres::{Options, Server, shared};
use sabot_sandbox::{Place, mongo};
use tokio::signal::unix::{SignalKind, signal};

const ROLE: &str = "SABOT_SANDBOX_TEST_ROLE";
const PLACE: &str = "SABOT_SANDBOX_TEST_PLACE";

/// What is printed when the server is up; what follows are its folder, postmaster and guardian.
const UP: &str = "server is up:";

/// Not a test: the part that is played in the other process.
#[tokio::test]
async fn plays_the_owner_when_told_to() {
    let Ok(role) = std::env::var(ROLE) else { return };
    if role == "shared" {
        announce(shared().await.unwrap()).await;
        return;
    }
    let place = Place::Folder(std::env::var_os(PLACE).unwrap().into());
    if role == "mongo" {
        let options = mongo::Options { place, ..mongo::Options::default() };
        let server = mongo::Server::start(options).await.unwrap();
        println!("\n{UP} {} {} {}", server.pid().unwrap(), server.guardian_pid(), server.folder().display());
        return tokio::time::sleep(super::look::LIMIT * 2).await;
    }
    let server = match Server::start(Options::default().place(place)).await {
        Ok(server) => server,
        Err(error) => return println!("\nrefused: {error}"),
    };
    // Before anybody is told that it may be sent.
    let mut interrupt = (role == "outlast ctrl-c").then(|| signal(SignalKind::interrupt()).unwrap());
    announce(&server).await;
    if ["return", "panic", "abort", "exit"].contains(&role.as_str()) {
        // The test looks at the server first.
        std::io::stdin().read_line(&mut String::new()).unwrap();
    }
    match role.as_str() {
        "return" => {}
        "panic" => panic!("on purpose"),
        "abort" => std::process::abort(),
        "exit" => std::process::exit(3),
        "outlast ctrl-c" => {
            interrupt.as_mut().unwrap().recv().await.unwrap();
            let client = server.connect("postgres").await.unwrap();
            client.query_one("SELECT 1", &[]).await.unwrap();
            println!("still answers");
        }
        _ => tokio::time::sleep(super::look::LIMIT * 2).await,
    }
}

async fn announce(server: &Server) {
    let (postmaster, guardian) = (server.pid().await.unwrap(), server.guardian_pid().await);
    println!("\n{UP} {postmaster} {guardian} {}", server.folder().display());
}

/// An owner with its server. Dropped, it is killed.
pub(crate) struct Owner {
    process: Child,
    output: BufReader<ChildStdout>,
    pub(crate) postmaster: u32,
    pub(crate) guardian: u32,
    pub(crate) folder: PathBuf,
}

/// What makes a test binary play a role.
pub(crate) const PLAY: [&str; 3] = ["--exact", "owner::plays_the_owner_when_told_to", "--nocapture"];

/// The command that plays this role, with servers in `place`.
pub(crate) fn command(role: &str, place: &Path) -> Command {
    // Whoever runs the tests may be deaf to Ctrl-C, as a job in the background is, and children inherit that.
    let mut command = Command::new("env");
    command.arg("--default-signal=INT,QUIT").arg(std::env::current_exe().unwrap());
    command.env(ROLE, role).env(PLACE, place).stdin(Stdio::null());
    command.args(PLAY);
    command
}

impl Owner {
    pub(crate) fn start(role: &str, place: &Path) -> Self {
        Self::spawn(command(role, place))
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        use std::os::unix::process::CommandExt;
        // Its own group, as on a terminal: what is sent to the group reaches nobody else.
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let line = output.by_ref().lines().map(Result::unwrap).find(|line| {
            assert!(!line.starts_with("refused"), "{line}");
            line.starts_with(UP)
        });
        let line = line.expect("the owner ended before its server was up");
        let mut words = line[UP.len()..].split_whitespace();
        let mut next = || words.next().unwrap().to_owned();
        let (postmaster, guardian) = (next().parse().unwrap(), next().parse().unwrap());
        Self { process, output, postmaster, guardian, folder: next().into() }
    }

    /// Sends a signal to its whole group, as a terminal does.
    pub(crate) fn signal(&self, name: &str) {
        send(name, &format!("-{}", self.process.id()));
    }

    /// Lets it end, and waits for that; returns what else it printed.
    pub(crate) fn ended(&mut self) -> String {
        drop(self.process.stdin.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        self.process.wait().unwrap();
        rest
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a signal to a process, or to a group when the number is negative.
pub(crate) fn send(name: &str, pid: &str) {
    assert!(Command::new("kill").args(["-s", name, "--", pid]).status().unwrap().success());
}
