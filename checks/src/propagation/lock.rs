//! A transaction of the check's own that holds rows of the queue, and who waits for whom.

use super::desk::{Desk, connect};
use crate::sql::ident;
use sabot_engine::{Context as _, Judgement};
use tokio_postgres::Client;

/// Rows that stay locked until this is released.
pub(crate) struct Lock {
    client: Client,
    pid: i32,
}

impl Lock {
    /// Locks the propagations of `ids`.
    pub(crate) async fn on(desk: &Desk<'_>, ids: &[i64]) -> Judgement<Self> {
        let queue = &desk.propagation.queue;
        let client = connect(desk.lane).await?;
        let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.try_get(0)?;
        let lock = format!(
            "SELECT FROM {} WHERE {} = ANY ($1::bigint[]) FOR UPDATE",
            ident(&queue.table),
            ident(&queue.id)
        );
        client.batch_execute("BEGIN").await.context("opening a transaction")?;
        client.execute(&lock, &[&ids]).await.context("locking propagations")?;
        Ok(Self { client, pid })
    }

    /// How many connections wait for these rows.
    pub(crate) async fn waited_for_by(&self, desk: &Desk<'_>) -> Judgement<i64> {
        let select = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))";
        let row = desk.client.query_one(select, &[&self.pid]).await;
        Ok(row.context("asking who waits for the locked rows")?.try_get(0)?)
    }

    /// Gives the rows back.
    pub(crate) async fn release(self) -> Judgement {
        self.client.batch_execute("ROLLBACK").await.context("giving locked rows back")
    }
}

/// How many connections to the queue's database wait for any lock.
pub(crate) async fn waiting(desk: &Desk<'_>) -> Judgement<i64> {
    let select = "SELECT count(*) FROM pg_stat_activity \
                  WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0";
    let row = desk.client.query_one(select, &[]).await.context("asking who waits for a lock")?;
    Ok(row.try_get(0)?)
}
