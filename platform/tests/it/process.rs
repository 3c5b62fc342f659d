//! One service running as a process, on a leash, with its log at hand.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use reqwest::Method;
use sabot_sandbox::leash::{Exit, Leash, Signal, Spec};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

pub(crate) const API: &str = env!("CARGO_BIN_EXE_sabot-api");
pub(crate) const WORKER: &str = env!("CARGO_BIN_EXE_sabot-worker");
pub(crate) const PROVISIONER: &str = env!("CARGO_BIN_EXE_sabot-provisioner");

/// The token of every service in these tests.
pub(crate) const TOKEN: &str = "canary-service-token-93b1";

/// What a service needs to start, unless a test says otherwise: a provisioner that is not there.
const COMMON: [(&str, &str); 3] = [
    ("SABOT_SERVICE_TOKEN", TOKEN),
    ("SABOT_PROVISIONER_URL", "http://127.0.0.1:1"),
    ("SABOT_PROVISIONER_TOKEN", TOKEN),
];

/// Generous: the machine may be busy. Nothing waits this long when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Process {
    leash: Leash,
    address: SocketAddr,
    client: reqwest::Client,
    lines: watch::Receiver<Vec<String>>,
}

impl Process {
    /// Starts it with these settings besides the common ones, and waits until it listens.
    pub(crate) async fn start(program: &str, settings: &[(&str, &str)]) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut spec = Spec::new(program).env_clear().stdout(Stdio::from(writer));
        for (name, value) in COMMON.iter().chain(settings) {
            spec = spec.env(name, value);
        }
        let leash = spec.env("PATH", std::env::var_os("PATH").unwrap_or_default()).start().await.unwrap();
        let (sender, mut lines) = watch::channel(Vec::new());
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                sender.send_modify(|lines: &mut Vec<String>| lines.push(line));
            }
        });
        let listening = |lines: &Vec<String>| address_in(lines).is_some();
        let heard = timeout(PATIENCE, lines.wait_for(listening)).await.unwrap().unwrap();
        let address = address_in(&heard).unwrap();
        drop(heard);
        Self { leash, address, client: client(), lines }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Status and body; the body is null where there is none.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.url())).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    /// The raw answer, head included, for what looks for secrets; without the token.
    pub(crate) async fn raw(&self, path: &str) -> String {
        let response = self.client.get(format!("{}{path}", self.url())).send().await.unwrap();
        format!("{} {:?}\n{}", response.status(), response.headers().clone(), response.text().await.unwrap())
    }

    /// Asks `/readyz` until it answers as wanted.
    pub(crate) async fn ready_when(&self, wanted: impl Fn(u16, &Value) -> bool) -> (u16, Value) {
        let last = Mutex::new(Value::Null);
        let asked = timeout(PATIENCE, async {
            loop {
                let (status, body) = self.get("/readyz").await;
                if wanted(status, &body) {
                    return (status, body);
                }
                *last.lock().unwrap() = body;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        asked.await.unwrap_or_else(|_| panic!("never as wanted; last {}", last.lock().unwrap()))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.leash.signal(signal).unwrap();
    }

    pub(crate) async fn exited(&self) -> Exit {
        timeout(PATIENCE, self.leash.exited()).await.unwrap()
    }

    /// Waits for a log line that holds this text.
    pub(crate) async fn logs(&self, text: &str) {
        let mut lines = self.lines.clone();
        let found = lines.wait_for(|lines| lines.iter().any(|line| line.contains(text)));
        let found = timeout(PATIENCE, found).await.map(|heard| heard.is_ok());
        assert!(found.unwrap_or(false), "no {text:?} in the log");
    }

    /// Everything logged so far.
    pub(crate) fn log(&self) -> String {
        self.lines.borrow().join("\n")
    }
}

fn address_in(lines: &[String]) -> Option<SocketAddr> {
    lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["message"] == "listening")
        .and_then(|line| line["address"].as_str()?.parse().ok())
}

fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
    reqwest::Client::builder().tls_certs_only([]).no_proxy().timeout(PATIENCE).build().unwrap()
}

/// Runs it to its end, with nothing but these settings.
pub(crate) async fn run(program: &'static str, args: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(settings.iter().copied()).stdin(Stdio::null());
    let mut command = tokio::process::Command::from(command);
    timeout(PATIENCE, command.kill_on_drop(true).output()).await.unwrap().unwrap()
}

/// What it printed, both ways.
pub(crate) fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Shared between a test and what it started.
pub(crate) type Shared<T> = Arc<Mutex<T>>;
