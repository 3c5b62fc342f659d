//! `recovery.source-untouched`: a drill writes nothing to what was backed up.

use super::content::Content;
use super::drill::{Drill, Order, PATIENCE, jobs};
use super::restore::logical;
use super::stand_in;
use crate::sql::literal;
use sabot_engine::{Check, Context as _, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{BackupForm, Estate, Lane};
use std::sync::Arc;
use tokio_postgres::Client;

const ID: &str = "recovery.source-untouched";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the drill's restore has the address of production in its environment, and last night's data are \
                       there again in the morning",
        asserts: "after drills of every job the source holds what it held before, by the check's own digests, it has no \
                  further database or role, and a drill that is given the source itself as its sandbox refuses it",
        remedy: "give a drill no address of the source, and restore only into a server that the drill has made, or that \
                 is empty, not the source and marked as disposable",
        needs: &[Need::Services, Need::Database, Need::Disposable],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(3),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let estate = cx.lane().estate().await?;
    let client = estate.source().connect(&logical(cx.lane())?.database).await?;
    let before = (Content::read(&client).await?, names(&client).await?);
    for job in jobs(cx.lane(), &[BackupForm::Logical, BackupForm::Physical]) {
        let ended = Drill::run(estate, &Order::of(estate, job)?).await?;
        if !ended.passed() {
            cx.find(Finding::new(format!("the drill of `{}`", job.name), "passes", ended.told()));
        }
    }
    refused(cx, estate, &client).await?;
    let after = (Content::read(&client).await?, names(&client).await?);
    cx.examined(before.0.size().0);
    for difference in before.0.differences(&after.0) {
        let subject = format!("{} of the source, after the drills", difference.subject);
        cx.find(Finding::new(subject, difference.expected, difference.observed));
    }
    if before.1 != after.1 {
        let subject = "databases and roles of the source";
        cx.find(Finding::new(subject, before.1.join(", "), after.1.join(", ")));
    }
    Ok(())
}

/// The source, offered as a sandbox with the right token in it, is not empty: that must be enough.
async fn refused(cx: &Cx<'_, Lane>, estate: &Estate, client: &Client) -> Judgement {
    let marked = "CREATE TABLE sabot_disposable (token text); INSERT INTO sabot_disposable VALUES ('drill')";
    let maintenance = estate.source().connect("postgres").await?;
    maintenance.batch_execute(marked).await.context("marking the source as disposable")?;
    let url = estate.source().url("postgres");
    let order =
        Order::of(estate, logical(cx.lane())?)?.with(&["--sandbox-url", &url, "--sandbox-token", "drill"]);
    let ended = Drill::run(estate, &order).await;
    maintenance.batch_execute("DROP TABLE sabot_disposable").await.context("taking the mark off again")?;
    let ended = ended?;
    cx.examined(1);
    let alive = client.simple_query("SELECT").await.is_ok();
    if !ended.failed() || !alive {
        let subject = "a drill that is given the source as its sandbox";
        cx.find(Finding::new(subject, "refuses it", ended.told()));
    }
    Ok(())
}

async fn names(client: &Client) -> Judgement<Vec<String>> {
    let names = "SELECT 'database ' || datname FROM pg_database UNION ALL SELECT 'role ' || rolname FROM pg_roles ORDER BY 1";
    let rows = client.query(names, &[]).await.context("listing databases and roles")?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

pub(super) fn sabotages() -> Vec<Sabotage<Lane>> {
    // The source outlives the lane's remaking.
    let erase: Arc<stand_in::Deed> = Arc::new(|lane, estate| {
        Box::pin(async move {
            let client = estate.source().connect(&logical(lane)?.database).await?;
            let dropped = client.batch_execute("DROP TABLE IF EXISTS restored_here").await;
            dropped.context("taking away what the drill wrote to its source")
        })
    });
    vec![stand_in::program_that_writes(
        &[ID],
        "restores-into-its-source",
        "the restore script reads PGHOST of the job's environment, which is production's",
        "pg_restore",
        |lane, estate| {
            let url = estate.source().url(&logical(lane)?.database);
            let psql = estate.source().installation().program("psql");
            Ok(format!(
                "{} -X -q -d '{url}' -c {} </dev/null >/dev/null 2>&1\nexec \"$REAL\" \"$@\"",
                psql.display(),
                literal("CREATE TABLE IF NOT EXISTS restored_here (id integer)").replace('\'', "\"")
            ))
        },
        erase,
    )]
}
