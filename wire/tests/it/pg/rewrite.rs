//! A rewrite takes effect on pools that were warm before it, in both directions, whatever the library's cache of
//! prepared statements: the claim, robbed of `SKIP LOCKED`, runs into a row that another holds.

use super::{Bed, LIMIT, value, within};
use sabot_wire::pg::{HoldAt, Match, Pattern, Rule, RuleError};
use sqlx::Row;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

const CLAIM: &str = "SELECT id FROM jobs WHERE state = $1\n ORDER BY id LIMIT 1\n FOR UPDATE\n   SKIP LOCKED";

/// Connections in each pool.
const SIZE: usize = 3;

/// More than any library wants to see a statement before it prepares it (psycopg: five).
const ROUNDS: usize = 8;

/// What a claim says that waits in vain: `lock_not_available`.
const BLOCKED: &str = "55P03";

/// A pool of some library.
trait Pool {
    /// Claims on every connection, often enough for the statement to be prepared.
    async fn warm(&mut self);
    /// Claims once: the id, or the SQLSTATE.
    async fn claim(&mut self) -> String;
}

/// Jobs 1 to 9, the first of them locked for as long as the client lives.
async fn jobs(bed: &Bed) -> Client {
    let direct = bed.direct().await;
    let sql = format!(
        "CREATE TABLE jobs (id int PRIMARY KEY, state text); INSERT INTO jobs SELECT n, 'queued' FROM generate_series(1, 9) n;
         ALTER DATABASE {} SET lock_timeout = '300ms'",
        bed.database.name()
    );
    direct.batch_execute(&sql).await.unwrap();
    direct.batch_execute("BEGIN; SELECT * FROM jobs WHERE id = 1 FOR UPDATE").await.unwrap();
    direct
}

async fn lands_and_is_undone(bed: &Bed, pool: &mut impl Pool) {
    within(pool.warm()).await;
    assert_eq!(within(pool.claim()).await, "2", "the first is locked and skipped");

    let matcher = Match::contains("FOR UPDATE SKIP LOCKED");
    let rule = within(bed.wire.set(Rule::on(matcher.clone()).rewrite(" SKIP LOCKED", ""))).await.unwrap();
    for _ in 0..2 * SIZE {
        assert_eq!(within(pool.claim()).await, BLOCKED, "it waits for the first");
    }
    assert!(rule.tally_since().applied() > 0, "it landed on connections opened since");
    assert!(rule.executions() >= 2 * SIZE as u64);
    assert!(rule.refusals().is_empty());

    let counter = bed.wire.counter(matcher);
    assert!(within(rule.remove()).await.closed > 0, "some connection had the rewritten statement");
    for _ in 0..2 * SIZE {
        assert_eq!(within(pool.claim()).await, "2");
    }
    assert_eq!(counter.sent_since_opened(), 2 * SIZE as u64, "none was sent by an older connection");
}

struct Deadpool(deadpool_postgres::Pool);

impl Pool for Deadpool {
    async fn warm(&mut self) {
        let mut clients = Vec::new();
        for _ in 0..SIZE {
            clients.push(self.0.get().await.unwrap());
        }
        for _ in 0..ROUNDS {
            for client in &clients {
                let claim = client.prepare_cached(CLAIM).await.unwrap();
                client.query(&claim, &[&"queued"]).await.unwrap();
            }
        }
    }

    async fn claim(&mut self) -> String {
        loop {
            let client = self.0.get().await.unwrap();
            let claimed = async {
                let claim = client.prepare_cached(CLAIM).await?;
                client.query_one(&claim, &[&"queued"]).await
            };
            match claimed.await {
                Ok(row) => return row.get::<_, i32>(0).to_string(),
                // This pool learns that a connection is closed as late as when it is used.
                Err(error) if error.is_closed() => {}
                Err(error) => {
                    return error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned());
                }
            }
        }
    }
}

#[tokio::test]
async fn a_rewrite_lands_on_a_warm_pool_of_tokio_postgres() {
    let bed = Bed::new().await;
    let _lock = jobs(&bed).await;
    let manager = deadpool_postgres::Manager::new(bed.config(), tokio_postgres::NoTls);
    let pool = deadpool_postgres::Pool::builder(manager).max_size(SIZE).build().unwrap();
    lands_and_is_undone(&bed, &mut Deadpool(pool)).await;
}

struct Sqlx(sqlx::PgPool);

impl Pool for Sqlx {
    async fn warm(&mut self) {
        let mut connections = Vec::new();
        for _ in 0..SIZE {
            connections.push(self.0.acquire().await.unwrap());
        }
        for _ in 0..ROUNDS {
            for connection in &mut connections {
                sqlx::query(CLAIM).bind("queued").fetch_one(&mut **connection).await.unwrap();
            }
        }
    }

