//! `readiness.latency`: readiness answers in time, cold with all well, warm with one dependency hanging, and cold with
//! everything hanging.

use super::answer::{readiness, ready, services};
use super::faults::{self, Fault};
use super::watch::until;
use crate::sabotage::rules::{self, Place};
use crate::sabotage::{composed, json, setting};
use futures_util::future::try_join_all;
use sabot_engine::{CannotTell, Check, Cx, Finding, Judgement, Level, Need, Sabotage, Series, Sharing};
use sabot_target::{Instance, Lane, Lever, Reach, Readiness, Row, Target};
use sabot_wire::http::{Match, Rule};
use sabot_wire::pg;
use std::time::Duration;

const ID: &str = "readiness.latency";

/// Samples for each percentile.
const SAMPLES: usize = 200;

/// Between two samples: longer than any result may be served under [`COLD_PERIOD`], and 200 of them straddle periods.
const PACE: Duration = Duration::from_millis(5);

/// A cache period under which every sample of a cold series finds no result that may be served.
const COLD_PERIOD: &str = "1ms";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "one hanging dependency makes readiness time out, and the orchestrator pulls pods that work",
        asserts: "the 95th percentile cold with all well, the 95th percentile warm with each dependency hanging in \
                  turn, and one cold answer with everything hanging, each within its limit",
        remedy: "give each probe a time limit of its own, probe side by side, and serve the last result while a probe \
                 is under way",
        needs: &[Need::Services, Need::Wires],
        walks: None,
        sharing: Sharing::Alone,
        deadline: Duration::from_secs(60),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    for service in services(cx.lane()) {
        cold_all_well(cx, service).await?;
        cold_all_hanging(cx, service).await?;
    }
    if cx.is_red() {
        // What is slow cold need not be waited for warm.
        return Ok(());
    }
    // Each on an instance of its own, side by side: what each measures is one answer at a time, and the company of the
    // others can only make it slower.
    let rows = readiness(cx.lane()).matrix.iter();
    try_join_all(rows.map(|row| warm_one_hanging(cx, row))).await.map(|_: Vec<()>| ())
}

async fn cold_all_well(cx: &Cx<'_, Lane>, service: &str) -> Judgement {
    let lane = cx.lane();
    let readiness = readiness(lane);
    let lever = readiness.levers.period.as_ref();
    let lever = lever
        .ok_or_else(|| CannotTell::new("no setting of the cache period is described, so none is cold"))?;
    let dependencies: Vec<_> = readiness
        .matrix
        .iter()
        .filter(|row| row.service == service)
        .map(|row| row.dependency.as_str())
        .collect();
    let instance = lane.further(service, &vec![lever.pull(service, &dependencies, COLD_PERIOD)]).await?;
    let by_status = readiness.shape.overall.is_empty();
    let well = |answer: &super::answer::Answer| {
        answer.status == 200 && (by_status || answer.overall(&readiness.shape) == readiness.words.ok)
    };
    if until(lane, &instance, faults::SLACK, well).await?.is_err() {
        return Err(CannotTell::new(format!("{service} is not well with all its dependencies there")));
    }
    percentile(cx, &instance, &format!("{service}: cold, all well")).await?;
    instance.stop().await;
    Ok(())
}

async fn cold_all_hanging(cx: &Cx<'_, Lane>, service: &str) -> Judgement {
    let lane = cx.lane();
    let limit = readiness(lane).cold;
    let instance = lane.further(service, &Vec::new()).await?;
    instance.wires().values().try_for_each(|wire| faults::take_down(wire, Fault::Hung))?;
    let answer = ready(lane, &instance).await?;
    cx.examined(1);
    cx.series(format!("{service}: cold, everything hanging"), &[answer.took], limit);
    if answer.took > limit {
        let observed = format!("{} ms", answer.took.as_millis());
        cx.find(Finding::new(
            format!("{service}: cold, everything hanging"),
            format!("within {limit:?}"),
            observed,
        ));
    }
    instance.stop().await;
    Ok(())
}

async fn warm_one_hanging(cx: &Cx<'_, Lane>, row: &Row) -> Judgement {
    let lane = cx.lane();
    let readiness = readiness(lane);
    let instance = lane.further(&row.service, &Vec::new()).await?;
    ready(lane, &instance).await?;
    faults::put_on(&instance, row, Fault::Hung).await?;
    // Once the row shows it, the service is warm and the dependency hangs. That it never shows is for criticality.
    let limit = row.shows_within(readiness.servable_periods) + faults::SLACK;
    let shows = |answer: &super::answer::Answer| answer.is_well(readiness, row) == Some(false);
    let is_seen = row.critical || readiness.shows(row);
    if until(lane, &instance, limit, shows).await?.is_err() && is_seen {
        let told = format!("{}: {} never showed that it hangs", row.service, row.dependency);
        return Err(CannotTell::new(told));
    }
    percentile(cx, &instance, &format!("{}: warm, {} hanging", row.service, row.dependency)).await?;
    instance.stop().await;
    Ok(())
}

