//! The desk of a propagation check: it makes teams and propagations of its own past the wires, in whatever state they are
//! to be, awaits what becomes of them, and takes them away again.

use super::queue::{Entry, New, Row, Subject};
use super::sql;
use futures_util::future::try_join_all;
use sabot_engine::{CannotTell, Context as _, Judgement};
use sabot_target::delivery::AuditLog;
use sabot_target::propagation::{Part, PropagationKind};
use sabot_target::{Instance, Lane, Propagation, Signal};
use sabot_wire::pg::{Match, Rule};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, timeout};
use tokio_postgres::Client;

/// The longest that anything is awaited: the end of a lease, the runner's next look, a dispatch, its completion.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// How often the queue is looked at while something is awaited there; there is no event to await from outside.
const POLL: Duration = Duration::from_millis(20);

/// How many of the runner's last lines are shown.
const LINES: usize = 4;

/// See the module.
pub(crate) struct Desk<'a> {
    pub(crate) lane: &'a Lane,
    pub(crate) propagation: &'a Propagation,
    pub(crate) audit: &'a AuditLog,
    /// A connection past the wires.
    pub(crate) client: Client,
    /// Teams and propagations of its own.
    own: Mutex<(Vec<i64>, Vec<i64>)>,
}

impl<'a> Desk<'a> {
    pub(crate) async fn open(lane: &'a Lane) -> Judgement<Self> {
        let client = connect(lane).await?;
        let target = lane.target();
        let (propagation, audit) = (&target.propagation, target.audit_log());
        Ok(Self { lane, propagation, audit, client, own: Mutex::default() })
    }

