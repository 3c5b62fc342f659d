//! Databases of a test's own.

use sabot_sandbox::postgres::{Fresh, fresh_database};

use tokio::time::{Duration, Instant};
use tokio_postgres::Client;

use crate::process::{API, PATIENCE, printed, run};

/// A fresh database with the platform's schema.
pub(crate) async fn migrated() -> Fresh {
    let fresh = fresh_database().await.unwrap();
    let output = run(API, &["migrate"], &[("SABOT_DATABASE_URL", &fresh.url())]).await;
    assert!(output.status.success(), "{}", printed(&output));
    fresh
}

/// Holds every team's row until told to let go.
pub(crate) async fn hold_teams(database: &Fresh) -> Client {
    let holder = database.connect().await.unwrap();
    holder.batch_execute("BEGIN; SELECT FROM teams FOR UPDATE").await.unwrap();
    holder
}

/// Waits until a request waits for that row.
pub(crate) async fn request_waits(database: &Fresh) {
    let client = database.connect().await.unwrap();
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let deadline = Instant::now() + PATIENCE;
    while client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(Instant::now() < deadline, "no request ever waited");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
