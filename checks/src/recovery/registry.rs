//! `recovery.registry`: every database, every backup job and everything in the store has a drill with its limits, or an
//! exemption with a reason; and the reverse.

use super::restore::damage;
use super::{shelf, stand_in};
use futures_util::future::BoxFuture;
use sabot_engine::{
    Check, Context as _, Cx, Finding, Judgement, Level, Nature, Need, PutOn, Sabotage, Sharing, Sort, Worn,
};
use sabot_recovery::manifest::{Content, Database};
use sabot_target::{BackupForm, Backups, Estate, Lane};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const ID: &str = "recovery.registry";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a third database is backed up every night since spring, and nobody has ever drilled it",
        asserts: "every database of the source is held by a backup job or exempt with a reason; every job has artifacts in \
                  the store, and a drill with limits; every prefix of the store is a job, and every artifact there holds \
                  only databases that are drilled; nothing is exempt or described that is not there",
        remedy: "add a drill for what has none, or an exemption that says why not",
        needs: &[Need::Services, Need::Database, Need::Disposable],
        walks: Some("the databases of the source, the backup jobs, and their drills"),
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(20),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let estate = cx.lane().estate().await?;
    let backups = &cx.lane().target().recovery.backups;
    let client = estate.source().connect("postgres").await?;
    let listed = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datallowconn ORDER BY 1";
    let rows = client.query(listed, &[]).await.context("listing the databases of the source")?;
    let databases: BTreeSet<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    of_databases(cx, backups, &databases);
    of_jobs(cx, backups, estate)?;
    of_store(cx, backups, estate)
}

/// The reason why this name needs neither backup nor drill.
fn exempt<'a>(backups: &'a Backups, name: &str) -> Option<&'a str> {
    backups.exempt.iter().find(|(exempt, _)| exempt == name).map(|(_, reason)| reason.as_str())
}

fn of_databases(cx: &Cx<'_, Lane>, backups: &Backups, databases: &BTreeSet<String>) {
    let held: BTreeSet<&String> =
        backups.jobs.iter().filter(|job| job.form == BackupForm::Logical).map(|job| &job.database).collect();
    for database in databases {
        cx.examined(1);
        if !held.contains(database) && exempt(backups, database).is_none_or(|reason| reason.trim().is_empty())
        {
            let expected = "a backup job with a drill, or an exemption with a reason";
            cx.find(Finding::new(format!("the database `{database}` of the source"), expected, "neither"));
        }
    }
    let described = backups.databases.iter().map(|(name, _)| name).chain(held.iter().copied());
    for name in described.collect::<BTreeSet<_>>() {
        cx.examined(1);
        if !databases.contains(name) {
            cx.find(Finding::new(format!("the database `{name}`, as described"), "is there", "is not"));
        }
    }
    for (name, _) in &backups.exempt {
        cx.examined(1);
        if !databases.contains(name) && !backups.jobs.iter().any(|job| &job.name == name) {
            cx.find(Finding::new(
                format!("the exemption of `{name}`"),
                "exempts something",
                "there is no such thing",
            ));
        }
    }
}

fn of_jobs(cx: &Cx<'_, Lane>, backups: &Backups, estate: &Estate) -> Judgement {
    for job in backups.jobs.iter().filter(|job| estate.has(job)) {
        cx.examined(1);
        let limits = job.drill.as_ref().is_some_and(|drill| !drill.rto.is_zero() && !drill.rpo.is_zero());
        if !limits && exempt(backups, &job.name).is_none_or(|reason| reason.trim().is_empty()) {
            let expected = "a drill with limits, or an exemption with a reason";
            cx.find(Finding::new(format!("the backup job `{}`", job.name), expected, "neither"));
        }
        let there = estate.store().join(&job.name).is_dir();
        if !there || shelf::artifacts(&estate.store(), &job.name)?.is_empty() {
            cx.find(Finding::new(
                format!("the backup job `{}`", job.name),
                "has artifacts in the store",
                "none",
            ));
        }
    }
    Ok(())
}

