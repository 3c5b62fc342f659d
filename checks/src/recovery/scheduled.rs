//! `recovery.scheduled`: a backup is taken when it is due, and once, however many workers there are.

use super::shelf;
use crate::sabotage::composed::composed;
use crate::sabotage::rules::{self, Knock, SetRules};
use crate::sabotage::setting;
use sabot_engine::{
    CannotTell, Check, Context as _, Cx, Finding, Judgement, Level, Nature, Need, Sabotage, Sharing, Sort,
};
use sabot_sandbox::Scratch;
use sabot_target::{Instance, Lane, Overrides, Schedule, Target};
use sabot_wire::pg::{Match, Pattern, Rule};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

pub(super) const ID: &str = "recovery.scheduled";

/// How often a backup is due while it is judged.
const EVERY: Duration = Duration::from_secs(2);

/// How many backups are awaited, and for how long.
const BACKUPS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(25);

/// How often the store is looked at: nothing tells of a file that appears.
const LOOK: Duration = Duration::from_millis(50);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "each of three workers dumps the database at 03:00, at once, and production is slow until four; or \
                       none does, since each thinks that another one will",
        asserts: "with two workers running, one whole artifact with its manifest appears for each time at which one is \
                  due, and never two for one time",
        remedy: "take a lock in the database for the length of a backup, and look under it whether what is due is there \
                 already",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE,
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let schedule = cx.lane().target().recovery.backups.schedule.as_ref();
    let schedule = schedule.ok_or_else(|| CannotTell::new("the target takes no backups on a schedule"))?;
    let store = Scratch::create("backups", PATIENCE.saturating_mul(4)).context("making a store")?;
    let workers = workers(cx.lane(), schedule, store.path()).await?;
    let taken = awaited(store.path(), &schedule.job).await;
    for worker in workers {
        worker.stop().await;
    }
    let taken = taken?;
    cx.examined(taken.len());
    cx.fact("backups taken by two workers", taken.len());
    if taken.len() < BACKUPS {
        let expected = format!("{BACKUPS} backups within {PATIENCE:?}, one due every {EVERY:?}");
        cx.find(Finding::new("two workers with a schedule", expected, format!("{} of them", taken.len())));
    }
    let mut due: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for (moment, artifact) in &taken {
        due.entry(moment.div_euclid(EVERY.as_secs().cast_signed())).or_default().push(artifact);
    }
    for artifacts in due.values().filter(|artifacts| artifacts.len() > 1) {
        let observed = format!("{} of them: {}", artifacts.len(), artifacts.join(", "));
        cx.find(Finding::new("the backups for one time at which one was due", "one", observed));
    }
    Ok(())
}

/// Two instances that take backups into this store.
async fn workers(lane: &Lane, schedule: &Schedule, store: &Path) -> Judgement<[Instance; 2]> {
    let overrides = settings(schedule, store);
    let start = || lane.further(&schedule.service, &overrides);
    let (one, other) = tokio::join!(start(), start());
    Ok([one?, other?])
}

fn settings(schedule: &Schedule, store: &Path) -> Overrides {
    vec![
        (schedule.store_env.clone(), store.display().to_string()),
        (schedule.every_env.clone(), format!("{}s", EVERY.as_secs())),
    ]
}

/// The whole artifacts, each with the moment whose data it holds in seconds since 1970, when there are enough or it took
/// too long.
async fn awaited(store: &Path, job: &str) -> Judgement<Vec<(i64, String)>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let artifacts = if store.join(job).is_dir() { shelf::artifacts(store, job)? } else { Vec::new() };
        let taken: Vec<_> = artifacts
            .into_iter()
            .map(|stored| (stored.manifest.snapshot_at.unix_timestamp(), stored.manifest.artifact))
            .collect();
        let times: std::collections::BTreeSet<_> = taken.iter().map(|(moment, _)| moment).collect();
        if times.len() >= BACKUPS || Instant::now() >= deadline {
            return Ok(taken);
        }
        tokio::time::sleep(LOOK).await;
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let Some(schedule) = &target.recovery.backups.schedule else { return Vec::new() };
    let limit = vec![(schedule.service.clone(), vec![(schedule.limit_env.clone(), "1ms".to_owned())])];
    vec![
        lock_out(schedule),
        setting::turned(&[ID], "no-time", "the limit was set for the small database of last year", limit),
    ]
}

/// The lock is taken out of its statement. Only a worker that takes backups shows that it is, so the shared one does too.
fn lock_out(schedule: &Schedule) -> Sabotage<Lane> {
    let mistake = "the lock is dropped when the connections go through a pooler, which does not keep it";
    let schedule = schedule.clone();
    let (service, of) = (schedule.service.clone(), schedule.clone());
    let backing_up = setting::turned_by(&[ID], "backing-up", mistake, move |lane| {
        // Where that has no place, nothing is turned, and the proof is void.
        let store = lane.files().and_then(|files| files.path("backups"));
        store.map(|store| vec![(of.service.clone(), settings(&of, &store))]).unwrap_or_default()
    });
    let set: Arc<SetRules> = Arc::new(move |instance| {
        let (mark, (locks, looks)) = (schedule.lock.clone(), schedule.locks.clone());
        let wire = schedule.database_wire.clone();
        Box::pin(async move {
            let rule = Rule::on(Match::literal(&mark)).rewrite(Pattern::literal(&locks), looks);
            Ok(vec![instance.postgres(&wire)?.set(rule).await?.tally().clone()])
        })
    });
    let knock: Arc<Knock> = Arc::new(|_, _| Box::pin(async { Ok(()) }));
    let make: Arc<rules::MakeRules> = Arc::new(move |_| set.clone());
    let reworded = rules::knocked(&[ID], "lock-reworded", mistake, (Sort::Sql, &service), knock, make);
    let reworded = Sabotage { nature: Nature::Cause, ..reworded };
    composed(&[ID], "lock-out", mistake, vec![backing_up, reworded])
}
