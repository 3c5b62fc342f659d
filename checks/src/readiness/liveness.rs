//! `readiness.liveness`: liveness answers 200 whatever the dependencies do.

use super::answer::{ask, readiness, services};
use super::faults::{self, Fault};
use super::watch::until;
use crate::sabotage::rules::{self, Place};
use crate::sabotage::{json, process};
use futures_util::future::try_join_all;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Instance, Lane, Target};
use sabot_wire::http::{Match, Rule};
use std::time::Duration;

const ID: &str = "readiness.liveness";

/// How often liveness is asked under each fault.
const TRIES: usize = 5;

/// The longest that a live service may take to say so; a hanging dependency would take longer.
const PROMPT: Duration = Duration::from_secs(1);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a database goes away for a minute and the orchestrator kills every healthy process that uses \
                       it, over and over",
        asserts: "the path of liveness answers 200, promptly, while every dependency is refused and while every one \
                  hangs, and readiness says that it is so",
        remedy: "let liveness answer without asking anything else",
        needs: &[Need::Services, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(30),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let lane = cx.lane();
    let judged = try_join_all(services(lane).into_iter().map(|service| async move {
        // An instance of its own: the others' dependencies stay whole.
        let instance = lane.further(service, &Vec::new()).await?;
        for fault in [Fault::Refused, Fault::Hung] {
            under(cx, &instance, fault).await?;
        }
        instance.stop().await;
        Ok(())
    }))
    .await;
    judged.map(|_: Vec<()>| ())
}

async fn under(cx: &Cx<'_, Lane>, instance: &Instance, fault: Fault) -> Judgement {
    let lane = cx.lane();
    let readiness = readiness(lane);
    for wire in instance.wires().values() {
        faults::take_down(wire, fault)?;
    }
    let rows: Vec<_> = readiness.matrix.iter().filter(|row| row.service == instance.service()).collect();
    let limit = rows.iter().map(|row| row.shows_within(readiness.servable_periods)).max().unwrap_or_default();
    // Only once readiness has noticed is liveness put to the test.
    let noticed = until(lane, instance, limit + faults::SLACK, |answer| answer.status == 503).await?;
    if let Err(last) = noticed {
        let observed = last.sketch(readiness);
        let subject = format!("{}: readiness, all dependencies {fault}", instance.service());
        cx.find(Finding::new(subject, "503 once it has noticed", observed));
    }
    for _ in 0..TRIES {
        cx.examined(1);
        let alive = ask(lane, instance, &readiness.live_path).await?;
        if alive.status != 200 || alive.took > PROMPT {
            let subject =
                format!("{}: {}, all dependencies {fault}", instance.service(), readiness.live_path);
            let told = if alive.status == 0 { "no answer".to_owned() } else { alive.status.to_string() };
            let observed = format!("{told} after {} ms", alive.took.as_millis());
            cx.find(Finding::new(subject, format!("200 within {PROMPT:?}"), observed));
            return Ok(());
        }
    }
    Ok(())
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let readiness = &target.readiness;
    let mut sabotages = Vec::new();
    for service in &target.services {
        let place = Place { service: &service.name, path: &readiness.live_path, under: None };
        let (live, ready) = (readiness.live_path.clone(), readiness.path.clone());
        let follows = json::inbound(move || {
            let ready = ready.clone();
            Rule::on(Match::path(&live)).rewrite_request(move |request| request.target = ready.clone())
        });
        let id = format!("follows-readiness-{}", service.name);
        let mistake = "liveness and readiness share one handler";
        sabotages.push(rules::http(&[ID], &id, mistake, &place, follows));
    }
    if let Some(service) = target.services.last() {
        let place = Place { service: &service.name, path: &readiness.live_path, under: None };
        let live = readiness.live_path.clone();
        let slow = json::inbound(move || Rule::on(Match::path(&live)).delay_response(PROMPT + PROMPT / 2));
        let mistake = "liveness waits in the queue of a pool that the dependencies have filled";
        sabotages.push(rules::http(&[ID], "slow", mistake, &place, slow));
        let mistake = "a call that blocks holds every thread of the service";
        sabotages.push(process::paused(&[ID], "paused", mistake, &service.name));
    }
    sabotages
}
