//! `readiness.criticality`: for every row of the matrix, the dependency is taken down on its wire, and the service
//! goes out of rotation if and only if the dependency is critical.

use super::answer::{Answer, readiness};
use super::expected::{Expected, has_no_part};
use super::faults;
use super::rows;
use super::watch::until;
use crate::sabotage::rules::{self, Place};
use crate::sabotage::{json, schema, setting};
use bytes::Bytes;
use futures_util::future::try_join_all;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Instance, Lane, Reach, Readiness, Row, Target};
use sabot_wire::http::{Match, Rule};
use sabot_wire::pg;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const ID: &str = "readiness.criticality";

/// How many of the service's last log lines a finding shows.
const LOG_LINES: usize = 6;

/// Longer than any probe may take.
const TOO_LONG: Duration = Duration::from_secs(30);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "an email provider's bad day pulls every pod, or a pod without its database stays in rotation",
        asserts: "for every row of the matrix and every fault that its protocol has: 503 and failed for a critical \
                  dependency, 200 and degraded for another, refused credentials degraded and named for either, the \
                  right row and no other, and recovery by itself",
        remedy: "set the dependency's criticality as the matrix declares it, and let only a critical one that failed \
                 answer 503",
        needs: &[Need::Services, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(60),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let rows = &readiness(cx.lane()).matrix;
    // An instance for each row: its wires are its own, so the rows go side by side.
    try_join_all(rows.iter().map(|row| judge_row(cx, row))).await?;
    cx.fact("rows", rows.len());
    Ok(())
}

async fn judge_row(cx: &Cx<'_, Lane>, row: &Row) -> Judgement {
    let instance = cx.lane().further(&row.service, &Vec::new()).await?;
    let readiness = readiness(cx.lane());
    let trial = Trial { cx, instance: &instance, row, readiness };
    let mut well = trial.comes_to(&Expected::well(readiness, row), "with all well").await?;
    for faults in faults::of(&row.reach) {
        for fault in faults.iter().filter(|fault| trial.can_show(**fault)) {
            if !well {
                break;
            }
            cx.examined(1);
            faults::put_on(&instance, row, *fault).await?;
            let expected = Expected::under(readiness, row, *fault);
            well = trial.comes_to(&expected, &format!("while it is {fault}")).await?;
        }
        faults::mend(&instance, row).await?;
        // A row that has been red has said what there is to say; its recovery would be judged by the same flaw.
        well = well && trial.comes_to(&Expected::well(readiness, row), "once it is back").await?;
    }
    instance.stop().await;
    Ok(())
}

struct Trial<'a> {
    cx: &'a Cx<'a, Lane>,
    instance: &'a Instance,
    row: &'a Row,
    readiness: &'a Readiness,
}

impl Trial<'_> {
    /// Refused credentials leave a service in rotation, and are shown by a word that not every form of answer has.
    fn can_show(&self, fault: faults::Fault) -> bool {
        fault != faults::Fault::Unauthorised || !self.readiness.words.degraded.is_empty()
    }

    /// Waits until the answer is as expected; a finding and `false` when it does not come to that in time.
    async fn comes_to(&self, expected: &Expected<'_>, when: &str) -> Judgement<bool> {
        let limit = expected.limit();
        // Where nothing must show, it is what stays so until anything would have shown.
        let stays = has_no_part(self.readiness, self.row);
        let settled =
            |answer: &Answer| expected.is_contradicted_by(answer) || expected.is_met_by(answer) != stays;
        let seen = until(self.cx.lane(), self.instance, limit, settled).await?;
        let (Ok(answer) | Err(answer)) = seen;
        if expected.is_met_by(&answer) {
            return Ok(true);
        }
        let subject = format!("{}: {} {when}", self.row.service, self.row.dependency);
        let criticality = if self.row.critical { "critical" } else { "not critical" };
        let finding = Finding::new(subject, expected.sketch(), answer.sketch(self.readiness))
            .evidence(format!("the matrix declares it {criticality}; awaited for {limit:?}"))
            .evidence(format!("its last lines:\n{}", self.instance.log(LOG_LINES).join("\n")));
        self.cx.find(finding);
        Ok(false)
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let readiness = &target.readiness;
    let mut sabotages = Vec::new();
    if let Some(lever) = &readiness.levers.critical {
        for row in &readiness.matrix {
            let (id, mistake) = if row.critical {
                (
                    "harmless",
                    "a critical dependency is taken for harmless: the service stays in rotation without it",
                )
            } else {
                ("critical", "a harmless dependency is taken for critical: its bad day pulls every pod")
            };
            let setting = lever.pull(&row.service, &[&row.dependency], &(!row.critical).to_string());
            let id = format!("{}-{}-{id}", row.service, row.dependency);
            sabotages.push(setting::turned(&[ID], &id, mistake, vec![(row.service.clone(), vec![setting])]));
        }
    }
    if let Some(lever) = &readiness.levers.schema {
        let mistake = "a service is rolled out before its migration";
        sabotages.push(schema::changed(&[ID], "migration-missing", mistake, lever));
    }
    if let Some(service) = target.services.first() {
        sabotages.extend(wrong_row(readiness, &service.name));
    }
    sabotages.extend(credentials_as_failure(readiness));
    sabotages.extend(never_recovers(readiness));
    sabotages.extend(readiness.matrix.iter().rev().find_map(|row| too_heavy(readiness, row)));
    sabotages
}

