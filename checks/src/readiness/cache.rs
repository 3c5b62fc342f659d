//! `readiness.cache`: however many ask, an upstream sees at most one probe per instance, dependency and period.

use super::answer::{Answer, readiness, ready, services};
use super::faults::SLACK;
use crate::sabotage::rules::{self, Place, SetRules};
use crate::sabotage::setting;
use futures_util::future::try_join_all;
use sabot_engine::{Check, Context as _, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Instance, Lane, Reach, Row, Target};
use sabot_wire::http::{Counter as HttpCounter, Match, Rule, Shown};
use sabot_wire::pg;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const ID: &str = "readiness.cache";

/// The bursts: the first of them meets a service that has never probed.
const BURST: usize = 50;
const CROWD: usize = 500;

/// How often one more asks after the bursts, and for how long at most: half the longest period, so that one that is
/// much too short shows however quickly the bursts were served.
const TRICKLE: Duration = Duration::from_millis(10);
const LONGEST_TRICKLE: Duration = Duration::from_secs(5);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "every poll of every balancer becomes a call to the email provider, whose hourly allowance is \
                       gone by breakfast, or a query on a database that is already struggling",
        asserts: "a cold burst of 50, a warm one, a crowd of 500 and a trickle after them cost at most one probe per \
                  dependency and period, counted on the wires, and after the period a burst costs exactly one more",
        remedy: "keep the last result for its period and let one probe serve all who wait for it",
        needs: &[Need::Services, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(40),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let each = services(cx.lane()).into_iter().map(|service| judge_service(cx, service));
    try_join_all(each).await.map(|_: Vec<()>| ())
}

async fn judge_service(cx: &Cx<'_, Lane>, service: &str) -> Judgement {
    let lane = cx.lane();
    let instance = lane.further(service, &Vec::new()).await?;
    let mut rows = Vec::new();
    for row in readiness(lane).matrix.iter().filter(|row| row.service == service) {
        let probes = Probes::of(&instance, row)?;
        if matches!(probes, Probes::Times) && readiness(lane).shape.checked_at.is_empty() {
            let told = "not counted: no wire sees it, and no answer says when it was last looked at";
            cx.fact(format!("{service}: {}", row.dependency), told);
            continue;
        }
        rows.push((row, probes));
    }
    cx.examined(rows.len());
    let begun = Instant::now();
    let mut answers = Vec::new();
    for size in [BURST, BURST, CROWD] {
        answers.extend(burst(lane, &instance, size).await?);
    }
    let longest = rows.iter().map(|(row, _)| row.period).max().unwrap_or_default();
    answers.extend(trickle(lane, &instance, (longest / 2).min(LONGEST_TRICKLE)).await?);
    let elapsed = begun.elapsed();
    for (row, probes) in &rows {
        let seen = probes.count(&answers, lane, row);
        let allowed = allowance(elapsed, row.period);
        if seen > allowed || seen == 0 {
            let observed = format!("{seen} in {} ms", elapsed.as_millis());
            let expected = format!("1 to {allowed} probes for {} callers in that time", answers.len());
            cx.find(Finding::new(format!("{service}: {}", row.dependency), expected, observed));
        }
    }
    cx.fact(format!("{service}: callers"), answers.len());
    if !cx.is_red() {
        one_more(cx, &instance, &rows).await?;
    }
    instance.stop().await;
    Ok(())
}

/// How many probes may begin within `elapsed` when at least `period` lies between two.
fn allowance(elapsed: Duration, period: Duration) -> u64 {
    1 + u64::try_from(elapsed.as_millis() / period.as_millis().max(1)).unwrap_or(u64::MAX)
}

/// After every period has passed, a burst costs exactly one probe for each dependency.
async fn one_more(cx: &Cx<'_, Lane>, instance: &Instance, rows: &[(&Row, Probes)]) -> Judgement {
    let lane = cx.lane();
    let longest = rows.iter().map(|(row, _)| row.period + row.time_limit).max().unwrap_or_default();
    // What is waited for is the passing of time itself.
    tokio::time::sleep(longest).await;
    let before: Vec<_> = rows.iter().map(|(_, probes)| probes.sent()).collect();
    let begun = Instant::now();
    burst(lane, instance, BURST).await?;
    for ((row, probes), before) in rows.iter().zip(before) {
        let Some(before) = before else { continue };
        let more = probes.more_than(before, begun + row.time_limit + SLACK).await;
        let allowed = allowance(begun.elapsed(), row.period);
        if more == 0 || more > allowed {
            let subject = format!("{}: {}, after its period", row.service, row.dependency);
            let expected =
                if allowed == 1 { "exactly 1 probe".into() } else { format!("1 to {allowed} probes") };
            cx.find(Finding::new(subject, format!("{expected} for {BURST} callers"), more.to_string()));
        }
    }
    Ok(())
}

async fn burst(lane: &Lane, instance: &Instance, size: usize) -> Judgement<Vec<Answer>> {
    try_join_all((0..size).map(|_| ready(lane, instance))).await.context(format!("a burst of {size}"))
}

/// One after the other, for so long.
async fn trickle(lane: &Lane, instance: &Instance, lasts: Duration) -> Judgement<Vec<Answer>> {
    let end = Instant::now() + lasts;
    let mut answers = Vec::new();
    while Instant::now() < end {
        answers.push(ready(lane, instance).await?);
        // What is waited for is the passing of time itself.
        tokio::time::sleep(TRICKLE).await;
    }
    Ok(answers)
}

