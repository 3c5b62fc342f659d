//! `sabot init`: what a look at a real database and a real service comes to, and that a run can start from it.

use super::program::{Output, sabot_with};
use super::running::look_for;
use sabot_sandbox::free_port;
use sabot_sandbox::postgres::{Options, Server};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio::runtime::Runtime;

/// An order service's database, under names that nobody else has.
const SHOP: &str = "
    CREATE TABLE orders (id bigint PRIMARY KEY, placed_at timestamptz NOT NULL);
    CREATE SCHEMA shop;
    CREATE TYPE shop.task_type AS ENUM ('ship', 'refund');
    CREATE TABLE shop.tasks (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        type shop.task_type NOT NULL,
        args jsonb NOT NULL,
        tries int NOT NULL DEFAULT 0,
        run_at timestamptz NOT NULL DEFAULT now(),
        done_at timestamptz,
        gave_up_at timestamptz,
        error text);
    CREATE SCHEMA mail;
    CREATE TABLE mail.outgoing (
        id bigint PRIMARY KEY,
        msg_id text UNIQUE,
        address text NOT NULL,
        state text CHECK (state IN ('sent', 'arrived', 'returned')),
        delivered_on timestamptz);
    INSERT INTO shop.tasks (type, args) VALUES ('ship', '{}');";

/// A throwaway server with one database, which lives as long as this.
struct Database {
    runtime: Runtime,
    server: Server,
}

impl Database {
    fn with(sql: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let server = runtime.block_on(async {
            let server = Server::start(Options::default()).await.unwrap();
            server.create_database("shop").await.unwrap();
            server.connect("shop").await.unwrap().batch_execute(sql).await.unwrap();
            server
        });
        Self { runtime, server }
    }

    fn url(&self) -> String {
        self.server.url("shop")
    }

    /// How many tables and rows there are, and how many transactions have changed anything.
    fn state(&self) -> Vec<String> {
        let sql = "SELECT count(*)::text FROM pg_class UNION ALL SELECT count(*)::text FROM shop.tasks";
        self.runtime.block_on(async {
            let rows = self.server.connect("shop").await.unwrap().query(sql, &[]).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        })
    }
}

/// The order service of the tests, as somebody runs it.
struct Service {
    child: Child,
    url: String,
}