/// The probe can't end within its time limit.
fn too_heavy(readiness: &Readiness, row: &Row) -> Option<Sabotage<Lane>> {
    let Reach::Postgres { wire, probe } = &row.reach else { return None };
    let mistake = "the probe waits for a lock that a report holds";
    let mark = probe.clone();
    let rule = move || {
        let probes = pg::Rule::on(pg::Match::contains(&mark));
        if !mark.starts_with("/*") {
            // Where in somebody else's statement a wait could stand, nobody knows.
            return probes.delay(TOO_LONG);
        }
        let heavy = format!("FROM pg_sleep({}) {mark}", TOO_LONG.as_secs());
        probes.rewrite(pg::Pattern::literal(&mark), heavy)
    };
    let place = Place { service: &row.service, path: &readiness.path, under: None };
    Some(rules::sql(&[ID], "probe-too-heavy", mistake, &place, wire, rule))
}

/// Once it has told of a dependency over HTTP that fails, it answers the same for ever.
fn never_recovers(readiness: &Readiness) -> Option<Sabotage<Lane>> {
    let over_http =
        |row: &&Row| matches!(row.reach, Reach::Http { .. }) && (row.critical || readiness.shows(row));
    let critical = |row: &&Row| row.critical && over_http(row);
    let row = readiness.matrix.iter().find(critical).or_else(|| readiness.matrix.iter().find(over_http))?;
    let mistake = "a circuit breaker opens and never closes";
    let (path, read) = (readiness.path.clone(), readiness.clone());
    let latched = json::inbound(move || {
        let read = read.clone();
        let last: Mutex<Option<(u16, Bytes)>> = Mutex::default();
        Rule::on(Match::path(&path)).rewrite_response(move |response| {
            let well = rows::is_well(&read, response);
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            match &*last {
                Some((status, body)) if well => {
                    response.status = *status;
                    response.body = body.clone();
                }
                Some(_) => {}
                None if !well => *last = Some((response.status, response.body.clone())),
                None => {}
            }
        })
    });
    let place = Place { service: &row.service, path: &readiness.path, under: Some((row.reach.wire(), 500)) };
    Some(rules::http(&[ID], "never-recovers", mistake, &place, latched))
}

/// The names of two rows change places.
fn wrong_row(readiness: &Readiness, service: &str) -> Option<Sabotage<Lane>> {
    let shown = readiness.matrix.iter().filter(|row| row.service == service && readiness.shows(row));
    if shown.count() < 2 {
        return None;
    }
    let names = readiness.shape.clone();
    let mistake = "two probes are registered under each other's names";
    Some(json::rewriting(&[ID], "wrong-row", mistake, service, &readiness.path, move |envelope| {
        rows::swap(&names, envelope);
    }))
}

/// Refused credentials are shown as an ordinary failure.
fn credentials_as_failure(readiness: &Readiness) -> Option<Sabotage<Lane>> {
    if readiness.shape.error.is_empty() || readiness.words.degraded.is_empty() {
        return None;
    }
    let row = readiness.matrix.iter().find(|row| matches!(row.reach, Reach::Http { .. }))?;
    let (names, unauthorised) = (readiness.shape.clone(), readiness.unauthorised.clone());
    let path = readiness.path.clone();
    let unnamed = json::inbound(move || {
        let (names, unauthorised) = (names.clone(), unauthorised.clone());
        Rule::on(Match::path(&path)).rewrite_response(json::change(move |envelope| {
            rows::change(&names, envelope, |row| {
                if row.get(&names.error).and_then(Value::as_str) == Some(&unauthorised) {
                    row.insert(names.error.clone(), "unreachable".into());
                }
            });
        }))
    });
    let mistake = "an expired key is shown as an outage of the provider, so the wrong people are woken";
    let place = Place { service: &row.service, path: &readiness.path, under: Some((row.reach.wire(), 401)) };
    Some(rules::http(&[ID], "credentials-unnamed", mistake, &place, unnamed))
}