    async fn claim(&mut self) -> String {
        match sqlx::query(CLAIM).bind("queued").fetch_one(&self.0).await {
            Ok(row) => row.get::<i32, _>(0).to_string(),
            Err(sqlx::Error::Database(error)) => error.code().unwrap().into_owned(),
            Err(error) => error.to_string(),
        }
    }
}

#[tokio::test]
async fn a_rewrite_lands_on_a_warm_pool_of_sqlx() {
    let bed = Bed::new().await;
    let _lock = jobs(&bed).await;
    let server = bed.database.server();
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(bed.wire.address().port())
        .username(server.superuser())
        .password(server.password())
        .database(bed.database.name());
    let size = u32::try_from(SIZE).unwrap();
    let pool = PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(LIMIT)
        .connect_with(options)
        .await
        .unwrap();
    lands_and_is_undone(&bed, &mut Sqlx(pool)).await;
}

/// A pool in a program of another language, told what to do line by line.
struct Driven {
    _child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Driven {
    fn start(bed: &Bed, program: &str, script: &str) -> Self {
        let clients = clients();
        let mut command =
            if program.contains('/') { Command::new(clients.join(program)) } else { Command::new(program) };
        bed.environment(&mut command, bed.wire.address());
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script))
            .args([SIZE.to_string(), ROUNDS.to_string()])
            .env("SABOT_CLIENTS", &clients)
            .env("SABOT_CLAIM", CLAIM)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{program} could not be started: {error}"));
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { _child: child, stdin, stdout: BufReader::new(stdout).lines() }
    }

    async fn tell(&mut self, line: &str) -> String {
        self.stdin.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        self.stdout.next_line().await.unwrap().expect("the program has ended")
    }
}

impl Pool for Driven {
    async fn warm(&mut self) {
        assert_eq!(self.tell("warm").await, "warm");
    }

    async fn claim(&mut self) -> String {
        self.tell("claim").await
    }
}

/// Where `scripts/setup-clients.sh` puts the clients of other languages.
fn clients() -> PathBuf {
    let folder =
        |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("SABOT_CACHE_DIR")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("sabot")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/sabot")))
        .expect("neither SABOT_CACHE_DIR nor HOME is set");
    let clients = cache.join("clients");
    let installed =
        clients.join("node/node_modules/pg").exists() && clients.join("python/bin/python").exists();
    assert!(installed, "the clients of other languages are missing; run scripts/setup-clients.sh");
    clients
}

#[tokio::test]
async fn a_rewrite_lands_on_a_warm_pool_of_node_pg() {
    let bed = Bed::new().await;
    let _lock = jobs(&bed).await;
    lands_and_is_undone(&bed, &mut Driven::start(&bed, "node", "warm_pool.mjs")).await;
}

#[tokio::test]
async fn a_rewrite_lands_on_a_warm_pool_of_psycopg() {
    let bed = Bed::new().await;
    let _lock = jobs(&bed).await;
    lands_and_is_undone(&bed, &mut Driven::start(&bed, "python/bin/python", "warm_pool.py")).await;
}