/// How probes of one dependency are counted.
enum Probes {
    Http(HttpCounter),
    Postgres(pg::Counter),
    /// No wire sees them: by how often the time of the last probe changes.
    Times,
}

impl Probes {
    fn of(instance: &Instance, row: &Row) -> Judgement<Self> {
        Ok(match &row.reach {
            Reach::Http { wire, path } => Self::Http(instance.http(wire)?.counter(Match::path(path))),
            Reach::Postgres { wire, probe } => {
                Self::Postgres(instance.postgres(wire)?.counter(pg::Match::contains(probe)))
            }
            Reach::Loop { .. } => Self::Times,
        })
    }

    /// Probes that reached the upstream since the counter was made.
    fn sent(&self) -> Option<u64> {
        match self {
            Self::Http(counter) => Some(counter.sent()),
            Self::Postgres(counter) => Some(counter.sent()),
            Self::Times => None,
        }
    }

    fn count(&self, answers: &[Answer], lane: &Lane, row: &Row) -> u64 {
        self.sent().unwrap_or_else(|| {
            let shape = &readiness(lane).shape;
            let times: BTreeSet<_> =
                answers.iter().filter_map(|answer| answer.row(shape, &row.dependency)?.checked_at).collect();
            times.len() as u64
        })
    }

    /// How many more than `before`, once there is one or the deadline has passed.
    async fn more_than(&self, before: u64, deadline: Instant) -> u64 {
        loop {
            let more = self.sent().unwrap_or(before) - before;
            if more > 0 || Instant::now() >= deadline {
                return more;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let readiness = &target.readiness;
    let mut sabotages = Vec::new();
    let http = readiness.matrix.iter().find(|row| matches!(row.reach, Reach::Http { .. }));
    let postgres = readiness.matrix.iter().rev().find(|row| matches!(row.reach, Reach::Postgres { .. }));
    if let Some(lever) = &readiness.levers.period {
        for row in http.into_iter().chain(postgres) {
            let turn = |id: &str, mistake: &str, period: Duration| {
                let setting =
                    lever.pull(&row.service, &[&row.dependency], &format!("{}ms", period.as_millis()));
                let id = format!("{id}-{}", row.dependency);
                setting::turned(&[ID], &id, mistake, vec![(row.service.clone(), vec![setting])])
            };
            sabotages.push(turn("period-a-tenth", "the cache period lost a zero", row.period / 10));
            sabotages.push(turn(
                "no-cache",
                "the cache was switched off for a test",
                Duration::from_millis(1),
            ));
            sabotages.push(turn(
                "never-again",
                "the cache period is in the wrong unit",
                Duration::from_secs(3600),
            ));
        }
    }
    for row in http.into_iter().chain(postgres) {
        sabotages.push(repeated(row, &readiness.path));
    }
    sabotages.extend(http.and_then(|row| for_each_caller(row, &readiness.path)));
    sabotages
}

/// Each probe reaches the upstream several times.
fn repeated(row: &Row, path: &str) -> Sabotage<Lane> {
    const TIMES: u32 = 5;
    let mistake = "the client below the probe retries by itself";
    let id = format!("probe-repeated-{}", row.dependency);
    let place = Place { service: &row.service, path, under: None };
    match row.reach.clone() {
        Reach::Http { wire, path } => {
            let set: Arc<SetRules> = Arc::new(move |instance| {
                let rule = Rule::on(Match::path(&path)).repeat(TIMES, Shown::First);
                let tally = instance.http(&wire).map(|wire| wire.set(rule).tally().clone());
                Box::pin(async { Ok(vec![tally?]) })
            });
            rules::http(&[ID], &id, mistake, &place, set)
        }
        Reach::Postgres { wire, probe } | Reach::Loop { wire, statement: probe, .. } => {
            let rule = move || pg::Rule::on(pg::Match::contains(&probe)).repeat(TIMES);
            rules::sql(&[ID], &id, mistake, &place, &wire, rule)
        }
    }
}

/// A reaction: for each request that comes in, one goes out to the upstream.
fn for_each_caller(row: &Row, asked: &str) -> Option<Sabotage<Lane>> {
    let Reach::Http { wire, path } = row.reach.clone() else { return None };
    let ready = asked.to_owned();
    let set: Arc<SetRules> = Arc::new(move |instance| {
        let (rule, mut seen) = Rule::on(Match::path(&ready)).notify();
        let tally = instance.inbound().set(rule).tally().clone();
        let upstream = instance.http(&wire).map(|wire| format!("{}{path}", wire.url()));
        Box::pin(async move {
            let (upstream, client) = (upstream?, reqwest::Client::new());
            tokio::spawn(async move {
                while seen.next().await.is_some() {
                    // What comes back is nobody's: the probe that should not have been has been made.
                    drop(client.get(&upstream).timeout(SLACK).send().await);
                }
            });
            Ok(vec![tally])
        })
    });
    let place = Place { service: &row.service, path: asked, under: None };
    Some(rules::http(&[ID], "probe-for-each-caller", "the cache is there and is not asked", &place, set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_probes_need_a_period_between_them() {
        let period = Duration::from_millis(500);
        assert_eq!(allowance(Duration::from_millis(499), period), 1);
        assert_eq!(allowance(Duration::from_millis(500), period), 2);
        assert_eq!(allowance(Duration::from_millis(1700), period), 4);
    }
}