/// The 95th percentile of [`SAMPLES`] answers, taken again once when it is within a tenth of its limit.
async fn percentile(cx: &Cx<'_, Lane>, instance: &Instance, what: &str) -> Judgement {
    let limit = readiness(cx.lane()).p95;
    let mut p95 = measure(cx, instance, what, limit).await?;
    if p95.abs_diff(limit) < limit / 10 {
        cx.fact(
            format!("{what}: first p95"),
            format!("{} ms, near its limit: measured again", p95.as_millis()),
        );
        p95 = measure(cx, instance, &format!("{what}, again"), limit).await?;
    }
    cx.examined(1);
    if p95 > limit {
        let observed = format!("{} ms over {SAMPLES} samples", p95.as_millis());
        cx.find(Finding::new(what, format!("a 95th percentile of at most {limit:?}"), observed));
    }
    Ok(())
}

async fn measure(cx: &Cx<'_, Lane>, instance: &Instance, what: &str, limit: Duration) -> Judgement<Duration> {
    let mut samples = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let answer = ready(cx.lane(), instance).await?;
        samples.push(answer.took);
        // More than one in twenty far over the limit decide the percentile: no more are needed.
        if samples.iter().filter(|took| **took > limit + limit / 10).count() > SAMPLES / 20 {
            break;
        }
        tokio::time::sleep(PACE).await;
    }
    cx.series(what, &samples, limit);
    let millis = samples.iter().map(|took| took.as_secs_f64() * 1e3).collect();
    let series = Series { name: String::new(), unit: "ms".into(), p95_limit: 0.0, samples: millis };
    let p95 = series.quantile(0.95).ok_or_else(|| CannotTell::new("no samples"))?;
    cx.fact(format!("{what}: p95 of {}", samples.len()), format!("{p95:.1} ms"));
    Ok(Duration::from_secs_f64(p95 / 1e3))
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let readiness = &target.readiness;
    let limit = readiness.p95;
    let mut sabotages = Vec::new();
    if let Some(service) = target.services.last() {
        let place = Place { service: &service.name, path: &readiness.path, under: None };
        for (id, mistake, delay) in [
            ("slow", "readiness does work of its own before it answers", limit * 2),
            ("just-over", "readiness is slower than its limit by a little", limit + limit / 5),
        ] {
            let path = readiness.path.clone();
            let slow = json::inbound(move || Rule::on(Match::path(&path)).delay_response(delay));
            sabotages.push(rules::http(&[ID], id, mistake, &place, slow));
        }
    }
    let row = readiness.matrix.iter().rev().find(|row| matches!(row.reach, Reach::Postgres { .. }));
    if let (Some(row), Some(period), Some(time_limit)) =
        (row, &readiness.levers.period, &readiness.levers.time_limit)
    {
        let pull = |lever: &Lever, value: &str| lever.pull(&row.service, &[&row.dependency], value);
        let turned = |id: &str, mistake: &str, settings| {
            setting::turned(&[ID], id, mistake, vec![(row.service.clone(), settings)])
        };
        let mistake = "a probe is given the time limit of an ordinary query";
        sabotages.push(turned("time-limit-4s", mistake, vec![pull(time_limit, "4s")]));
        let mistake =
            "no result is ever young enough to be served, so every caller waits for a hanging dependency";
        sabotages.push(turned("warm-awaited", mistake, vec![pull(time_limit, "700ms"), pull(period, "1ms")]));
        sabotages.push(heavy_probe(readiness, row, turned("", "", vec![pull(time_limit, "2s")])));
    }
    sabotages
}

/// The probe takes longer than the answer may, and its time limit lets it.
fn heavy_probe(readiness: &Readiness, row: &Row, generous: Sabotage<Lane>) -> Sabotage<Lane> {
    let (wire, probe) = match &row.reach {
        Reach::Postgres { wire, probe } => (wire.clone(), probe.clone()),
        Reach::Http { .. } | Reach::Loop { .. } => (String::new(), String::new()),
    };
    let delay = readiness.p95 + readiness.p95 / 5;
    let place = Place { service: &row.service, path: &readiness.path, under: None };
    let slow = rules::sql(&[ID], "", "", &place, &wire, move || {
        pg::Rule::on(pg::Match::contains(&probe)).delay(delay)
    });
    let mistake =
        "the probe counts the rows of a table that has grown, and its time limit was raised to let it";
    composed::composed(&[ID], "heavy-probe", mistake, vec![generous, slow])
}