#[tokio::test]
async fn a_rewrite_ends_pgbench_with_prepared_statements_and_lands_on_the_next() {
    let bed = Bed::new().await;
    let _lock = jobs(&bed).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("claim.sql");
    std::fs::write(
        &file,
        format!("\\set state 1\n{};\n", CLAIM.replace("$1", "'queued' || left(:state::text, 0)")),
    )
    .unwrap();
    let bench = |arguments: &[&str]| {
        let mut command = bed.program("pgbench");
        command.args(["-n", "-M", "prepared", "-c", "2", "-f"]).arg(&file).args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let (counter, matcher) =
        (bed.wire.counter(Match::contains("SKIP LOCKED")), Match::contains("SKIP LOCKED"));
    let warm = bench(&["-T", "600"]).spawn().unwrap();
    within(async {
        while counter.sent() < 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let rule = bed.wire.set(Rule::on(matcher).rewrite(" SKIP LOCKED", "")).await.unwrap();
    let ended = within(warm.wait_with_output()).await.unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("terminating connection"), "{said}");

    let sent = counter.sent();
    let blocked = within(bench(&["-t", "1"]).output()).await.unwrap();
    let said = String::from_utf8_lossy(&blocked.stderr);
    assert!(said.contains("lock timeout"), "{said}");
    assert_eq!(counter.sent(), sent, "no text with SKIP LOCKED left the wire");
    assert_eq!(rule.remove().await.open, 0);
    let free = within(bench(&["-t", "100"]).output()).await.unwrap();
    assert!(free.status.success(), "{}", String::from_utf8_lossy(&free.stderr));
    assert_eq!(counter.sent(), sent + 200);
}

#[tokio::test]
async fn a_connection_within_a_transaction_is_closed_after_it() {
    let bed = Bed::new().await;
    let (client, other) = (bed.client().await, bed.client().await);
    client.batch_execute("CREATE TABLE t (id int)").await.unwrap();
    let insert = client.prepare("INSERT INTO t VALUES ($1)").await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    client.execute(&insert, &[&1]).await.unwrap();
    let rule =
        Rule::on(Match::contains("INSERT INTO t")).rewrite("INTO t VALUES ($1)", "INTO t VALUES ($1 + 100)");
    let setting = bed.wire.set(rule);
    let working = async {
        client.execute(&insert, &[&2]).await.unwrap();
        client.batch_execute("COMMIT").await.unwrap();
    };
    let (set, ()) = within(async { tokio::join!(setting, working) }).await;
    set.unwrap();
    let error = within(client.execute(&insert, &[&3])).await.unwrap_err();
    assert!(error.is_closed() || error.code() == Some(&SqlState::ADMIN_SHUTDOWN), "{error}");
    assert_eq!(value(&other, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM t").await, "1 2");
    other.execute("INSERT INTO t VALUES ($1)", &[&3]).await.unwrap();
    assert_eq!(
        value(&other, "SELECT max(id) FROM t").await,
        "103",
        "the other connection goes on, rewritten"
    );
}

#[tokio::test]
async fn a_connection_that_stays_busy_is_closed_when_its_grace_is_over() {
    let bed = Bed::with(|mut options| {
        options.close_grace = Duration::from_millis(100);
        options
    })
    .await;
    let client = bed.client().await;
    let _prepared = client.prepare("SELECT 1 AS busy").await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    within(bed.wire.set(Rule::on(Match::contains("busy")).rewrite("1", "2"))).await.unwrap();
    assert!(within(client.simple_query("SELECT 1")).await.is_err());
}

#[tokio::test]
async fn a_connection_on_which_an_answer_is_held_is_cut_when_its_grace_is_over() {
    let bed = Bed::with(|mut options| {
        options.close_grace = Duration::from_millis(100);
        options
    })
    .await;
    let client = bed.client().await;
    let prepared = client.prepare("SELECT 1 AS kept").await.unwrap();
    let (rule, mut hold) = Rule::on(Match::contains("kept")).hold(HoldAt::Answered);
    bed.wire.set(rule).await.unwrap();
    let setting = async {
        let held = within(hold.next()).await.unwrap();
        within(bed.wire.set(Rule::on(Match::contains("kept")).rewrite("1", "2"))).await.unwrap();
        assert!(bed.wire.connections().is_empty(), "it still has the statement as it was");
        drop(held);
    };
    let (executed, ()) = tokio::join!(within(client.query(&prepared, &[])), setting);
    executed.unwrap_err();
}

#[tokio::test]
async fn a_rewrite_that_a_hung_connection_would_miss_is_not_set() {
    let bed = Bed::with(|mut options| {
        options.close_grace = Duration::from_millis(100);
        options
    })
    .await;
    let client = bed.client().await;
    let _prepared = client.prepare("SELECT 1 AS kept").await.unwrap();
    bed.wire.set_mode(sabot_wire::pg::Mode::Hang).unwrap();
    let set = within(bed.wire.set(Rule::on(Match::contains("kept")).rewrite("1", "2"))).await;
    assert_eq!(set.map(drop), Err(RuleError::StillOpen { connections: 1 }));
}

#[tokio::test]
async fn a_statement_prepared_by_sql_is_closed_too() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    client.batch_execute("PREPARE named AS SELECT 'sql' AS word").await.unwrap();
    within(bed.wire.set(Rule::on(Match::contains("AS word")).rewrite("'sql'", "'rewritten'"))).await.unwrap();
    assert!(within(client.simple_query("EXECUTE named")).await.is_err());
    let client = bed.client().await;
    client.batch_execute("PREPARE named AS SELECT 'sql' AS word").await.unwrap();
    assert_eq!(value(&client, "EXECUTE named").await, "rewritten");
}

#[tokio::test]
async fn a_rewrite_that_changes_parameters_is_refused_before_it_is_sent() {
    let bed = Bed::with(|options| options.named("api to platform_db")).await;
    let counter = bed.wire.counter(Match::any());
    let matcher = Match::contains("refused");
    let find = Pattern::regex(r"\$1::int").unwrap();
    let rule = bed.wire.set(Rule::on(matcher).rewrite(find, "$$1::int + $$2")).await.unwrap();
    let client = bed.client().await;
    let sent = counter.sent();
    let error = client.query("SELECT $1::int AS refused", &[&1]).await.unwrap_err();
    let message = error.as_db_error().unwrap().message().to_owned();
    assert!(message.contains("`api to platform_db`") && message.contains("$1, $2"), "{message}");
    assert!(rule.refusals()[0].contains("$1, $2"), "{:?}", rule.refusals());
    assert_eq!((counter.sent(), rule.tally().applied()), (sent, 0));
    assert_eq!(value(&client, "SELECT 'goes on'").await, "goes on");
}