    /// The instance of the runner's service that every check shares.
    pub(crate) fn worker(&self) -> Judgement<&'a Instance> {
        Ok(self.lane.service(&self.propagation.runner.service)?)
    }

    /// The kind that checks use where any will do.
    pub(crate) fn kind(&self) -> Judgement<&'a PropagationKind> {
        let none = || CannotTell::new("the target's description has no kind of propagation");
        self.propagation.kinds.first().ok_or_else(none)
    }

    /// `count` teams of the lowest tier, each with one thing that the downstream has of it.
    pub(crate) async fn subjects(&self, count: usize) -> Judgement<Vec<Subject>> {
        let tier = self.propagation.subject.tiers.first().map_or("", String::as_str);
        self.subjects_at(tier, count).await
    }

    async fn subjects_at(&self, tier: &str, count: usize) -> Judgement<Vec<Subject>> {
        let described = &self.propagation.subject;
        let make = async |statement: &str| self.client.prepare(statement).await.context("making a team");
        let (team, resource) = (make(&described.make_team).await?, make(&described.make_resource).await?);
        let made = (0..count).map(|_| async {
            let name = unique();
            let made = self.client.query_one(&team, &[&name, &tier]).await.context("making a team")?;
            let team: i64 = made.try_get(0)?;
            let made = self.client.query_one(&resource, &[&team, &name]).await;
            let resource: i64 = made.context("making what the downstream has of a team")?.try_get(0)?;
            Ok::<_, CannotTell>(Subject { team, resource })
        });
        let subjects = try_join_all(made).await?;
        self.own.lock().unwrap_or_else(PoisonError::into_inner).0.extend(subjects.iter().map(|own| own.team));
        Ok(subjects)
    }

    /// A team as in [`subjects`](Self::subjects).
    pub(crate) async fn subject(&self) -> Judgement<Subject> {
        let made = self.subjects(1).await?.pop();
        made.ok_or_else(|| CannotTell::new("no team was made"))
    }

    /// One of this tier.
    pub(crate) async fn subject_at(&self, tier: &str) -> Judgement<Subject> {
        let made = self.subjects_at(tier, 1).await?.pop();
        made.ok_or_else(|| CannotTell::new("no team was made"))
    }

    /// A propagation about `subject` that is due now, as the target writes it.
    pub(crate) fn due(&self, subject: &Subject) -> Judgement<New> {
        let kind = self.kind()?;
        let tier = self.propagation.subject.tiers.last().cloned().unwrap_or_default();
        Ok(New::about(subject, kind, tier))
    }

    /// Enqueues `new` past the wires, all in one transaction; their ids, in their order.
    pub(crate) async fn insert(&self, new: &[New]) -> Judgement<Vec<i64>> {
        let ids = sql::insert(&self.client, self.propagation, new).await?;
        self.own.lock().unwrap_or_else(PoisonError::into_inner).1.extend(&ids);
        Ok(ids)
    }

    /// Enqueues one.
    pub(crate) async fn insert_one(&self, new: New) -> Judgement<i64> {
        let ids = self.insert(&[new]).await?;
        ids.first().copied().ok_or_else(|| CannotTell::new("enqueuing gave no id"))
    }

    /// The propagations of `ids` as they stand; one that is gone is left out.
    pub(crate) async fn rows(&self, ids: &[i64]) -> Judgement<BTreeMap<i64, Row>> {
        sql::rows(&self.client, self.propagation, ids).await
    }

    /// Every propagation about these teams.
    pub(crate) async fn rows_about(&self, subjects: &[Subject]) -> Judgement<BTreeMap<i64, Row>> {
        let teams: Vec<_> = subjects.iter().map(|subject| subject.team).collect();
        sql::rows_about(&self.client, self.propagation, &teams).await
    }

    /// Awaits that `shows` is true of each of `ids`; then, or when patience ends, how they stand.
    pub(crate) async fn awaited(
        &self,
        ids: &[i64],
        shows: impl Fn(&Row) -> bool,
    ) -> Judgement<BTreeMap<i64, Row>> {
        self.awaited_within(PATIENCE, ids, shows).await
    }

    /// The same with a limit of the caller's.
    pub(crate) async fn awaited_within(
        &self,
        limit: Duration,
        ids: &[i64],
        shows: impl Fn(&Row) -> bool,
    ) -> Judgement<BTreeMap<i64, Row>> {
        let deadline = Instant::now() + limit;
        loop {
            let rows = self.rows(ids).await?;
            let all = ids.iter().all(|id| rows.get(id).is_some_and(&shows));
            if all || Instant::now() >= deadline {
                return Ok(rows);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// How many of `ids` nobody has attempted.
    pub(crate) async fn unattempted(&self, ids: &[i64]) -> Judgement<i64> {
        sql::unattempted(&self.client, self.propagation, ids).await
    }

    /// Whether somebody has claimed one of `ids`, all of which are due: it is hidden, or locked by a claim that is not
    /// committed yet.
    pub(crate) async fn has_claimed(&self, ids: &[i64]) -> Judgement<bool> {
        let now = self.now().await?;
        let rows = self.rows(ids).await?;
        if rows.values().any(|row| row.is_hidden(now)) {
            return Ok(true);
        }
        if rows.values().any(|row| row.is_applied() || row.last_attempt_at.is_some()) {
            let mark = &self.propagation.marks.claim;
            let told = format!(
                "rows were taken by another statement than `{mark}`, by which claims are to be known"
            );
            return Err(CannotTell::new(told));
        }
        Ok(sql::unlocked(&self.client, self.propagation, ids).await? < i64::try_from(ids.len())?)
    }

    /// What the audit log says of each of `ids`, in order; nothing where there is none.
    pub(crate) async fn trail(&self, ids: &[i64]) -> Judgement<BTreeMap<i64, Vec<Entry>>> {
        if !self.propagation.has(Part::Trail) {
            return Ok(BTreeMap::new());
        }
        sql::trail(&self.client, self.audit, &self.propagation.trail, ids).await
    }

    /// Makes `ids` due now. Only to be done while nobody works on them, which it makes sure of.
    pub(crate) async fn move_forward(&self, ids: &[i64]) -> Judgement {
        let moved = sql::move_forward(&self.client, self.propagation, ids).await?;
        if moved == ids.len() as u64 {
            return Ok(());
        }
        Err(CannotTell::new(format!(
            "{moved} of {} propagations could be moved: others are in flight",
            ids.len()
        )))
    }

    /// The tier that `subject`'s team has.
    pub(crate) async fn tier_of(&self, subject: &Subject) -> Judgement<String> {
        let asked = self.client.query_one(&self.propagation.subject.tier_of, &[&subject.team]).await;
        Ok(asked.context("asking for a team's tier")?.try_get(0)?)
    }

    /// The time by the database's clock, in microseconds since 1970.
    pub(crate) async fn now(&self) -> Judgement<i64> {
        let select = format!("SELECT {}", crate::sql::micros("clock_timestamp()"));
        Ok(self.client.query_one(&select, &[]).await.context("asking for the time")?.try_get(0)?)
    }

    /// Awaits that `instance` has claimed, or found nothing to claim, `times` times from now on.
    pub(crate) async fn looks(&self, instance: &Instance, times: usize) -> Judgement {
        let wire = instance.postgres(&self.propagation.runner.database_wire)?;
        let (rule, mut seen) = Rule::on(Match::literal(&self.propagation.marks.claim)).notify();
        let rule = wire.set(rule).await?;
        let looked = async {
            // The first may have been on its way before.
            for _ in 0..=times {
                seen.next().await;
            }
        };
        let looked = timeout(PATIENCE, looked).await;
        let _closed = rule.remove().await;
        looked.map_err(|_| CannotTell::new("the runner no longer looks for work"))
    }

    /// Keeps the shared runner from doing anything until it is [resumed](Self::resume), which is to be done on every
    /// path: under a sabotage other checks follow on the same lane, whatever came of this one.
    pub(crate) async fn pause(&self) -> Judgement {
        Ok(self.worker()?.pause().await?)
    }

    /// Lets the shared runner go on.
    pub(crate) async fn resume(&self) -> Judgement {
        Ok(self.worker()?.signal(Signal::CONT).await?)
    }

    /// The last lines that the shared runner printed, for evidence.
    pub(crate) fn last_lines(&self) -> String {
        self.worker().map(|worker| worker.log(LINES).join("\n")).unwrap_or_default()
    }

    /// Takes away every team and propagation of its own.
    pub(crate) async fn clear(&self) -> Judgement {
        let (teams, ids) = std::mem::take(&mut *self.own.lock().unwrap_or_else(PoisonError::into_inner));
        sql::clear(&self.client, self.propagation, &teams, &ids).await
    }
}

/// A connection to the database of queue and audit log, past the wires.
pub(crate) async fn connect(lane: &Lane) -> Judgement<Client> {
    let database = &lane.target().propagation.database;
    lane.database(database).await.context("reaching the database past the wires")
}

/// A name that no other team has.
fn unique() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    format!("sabot {now} {number}")
}
