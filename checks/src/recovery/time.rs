//! `recovery.postgres.rto` and `.rpo`, `recovery.mongo.rto` and `.rpo`: a restore ends in time, what it brings back is young enough, and
//! neither figure is embellished.

use super::drill::{Drill, Order, PATIENCE, jobs, terms};
use super::restore::damage;
use super::{mongo, shelf, stand_in};
use sabot_engine::{
    CannotTell, Check, Context as _, Cx, Figure, Finding, Gauge, Judgement, Level, Need, Sabotage, Sharing,
};
use sabot_recovery::report::{Class, Event, Phase};
use sabot_target::{BackupForm, DrillTerms, Estate, Job, Lane};
use std::time::Duration;
use time::OffsetDateTime;

pub(super) const RTO: &str = "recovery.postgres.rto";
pub(super) const RPO: &str = "recovery.postgres.rpo";
const MONGO_RTO: &str = "recovery.mongo.rto";
const MONGO_RPO: &str = "recovery.mongo.rpo";

/// The forms of PostgreSQL's backups, the one on which a limit is tried first.
const POSTGRES: [BackupForm; 2] = [BackupForm::Logical, BackupForm::Physical];

/// How far a drill's own figure may be from the clock of the check: the process has to start, and to be heard.
const TOLERANCE: Duration = Duration::from_secs(2);

/// The recovery point that is too old, and by how much.
const BEYOND: Duration = Duration::from_secs(60 * 60);

pub(super) fn rto() -> Check<Lane> {
    Check {
        id: RTO,
        level: Level::Baseline,
        failure_mode: "the backup is good, and restoring it takes nine hours: nobody has ever held a watch to it",
        asserts: "from the start of a drill to its last smoke query answered less than the limit passes on the clock of \
                  the check, the drill reports the same within 2 s, and a limit that it exceeds fails it",
        remedy: "restore with several jobs into a server tuned for it, take base backups, or change the limit knowingly",
        needs: &[Need::Services, Need::Database, Need::Disposable],
        walks: None,
        sharing: Sharing::Alone,
        deadline: PATIENCE.saturating_mul(3),
        no_cause: None,
        judge: |cx| Box::pin(judge_rto(cx, &POSTGRES)),
    }
}

/// The same of a server of MongoDB's protocol.
pub(super) fn mongo_rto() -> Check<Lane> {
    Check { id: MONGO_RTO, needs: mongo::NEEDS, judge: |cx| Box::pin(judge_rto(cx, &mongo::FORMS)), ..rto() }
}

async fn judge_rto(cx: &Cx<'_, Lane>, forms: &[BackupForm]) -> Judgement {
    let estate = cx.lane().estate().await?;
    for job in jobs(cx.lane(), forms) {
        in_time(cx, estate, job).await?;
    }
    if cx.is_red() {
        return Ok(());
    }
    let job = first(cx.lane(), forms)?;
    let late = Drill::run(estate, &Order::of(estate, job)?.limits(Duration::ZERO, terms(job)?.rpo)).await?;
    cx.examined(1);
    if !late.failed() || !late.has(Class::Slow) {
        let expected = "fails, because it was too slow";
        cx.find(Finding::new("a drill that exceeds its recovery time", expected, late.told()));
    }
    Ok(())
}

/// The job on which limits are tried.
fn first<'a>(lane: &'a Lane, forms: &[BackupForm]) -> Judgement<&'a Job> {
    let job = forms.first().and_then(|form| lane.target().recovery.backups.job(*form));
    job.ok_or_else(|| CannotTell::new("the target has no such backup"))
}

async fn in_time(cx: &Cx<'_, Lane>, estate: &Estate, job: &Job) -> Judgement {
    let DrillTerms { rto: limit, rpo, .. } = *terms(job)?;
    let ended = Drill::run(estate, &Order::of(estate, job)?.limits(limit, rpo)).await?;
    let answered = |event: &Event| matches!(event, Event::Ended { phase: Phase::Smoke, .. });
    let (measured, reported) = (ended.when(answered), ended.report().and_then(|report| report.rto_seconds));
    cx.examined(1);
    let subject = format!("the recovery time of `{}`", job.name);
    let (Some(measured), Some(reported)) = (measured, reported) else {
        cx.find(Finding::new(subject, "is told", ended.told()).evidence(ended.last_lines()));
        return Ok(());
    };
    cx.fact(
        format!("recovery time of {}", job.name),
        format!("{:.2} s of {limit:?}", measured.as_secs_f64()),
    );
    gauge(cx, &subject, measured.as_secs_f64(), limit);
    if measured > limit || !ended.passed() {
        let observed = format!("{:.2} s; {}", measured.as_secs_f64(), ended.told());
        cx.find(Finding::new(subject.clone(), format!("at most {limit:?}, and the drill passes"), observed));
    }
    if (measured.as_secs_f64() - reported).abs() > TOLERANCE.as_secs_f64() {
        let expected = format!("{:.2} s, give or take {TOLERANCE:?}", measured.as_secs_f64());
        cx.find(Finding::new(format!("{subject} as reported"), expected, format!("{reported:.2} s")));
    }
    Ok(())
}

pub(super) fn rpo() -> Check<Lane> {
    Check {
        id: RPO,
        level: Level::Baseline,
        failure_mode: "the drill is green every night, and restores the same artifact of last spring: the backups stopped \
                       then",
        asserts: "the newest artifact holds the data of the moment when the backup was taken, by the clock of its source; \
                  the drill reports that moment's age within 2 s; an artifact that is older than the limit fails the \
                  drill, and so does one that is dated in the future",
        remedy: "take the time from the manifest that is written when the backup is taken, never from the file's name or \
                 date, and alert when the newest grows old",
        needs: &[Need::Services, Need::Database, Need::Disposable],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(4),
        no_cause: None,
        judge: |cx| Box::pin(judge_rpo(cx, &POSTGRES)),
    }
}

