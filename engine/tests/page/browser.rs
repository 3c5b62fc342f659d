//! A real browser, driven through a pipe: JSON messages that end with NUL, its file descriptors 3 and 4. Every wait
//! has a limit, and the browser does not outlive its test.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The longest that one answer or event is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// The longest that a browser lives, whatever becomes of its test.
const LIFETIME_S: &str = "600";

/// The browser, where there is one: `SABOT_CHROMIUM`, else on the `PATH`.
pub(crate) fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SABOT_CHROMIUM") {
        return Some(named.into());
    }
    let folders: Vec<_> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}

/// One browser with one page.
pub(crate) struct Browser {
    process: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: Option<String>,
    last: u64,
    /// What the browser told without being asked, in order.
    events: Vec<Value>,
    /// Its profile and the page; dropped last.
    folder: tempfile::TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let program = find().expect("no chromium: `make setup` installs it, or name it in SABOT_CHROMIUM");
        assert!(program.is_file(), "{} is no file: SABOT_CHROMIUM names it", program.display());
        let folder = tempfile::tempdir().unwrap();
        let mut process = command(&program, folder.path()).spawn().unwrap();
        let to = process.stdin.take().unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let (sender, from) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while out.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                let parsed = serde_json::from_slice(&message).unwrap_or(Value::Null);
                if sender.send(parsed).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let mut browser = Self { process, to, from, session: None, last: 0, events: Vec::new(), folder };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &attach);
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Opens a page of this text, and waits until it has loaded.
    pub(crate) fn open(&mut self, html: &str) {
        let page = self.folder.path().join("page.html");
        std::fs::write(&page, html).unwrap();
        self.events.clear();
        let answer = self.call("Page.navigate", &json!({"url": format!("file://{}", page.display())}));
        assert_eq!(answer["errorText"], Value::Null);
        let deadline = Instant::now() + PATIENCE;
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.receive(deadline);
            self.events.push(event);
        }
    }

    /// Calls a method of the protocol and waits for its answer.
    pub(crate) fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.to.write_all(&bytes).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut told = self.receive(deadline);
            if told["id"] == json!(self.last) {
                assert_eq!(told["error"], Value::Null, "{method}");
                return told["result"].take();
            }
            self.events.push(told);
        }
    }

    fn receive(&self, deadline: Instant) -> Value {
        let left = deadline.saturating_duration_since(Instant::now());
        self.from.recv_timeout(left).expect("the browser answers in time")
    }

    /// The value of an expression in the page; a promise is awaited.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", &parameters);
        assert_eq!(answer["exceptionDetails"], Value::Null, "{expression}");
        answer["result"]["value"].take()
    }

    /// Presses and releases a key.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            " " => (32, " "),
            other => panic!("no such key: {other}"),
        };
        let mut event = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code, "text": text});
        if text.is_empty() {
            event["type"] = json!("rawKeyDown");
        }
        self.call("Input.dispatchKeyEvent", &event);
        event["type"] = json!("keyUp");
        self.call("Input.dispatchKeyEvent", &event);
    }

    /// Sets the size of the window in CSS pixels, narrow ones as on a phone, and the colour scheme.
    pub(crate) fn look(&mut self, width: u32, scheme: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// What went wrong since the page was opened: errors, dialogs, and requests for anything but the page itself.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let wrong = |event: &&Value| match event["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown"
            | "Log.entryAdded"
            | "Network.loadingFailed"
            | "Page.javascriptDialogOpening" => true,
            "Runtime.consoleAPICalled" => event["params"]["type"] != "debug",
            "Network.requestWillBeSent" => {
                let url = event["params"]["request"]["url"].as_str().unwrap_or_default();
                !(url.starts_with("file://") && url.ends_with("/page.html"))
            }
            _ => false,
        };
        self.events.iter().filter(wrong).map(ToString::to_string).collect()
    }

    /// How many requests were seen: one for the page itself.
    pub(crate) fn requests(&self) -> usize {
        self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent").count()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The whole group: the browser is many processes. An error only says that it has ended.
        let group = format!("-{}", self.process.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).status());
        drop(self.process.wait());
    }
}

/// A shell moves the pipes to where the browser looks for them; a group of its own ends with all that it started.
fn command(program: &Path, profile: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec 3<&0 4>&1 </dev/null >/dev/null 2>&1; exec timeout -k 5 \"$@\"", "sh", LIFETIME_S])
        .arg(program)
        .arg(format!("--user-data-dir={}", profile.join("profile").display()))
        .args([
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-first-run",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--host-resolver-rules=MAP * ~NOTFOUND",
        ]);
    if is_root() {
        command.arg("--no-sandbox");
    }
    command
        .arg("about:blank")
        .env("HOME", profile)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0);
    command
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
