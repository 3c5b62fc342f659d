//! A queue of a test's own, and runners on it.

use std::future::Future;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use prometheus_client::encoding::text::encode;
use sabot_propagation::{Audit, Builder, Heartbeat, QUEUE, Registry, Runner, SUPERSESSION, Settings};
use sabot_sandbox::postgres::{Fresh, fresh_database};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

/// How long to wait for what is bound to come: far above what it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What an adopter's own migrations make.
const ADOPTER: &str = "
    CREATE TYPE propagation_kind AS ENUM ('grade', 'mail', 'future');
    CREATE TABLE audit_log (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind text NOT NULL,
        team_id bigint,
        actor text NOT NULL,
        summary text NOT NULL,
        payload jsonb NOT NULL DEFAULT '{}',
        created_at timestamptz NOT NULL DEFAULT now()
    )";

/// A fresh database with the queue's schema, and somebody who looks at it.
pub(crate) struct Queue {
    pub(crate) database: Fresh,
    pub(crate) client: Client,
}

impl Queue {
    pub(crate) async fn new() -> Self {
        let database = fresh_database().await.unwrap();
        let client = database.connect().await.unwrap();
        for sql in [ADOPTER, QUEUE.sql, SUPERSESSION.sql] {
            client.batch_execute(sql).await.unwrap();
        }
        Self { database, client }
    }

    pub(crate) fn pool(&self) -> Pool {
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(self.database.config(), NoTls, config);
        Pool::builder(manager).max_size(6).build().unwrap()
    }

    /// A runner that is woken, with a polling period that a test can wait for.
    pub(crate) fn runner(&self, registry: Registry, settings: Settings) -> Builder {
        self.deaf_runner(registry, settings).listen(self.database.config(), NoTls)
    }

    /// One that only polls.
    pub(crate) fn deaf_runner(&self, registry: Registry, settings: Settings) -> Builder {
        let redactor = |text: &str| text.replace("correct-horse", "[redacted]");
        Runner::builder(self.pool(), registry, redactor).settings(settings)
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// Inserts rows past the crate: `grade` rows of this payload, with these further columns.
    pub(crate) async fn insert(&self, payload: &str, columns: &str, values: &str) -> i64 {
        let sql = format!(
            "INSERT INTO pending_propagations (kind, payload {columns}) VALUES ('grade', $1::text::jsonb {values}) RETURNING id"
        );
        self.client.query_one(&sql, &[&payload]).await.unwrap().get(0)
    }

    /// The one value that a query returns, as text; `-` for null.
    pub(crate) async fn value(&self, query: &str) -> String {
        let row = self.client.query_one(&format!("SELECT coalesce(({query})::text, '-')"), &[]).await;
        row.unwrap().get(0)
    }

    /// Some columns of one row, as text.
    pub(crate) async fn row(&self, id: i64, columns: &str) -> String {
        self.value(&format!(
            "SELECT concat_ws(' ', {columns}) FROM pending_propagations AS p WHERE id = {id}"
        ))
        .await
    }

    /// Waits until the query returns this.
    pub(crate) async fn until(&self, query: &str, expected: impl ToString) {
        let (deadline, expected) = (Instant::now() + PATIENCE, expected.to_string());
        loop {
            let value = self.value(query).await;
            if value == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{query} is {value}, not {expected}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until this many rows are applied.
    pub(crate) async fn until_applied(&self, count: usize) {
        self.until("SELECT count(*) FROM pending_propagations WHERE applied_at IS NOT NULL", count).await;
    }

    /// Waits until no runner's connection is left: a claim that a dead one had sent may still be carried out.
    pub(crate) async fn until_alone(&self) {
        let others = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        self.until(others, 0).await;
    }

    /// The kinds of a propagation's audit rows, in order.
    pub(crate) async fn trail(&self, id: i64) -> String {
        let sql = "SELECT coalesce(string_agg(substr(kind, 13), ' ' ORDER BY id), '') FROM audit_log
             WHERE (payload->>'propagation_id')::bigint = $1";
        self.client.query_one(sql, &[&id as &(dyn ToSql + Sync)]).await.unwrap().get(0)
    }
}

/// Settings for tests: nothing runs out under a busy machine, and polling is quick.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.lease = Duration::from_secs(120);
    settings.poll = Duration::from_millis(50);
    settings
}

/// A runner at work; dropped, it goes as in a crash.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    metrics: prometheus_client::registry::Registry,
    pub(crate) heartbeat: Heartbeat,
}

impl Running {
    pub(crate) fn start(builder: Builder) -> Self {
        let runner = builder.build().unwrap();
        let mut metrics = prometheus_client::registry::Registry::default();
        runner.register_metrics(&mut metrics);
        let heartbeat = runner.heartbeat();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(runner.run(async move {
            let _either_way = stopped.await;
        }));
        Self { stop, task, metrics, heartbeat }
    }

    /// Tells it to stop, and gives what is left to await.
    pub(crate) fn stopping(self) -> impl Future<Output = ()> {
        self.stop.send(()).unwrap();
        async move { timeout(PATIENCE, self.task).await.expect("the runner ends").unwrap() }
    }

    pub(crate) async fn stop(self) {
        self.stopping().await;
    }

    /// Ends it between two of its steps, wherever it is.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    /// Waits until a metric shows this.
    pub(crate) async fn until_metric(&self, name: &str, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.metric(name).as_deref() != Some(expected) {
            assert!(Instant::now() < deadline, "{name} is {:?}, not {expected}", self.metric(name));
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The value of a metric with its labels; `None` if it does not show.
    pub(crate) fn metric(&self, name: &str) -> Option<String> {
        let mut text = String::new();
        encode(&mut text, &self.metrics).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned))
    }
}

/// A trail that goes elsewhere.
pub(crate) fn elsewhere() -> Audit {
    Audit::insert("INSERT INTO events (name, who, data) SELECT kind, actor, payload FROM audit")
        .actor("worker 7")
}
