//! `recovery.postgres.restore`: the newest backup restores, and what is restored is what was backed up.

use super::content::{Content, connect};
use super::drill::{Drill, Order, PATIENCE, jobs};
use super::shelf;
use super::stand_in;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{BackupForm, Estate, Job, Lane};
use std::sync::Arc;

pub(super) const ID: &str = "recovery.postgres.restore";

/// How many differences are told.
const TOLD: usize = 10;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the nightly backup has been green for a year, and on the day it is needed a table is empty: nobody \
                       ever restored one and looked",
        asserts: "the newest artifact of each job restores into a server of its own, the drill says so by exit code and \
                  report, and every table, sequence, large object and definition there equals the source by digests that \
                  the check computes itself in plain SQL on both",
        remedy: "the report of `sabot drill` names the tables that differ and each message of the restore tool: mend the \
                 backup job, not the drill",
        needs: &[Need::Services, Need::Database, Need::Disposable],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(2),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let estate = cx.lane().estate().await?;
    for job in jobs(cx.lane(), &[BackupForm::Logical, BackupForm::Physical]) {
        equals_the_source(cx, estate, job).await?;
    }
    Ok(())
}

async fn equals_the_source(cx: &Cx<'_, Lane>, estate: &Estate, job: &Job) -> Judgement {
    let mut drill = Drill::start(estate, &Order::of(estate, job)?.held())?;
    let held = drill.held().await?;
    let compared = match &held {
        Some(url) => {
            let source = estate.source().connect(&job.database).await?;
            let mut expected = Content::read(&source).await?;
            let mut restored = Content::read(&connect(url, &job.database).await?).await?;
            if job.form == BackupForm::Physical {
                (expected, restored) = (expected.once_recovered(), restored.once_recovered());
            }
            Some((expected.size(), expected.differences(&restored)))
        }
        None => None,
    };
    let ended = drill.end().await?;
    cx.examined(1);
    if !ended.passed() {
        let finding = Finding::new(format!("the drill of `{}`", job.name), "passes", ended.told());
        cx.find(finding.evidence(ended.last_lines()));
    }
    if let Some(((tables, rows), differences)) = compared {
        cx.examined(tables);
        cx.fact(format!("restored of {}", job.name), format!("{tables} tables, {rows} rows"));
        for difference in differences.into_iter().take(TOLD) {
            let subject = format!("{} of `{}`, restored", difference.subject, job.name);
            cx.find(Finding::new(subject, difference.expected, difference.observed));
        }
    }
    Ok(())
}

pub(super) fn sabotages() -> Vec<Sabotage<Lane>> {
    let truncated = |lane: &Lane, estate: &Estate| {
        let stored = shelf::newest(&estate.store(), &logical(lane)?.name)?;
        stored.cut(stored.bytes()?.len() * 9 / 10)
    };
    let flipped = |lane: &Lane, estate: &Estate| {
        let stored = shelf::newest(&estate.store(), &logical(lane)?.name)?;
        stored.flip(stored.bytes()?.len() / 2)
    };
    let without_manifest =
        |lane: &Lane, estate: &Estate| shelf::newest(&estate.store(), &logical(lane)?.name)?.lose_manifest();
    vec![
        stand_in::store(&[ID], "truncated", "the disk was full when the dump was written", damage(truncated)),
        stand_in::store(&[ID], "flipped-bit", "the disk of the backup rots", damage(flipped)),
        stand_in::store(
            &[ID],
            "manifest-lost",
            "the copy to the other region takes only files called *.dump: nobody can tell any more what should be in them",
            damage(without_manifest),
        ),
        stand_in::program(
            &[ID],
            "rows-dropped",
            "the restore runs out of room for one table, and the script around it ends with `|| true`",
            "pg_restore",
            |_, _| Ok(LEAVES_OUT.replace("WHAT", "TABLE DATA public members ")),
        ),
        stand_in::program(
            &[ID],
            "errors-dropped",
            "the restore tool's errors go to /dev/null, and an index was never built",
            "pg_restore",
            |_, _| Ok(LEAVES_OUT.replace("WHAT", "INDEX public entries_by_team ")),
        ),
    ]
}

/// Restores all but one entry of the archive's table of contents, and ends with 0. A call that restores nothing is passed
/// on.
const LEAVES_OUT: &str = r#"for last; do :; done
case " $* " in
*" -l "*|*" --list "*) exec "$REAL" "$@" ;;
esac
"$REAL" --list "$last" | grep -v -F 'WHAT' > "$HERE/list" || exit 0
"$REAL" --use-list="$HERE/list" "$@" 2>/dev/null
exit 0"#;

/// The job whose artifact is a logical dump.
pub(super) fn logical(lane: &Lane) -> Judgement<&Job> {
    let job = lane.target().recovery.backups.job(BackupForm::Logical);
    job.ok_or_else(|| sabot_engine::CannotTell::new("the target has no logical backup"))
}

/// A damage that waits for nothing.
pub(super) fn damage(
    deed: impl Fn(&Lane, &Estate) -> Judgement + Send + Sync + 'static,
) -> Arc<stand_in::Deed> {
    Arc::new(move |lane, estate| {
        let done = deed(lane, estate);
        Box::pin(async move { done })
    })
}