fn of_store(cx: &Cx<'_, Lane>, backups: &Backups, estate: &Estate) -> Judgement {
    let collections = backups.collections.iter().filter_map(|(name, _)| name.split_once('.'));
    let of_collections: BTreeSet<_> = collections.map(|(database, _)| database).collect();
    let held = |database: &&Database| {
        backups.jobs.iter().any(|job| job.database == database.name)
            || of_collections.contains(database.name.as_str())
    };
    let jobs: BTreeMap<&str, _> = backups.jobs.iter().map(|job| (job.name.as_str(), job)).collect();
    for entry in std::fs::read_dir(estate.store()).context("reading the store")? {
        let name = entry.context("reading the store")?.file_name().to_string_lossy().into_owned();
        cx.examined(1);
        if !jobs.contains_key(name.as_str()) {
            let expected = "belongs to a backup job with a drill";
            cx.find(Finding::new(format!("`{name}` in the store"), expected, "nobody drills it"));
            continue;
        }
        for stored in shelf::artifacts(&estate.store(), &name)? {
            let Content::Yes { databases, .. } = &stored.manifest.content else { continue };
            for database in databases.iter().filter(|database| !held(database)) {
                cx.examined(1);
                let subject = format!("the database `{}` in {}", database.name, stored.manifest.artifact);
                cx.find(Finding::new(subject, "is drilled by a job of its name", "no job holds it"));
            }
        }
    }
    Ok(())
}

pub(super) fn sabotages() -> Vec<Sabotage<Lane>> {
    let prefix = |_: &Lane, estate: &Estate| {
        let folder = estate.store().join("invoices");
        std::fs::create_dir(&folder).context("adding a prefix to the store")?;
        std::fs::write(folder.join("20260101T030000Z-00000000.dump"), b"PGDMP").context("adding an artifact")
    };
    let emptied = |lane: &Lane, estate: &Estate| {
        let job = super::restore::logical(lane)?;
        std::fs::remove_dir_all(estate.store().join(&job.name)).context("emptying the store")
    };
    let other = |lane: &Lane, estate: &Estate| {
        let mut stored = shelf::newest(&estate.store(), &super::restore::logical(lane)?.name)?;
        stored.amend(|manifest| {
            if let Content::Yes { databases, .. } = &mut manifest.content {
                databases.iter_mut().for_each(|database| database.name = "invoices".into());
            }
        })
    };
    vec![
        third_database(),
        stand_in::store(
            &[ID],
            "job-without-a-drill",
            "a backup job is added, and no drill of it",
            damage(prefix),
        ),
        stand_in::store(
            &[ID],
            "nothing-stored",
            "the job's prefix is renamed, and the drill looks at the old one",
            damage(emptied),
        ),
        stand_in::store(
            &[ID],
            "holds-another",
            "the job's connection string is changed to another database",
            damage(other),
        ),
    ]
}

/// A database that nobody thought of.
const THIRD: &str = "invoices";

fn third_database() -> Sabotage<Lane> {
    let put_on: Arc<PutOn<Lane>> = Arc::new(|lane| {
        Box::pin(async move {
            lane.estate().await?.source().create_database(THIRD).await?;
            Ok(Box::new(Third) as Box<dyn Worn<Lane>>)
        })
    });
    let mistake = "a service gets a database of its own on the same server, and nobody tells those who make the backups";
    crate::sabotage::sabotage(&[ID], "third-database", mistake, Sort::Schema, Nature::Cause, put_on)
}

struct Third;

impl Worn<Lane> for Third {
    fn landed<'a>(&'a self, lane: &'a Lane) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async move {
            let client = lane.estate().await?.source().connect(THIRD).await;
            client
                .context("connecting to the third database")
                .map(|_| format!("the database {THIRD} is there"))
        })
    }

    fn undo<'a>(self: Box<Self>, lane: &'a Lane) -> BoxFuture<'a, Judgement> {
        Box::pin(async move { Ok(lane.estate().await?.source().drop_database(THIRD).await?) })
    }
}
