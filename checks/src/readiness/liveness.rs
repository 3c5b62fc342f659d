//! `readiness.liveness`: liveness answers 200 whatever the dependencies do.

use super::answer::{ask, readiness, services};
use super::faults::{self, Fault};
use super::watch::until;
use crate::sabotage::rules;
use futures_util::future::try_join_all;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Instance, Lane, Target};
use sabot_wire::http::{Match, Rule};
use std::sync::Arc;
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
        registry_walk: false,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(30),
        no_cause: Some("whether liveness asks a dependency is compiled in; no setting of a service turns it"),
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
        let observed = last.sketch(&readiness.shape);
        let subject = format!("{}: readiness, all dependencies {fault}", instance.service());
        cx.find(Finding::new(subject, "503 once it has noticed", observed));
    }
    for _ in 0..TRIES {
        cx.examined(1);
        let alive = ask(lane, instance, &readiness.live_path).await?;
        if alive.status != 200 || alive.took > PROMPT {
            let subject =
                format!("{}: {}, all dependencies {fault}", instance.service(), readiness.live_path);
            let observed = format!("{} after {} ms", alive.status, alive.took.as_millis());
            cx.find(Finding::new(subject, format!("200 within {PROMPT:?}"), observed));
            return Ok(());
        }
    }
    Ok(())
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let readiness = &target.readiness;
    let each = |service: &sabot_target::Service| {
        let (live, ready) = (readiness.live_path.clone(), readiness.path.clone());
        let set = move |instance: &Instance| {
            let ready = ready.clone();
            let rule =
                Rule::on(Match::path(&live)).rewrite_request(move |request| request.target = ready.clone());
            Ok(vec![instance.inbound().set(rule).tally().clone()])
        };
        let id = format!("follows-readiness-{}", service.name);
        let mistake = "liveness and readiness share one handler";
        rules::http(&[ID], &id, mistake, &service.name, &readiness.live_path, Arc::new(set))
    };
    target.services.iter().map(each).collect()
}
