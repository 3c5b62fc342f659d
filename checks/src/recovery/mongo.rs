//! `recovery.mongo.restore`: the newest dump of a server of MongoDB's protocol restores, and holds what was dumped.

use super::drill::{Drill, Order, PATIENCE, jobs};
use super::restore::damage;
use super::{shelf, stand_in};
use sabot_engine::{CannotTell, Check, Context as _, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_sandbox::mongo::Connection;
use sabot_target::{BackupForm, Estate, Job, Lane, Target};
use std::borrow::Cow;
use std::time::Duration;

pub(super) const ID: &str = "recovery.mongo.restore";

/// The form of these backups.
pub(super) const FORMS: [BackupForm; 1] = [BackupForm::Mongo];

/// What is needed to take and to restore them.
pub(super) const NEEDS: &[Need] = &[
    Need::Services,
    Need::Database,
    Need::Disposable,
    Need::Tool(Cow::Borrowed("mongodump")),
    Need::Tool(Cow::Borrowed("mongorestore")),
    Need::Tool(Cow::Borrowed("mongod")),
];

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(20);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the restore tool says that 40 documents failed to restore, and ends with 0; on the day it is needed \
                       these are the ones that somebody asks for",
        asserts: "the newest artifact of each job restores into a server of its own, the drill says so by exit code and \
                  report, and every document of every collection there, as the check reads it itself, is byte for byte \
                  that of the source",
        remedy: "the report of `sabot drill mongo` names the collections that differ and each message of the restore tool",
        needs: NEEDS,
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE,
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let estate = cx.lane().estate().await?;
    for job in jobs(cx.lane(), &FORMS) {
        equals_the_source(cx, estate, job).await?;
    }
    Ok(())
}

async fn equals_the_source(cx: &Cx<'_, Lane>, estate: &Estate, job: &Job) -> Judgement {
    let source =
        estate.documents().ok_or_else(|| CannotTell::new("there is no source of MongoDB's protocol"))?;
    let mut drill = Drill::start(estate, &Order::of(estate, job)?.held())?;
    let held = drill.held().await?;
    let collections = &cx.lane().target().recovery.backups.collections;
    if let Some(url) = &held {
        let mut expected = source.connect(LIMIT).await.context("connecting to the source")?;
        let mut restored =
            Connection::open(address(url)?, LIMIT).await.context("connecting to what was restored")?;
        for (name, _) in collections {
            let (expected, restored) =
                (documents(&mut expected, name).await?, documents(&mut restored, name).await?);
            cx.examined(expected.len() + 1);
            if expected != restored {
                let equal =
                    expected.iter().filter(|document| restored.binary_search(document).is_ok()).count();
                let observed = format!("{} documents, {equal} of them equal", restored.len());
                let subject = format!("{name} of `{}`, restored", job.name);
                cx.find(Finding::new(
                    subject,
                    format!("the {} documents of the source", expected.len()),
                    observed,
                ));
            }
        }
    }
    let ended = drill.end().await?;
    cx.fact("server", if source.is_real_mongod() { "mongod" } else { "FerretDB" });
    if !ended.passed() {
        let finding = Finding::new(format!("the drill of `{}`", job.name), "passes", ended.told());
        cx.find(finding.evidence(ended.last_lines()));
    }
    Ok(())
}

/// Host and port of `mongodb://HOST:PORT/…`.
fn address(url: &str) -> Judgement<&str> {
    let rest = url.strip_prefix("mongodb://").and_then(|rest| rest.split('/').next());
    rest.ok_or_else(|| CannotTell::new("the restored server's address is none of MongoDB's protocol"))
}

/// Every document of a collection, sorted by its bytes.
async fn documents(connection: &mut Connection, name: &str) -> Judgement<Vec<Vec<u8>>> {
    let (database, collection) = name.split_once('.').unwrap_or((name, ""));
    let mut all = connection.documents(database, collection).await.context(format!("reading {name}"))?;
    all.sort();
    Ok(all)
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let Some(job) = target.recovery.backups.job(BackupForm::Mongo).map(|job| job.name.clone()) else {
        return Vec::new();
    };
    let collections = target.recovery.backups.collections.iter();
    let largest =
        collections.max_by_key(|(_, count)| *count).map(|(name, _)| name.clone()).unwrap_or_default();
    let (of, flipped) = (job.clone(), job.clone());
    let truncated = move |_: &Lane, estate: &Estate| {
        let stored = shelf::newest(&estate.store(), &of)?;
        stored.cut(stored.bytes()?.len() * 9 / 10)
    };
    let flipped = move |_: &Lane, estate: &Estate| {
        let stored = shelf::newest(&estate.store(), &flipped)?;
        stored.flip(stored.bytes()?.len() / 2)
    };
    let lost = move |_: &Lane, estate: &Estate| shelf::newest(&estate.store(), &job)?.lose_manifest();
    vec![
        stand_in::store(&[ID], "truncated", "the connection ended before the archive did", damage(truncated)),
        stand_in::store(&[ID], "flipped-bit", "the disk of the backup rots", damage(flipped)),
        stand_in::store(
            &[ID],
            "manifest-lost",
            "only the archives are copied to the other region",
            damage(lost),
        ),
        stand_in::program(
            &[ID],
            "documents-dropped",
            "one collection is left out of the restore, since it was too large for the last one",
            "mongorestore",
            move |_, _| Ok(format!("exec \"$REAL\" \"$@\" --nsExclude='{largest}'")),
        ),
    ]
}