/// The same of a server of MongoDB's protocol.
pub(super) fn mongo_rpo() -> Check<Lane> {
    Check { id: MONGO_RPO, needs: mongo::NEEDS, judge: |cx| Box::pin(judge_rpo(cx, &mongo::FORMS)), ..rpo() }
}

async fn judge_rpo(cx: &Cx<'_, Lane>, forms: &[BackupForm]) -> Judgement {
    let estate = cx.lane().estate().await?;
    for job in jobs(cx.lane(), forms) {
        is_told(cx, estate, job).await?;
    }
    if cx.is_red() {
        return Ok(());
    }
    let job = first(cx.lane(), forms)?;
    let limit = terms(job)?.rpo;
    let dated = [
        ("older than the limit", -(limit + BEYOND).as_secs_f64()),
        ("dated in the future", BEYOND.as_secs_f64()),
    ];
    for (how, shift) in dated {
        let store = estate.scratch("dated").context("making a store")?;
        let mut stored = shelf::copied(&estate.store(), &job.name, &store)?;
        let moment = OffsetDateTime::now_utc() + time::Duration::seconds_f64(shift);
        stored.amend(|manifest| {
            (manifest.snapshot_at, manifest.started_at, manifest.ended_at) = (moment, moment, moment);
        })?;
        let ended = Drill::run(estate, &Order::from_store(&store, job)?).await?;
        cx.examined(1);
        if !ended.failed() || !ended.has(Class::Stale) {
            let expected = "fails the drill, as stale";
            cx.find(Finding::new(format!("an artifact {how}"), expected, ended.told()));
        }
    }
    Ok(())
}

async fn is_told(cx: &Cx<'_, Lane>, estate: &Estate, job: &Job) -> Judgement {
    let taken = estate.taken(&job.name)?;
    let before = OffsetDateTime::now_utc();
    let ended = Drill::run(estate, &Order::of(estate, job)?).await?;
    let report = ended.report();
    cx.examined(1);
    let subject = format!("the recovery point of `{}`", job.name);
    let told = report.and_then(|report| Some((report.snapshot_at?, report.rpo_seconds?)));
    let Some((snapshot, age)) = told else {
        cx.find(Finding::new(subject, "is told", ended.told()).evidence(ended.last_lines()));
        return Ok(());
    };
    cx.fact(format!("recovery point of {}", job.name), format!("{age:.1} s old"));
    gauge(cx, &subject, age, terms(job)?.rpo);
    if snapshot < taken.after || snapshot > taken.before {
        let expected = format!("between {} and {}, when it was taken", taken.after, taken.before);
        cx.find(Finding::new(subject.clone(), expected, snapshot.to_string()));
    }
    let expected = (before - snapshot).as_seconds_f64();
    if (age - expected).abs() > TOLERANCE.as_secs_f64() {
        let expected = format!("{expected:.1} s, give or take {TOLERANCE:?}");
        cx.find(Finding::new(format!("{subject} as reported"), expected, format!("{age:.1} s")));
    }
    if !ended.passed() {
        cx.find(Finding::new(format!("the drill of `{}`", job.name), "passes", ended.told()));
    }
    Ok(())
}

fn gauge(cx: &Cx<'_, Lane>, name: &str, seconds: f64, limit: Duration) {
    let name = name.replace('`', "");
    cx.figure(Figure::Gauge(Gauge { name, unit: "s".into(), value: seconds, limit: limit.as_secs_f64() }));
}

pub(super) fn sabotages() -> Vec<Sabotage<Lane>> {
    [
        of([RTO, RPO], BackupForm::Logical, "pg_restore"),
        of([MONGO_RTO, MONGO_RPO], BackupForm::Mongo, "mongorestore"),
    ]
    .concat()
}

/// What turns the checks of one form red, whose restore tool this is.
fn of([rto, rpo]: [&'static str; 2], form: BackupForm, tool: &str) -> Vec<Sabotage<Lane>> {
    let shifted = move |lane: &Lane, estate: &Estate| {
        let mut stored = shelf::newest(&estate.store(), &first(lane, &[form])?.name)?;
        stored.amend(|manifest| manifest.snapshot_at += time::Duration::minutes(-90))
    };
    let stale = move |lane: &Lane, estate: &Estate| {
        let job = first(lane, &[form])?;
        let ago = time::Duration::try_from(terms(job)?.rpo + BEYOND)?;
        let mut stored = shelf::newest(&estate.store(), &job.name)?;
        stored.amend(|manifest| manifest.snapshot_at -= ago)
    };
    let slow = move |lane: &Lane, _: &Estate| {
        let limit = terms(first(lane, &[form])?)?.rto + Duration::from_secs(1);
        // Only what restores: a look at the version, or at the table of contents, is quick.
        Ok(format!(
            "case \" $* \" in *--version*|*\" -l \"*|*--list*) ;; *) sleep {} ;; esac\nexec \"$REAL\" \"$@\"",
            limit.as_secs()
        ))
    };
    let slow_mistake = "the restore has one job on a loaded machine, and takes longer than anybody may wait";
    let shifted_mistake = "the job writes local time as if it were UTC";
    let stale_mistake = "the backups stopped, and the newest artifact is an old one";
    vec![
        stand_in::program(&[rto], "slow-restore", slow_mistake, tool, slow),
        stand_in::store(&[rpo], "shifted-manifest", shifted_mistake, damage(shifted)),
        stand_in::store(&[rpo], "stopped-last-week", stale_mistake, damage(stale)),
    ]
}