impl Service {
    fn start(database: &str) -> Self {
        let port = free_port().unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/foreign");
        let child = Command::new("python3")
            .arg("server.py")
            .current_dir(folder)
            .envs([("DATABASE_URL", database), ("PORT", &port.to_string()), ("PYTHONDONTWRITEBYTECODE", "1")])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        look_for("the service", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // An error only says that it has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An empty folder in which `init` is called.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    fn init(&self, args: &[&str]) -> Output {
        let config = self.file("sabot.toml");
        let all = [&["init", "--output", config.to_str().unwrap()], args].concat();
        sabot_with(&all, &[("DATABASE_URL", ""), ("TEST_DATABASE_URL", "")])
    }

    fn with_config(&self, args: &[&str]) -> Output {
        let config = self.file("sabot.toml");
        sabot_with(&[args, &["--config", config.to_str().unwrap()]].concat(), &[])
    }

    /// Does what the marked lines ask for: the service is that of the tests.
    fn edit(&self, edits: &[(&str, &str)]) {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/foreign");
        for file in ["server.py", "postgres.py"] {
            std::fs::copy(own.join(file), self.file(file)).unwrap();
        }
        let mut text = self.text("sabot.toml");
        for (old, new) in edits {
            assert!(text.contains(old), "{old} is not in\n{text}");
            text = text.replacen(old, new, 1);
        }
        std::fs::write(self.file("sabot.toml"), text).unwrap();
    }
}

const COMMAND: (&str, &str) = ("[\"./start-orders\"]", "[\"python3\", \"server.py\"]");

fn edits(output: &Output) -> usize {
    output.text.lines().filter(|line| line.starts_with("edit ")).count()
}

#[test]
fn a_look_and_the_marked_edits_lead_to_a_run() {
    let database = Database::with(SHOP);
    let service = Service::start(&database.url());
    let before = database.state();
    let folder = Folder::new();
    let output =
        folder.init(&["--database-url", &database.url(), "--service", &format!("orders={}", service.url)]);
    assert_eq!(output.code, 0, "{}\n{}", output.text, output.errors);
    assert_eq!(database.state(), before, "nothing was written");
    let text = folder.text("sabot.toml");
    let password = database.server.password();
    for told in [&text, &folder.text("schema.sql"), &output.text, &output.errors] {
        assert!(!told.contains(password), "the password is told");
    }
    assert_eq!(edits(&output), 2, "{}", output.text);
    for guessed in [
        "# guessed: table shop.tasks is a queue or outbox, since `tries` counts attempts, `run_at` says when it is due",
        "#: declared = { enum = \"shop.task_type\" }",
        "#: kind = \"refund\"",
        "# guessed: table mail.outgoing is a ledger of email, since `msg_id` is the provider's id",
        "path = \"/ready\"",
        "latency = \"millis\"",
    ] {
        assert!(text.contains(guessed), "{guessed}\n{text}");
    }
    let unedited = folder.with_config(&["list"]);
    assert!(unedited.code == 3 && unedited.errors.contains("services.orders.command"), "{}", unedited.errors);
    folder.edit(&[COMMAND]);
    let list = folder.with_config(&["list"]);
    assert_eq!(list.code, 0, "{}\n{text}", list.errors);
    // All is well while it is looked at, so the words for what is not are its own to say.
    folder.edit(&[
        ("degraded = \"degraded\"", "degraded = \"impaired\""),
        ("failed = \"unhealthy\"", "failed = \"down\""),
    ]);
    let run = folder.with_config(&["run", "readiness.matrix", "readiness.envelope"]);
    assert_eq!(run.code, 0, "{}\n{}\n{text}", run.text, run.errors);
    assert!(run.text.contains("2 passed"), "{}", run.text);
}

#[test]
fn what_is_switched_off_knows_no_key_that_there_is_not() {
    let database = Database::with(SHOP);
    let folder = Folder::new();
    assert_eq!(folder.init(&["--database-url", &database.url()]).code, 0);
    folder.edit(&[("[\"./start-app\"]", "[\"python3\", \"server.py\"]")]);
    let text = folder.text("sabot.toml");
    assert!(text.contains("#: [delivery.ledger]") && text.contains("#: [propagation.queue]"), "{text}");
    std::fs::write(folder.file("sabot.toml"), text.replace("#: ", "")).unwrap();
    let list = folder.with_config(&["list"]);
    assert!(!list.errors.contains("there is no key") && !list.errors.contains("expected"), "{}", list.errors);
    assert!(list.text.is_empty() == (list.code == 3), "{}", list.text);
}

#[test]
fn an_empty_database_is_described_with_nothing_guessed() {
    let database = Database::with("");
    let folder = Folder::new();
    let output = folder.init(&["--database-url", &database.url()]);
    assert_eq!(output.code, 0, "{}\n{}", output.text, output.errors);
    let text = folder.text("sabot.toml");
    assert!(
        text.contains("none of 0 tables looks like a queue or outbox") && !text.contains("guessed: table"),
        "{text}"
    );
    assert_eq!(edits(&output), 2, "{}", output.text);
    folder.edit(&[("[\"./start-app\"]", "[\"python3\", \"server.py\"]")]);
    let list = folder.with_config(&["list"]);
    assert_eq!(list.code, 0, "{}", list.errors);
}

#[test]
fn addresses_alone_are_enough() {
    // Its database is not there, and it says so.
    let service = Service::start("postgres://nobody:nothing@127.0.0.1:9/none");
    let folder = Folder::new();
    let output = folder.init(&["--service", &format!("orders={}", service.url)]);
    assert_eq!(output.code, 0, "{}\n{}", output.text, output.errors);
    let text = folder.text("sabot.toml");
    assert!(text.contains("failed = \"down\"") && text.contains("no database was looked at"), "{text}");
    assert!(!folder.file("schema.sql").exists());
    folder.edit(&[COMMAND, ("[\"./migrate\"]", "[\"true\"]")]);
    let list = folder.with_config(&["list"]);
    assert_eq!(list.code, 0, "{}\n{text}", list.errors);
}

#[test]
fn a_service_that_is_not_there_is_told_and_left_to_be_filled_in() {
    let folder = Folder::new();
    let output = folder.init(&["--service", "orders=http://127.0.0.1:9"]);
    assert_eq!(output.code, 0, "{}", output.errors);
    assert!(
        output.errors.contains("warning: orders (http://127.0.0.1:9): nobody listens"),
        "{}",
        output.errors
    );
    assert!(folder.text("sabot.toml").contains("# not found at orders: nobody listens there"));
}

#[test]
fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    let folder = Folder::new();
    let output = folder.init(&["--database-url", "postgres://me:hunter22@127.0.0.1:9/shop"]);
    assert_eq!(output.code, 2, "{}", output.errors);
    assert!(
        output.errors.contains("the database shop on 127.0.0.1:9 can't be reached: "),
        "{}",
        output.errors
    );
    assert!(!output.errors.contains("hunter22"), "{}", output.errors);
    assert!(!folder.file("sabot.toml").exists(), "nothing is written");
}

#[test]
fn a_file_that_is_there_is_written_over_only_by_force() {
    let folder = Folder::new();
    std::fs::write(folder.file("sabot.toml"), "mine").unwrap();
    let args = ["--service", "orders=http://127.0.0.1:9"];
    let output = folder.init(&args);
    assert_eq!(output.code, 3);
    assert!(output.errors.contains("is there already and was left as it is"), "{}", output.errors);
    assert_eq!(folder.text("sabot.toml"), "mine");
    assert_eq!(folder.init(&[&args[..], &["--force"]].concat()).code, 0);
    assert!(folder.text("sabot.toml").starts_with("# Written by `sabot init`"));
}

#[test]
fn with_nothing_to_look_at_it_says_what_to_give() {
    let output = Folder::new().init(&[]);
    assert_eq!(output.code, 3);
    assert!(
        output.errors.contains("--database-url") && output.errors.contains("--service"),
        "{}",
        output.errors
    );
}
