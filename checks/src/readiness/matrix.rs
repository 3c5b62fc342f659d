//! `readiness.matrix`: every dependency that a service shows is declared, and every declared one is shown.

use super::answer::{readiness, ready, services};
use super::rows;
use crate::sabotage::{json, setting};
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, Row, Target};
use std::time::Duration;

pub(super) const ID: &str = "readiness.matrix";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a dependency is added or dropped and nobody decides whether its failure takes the service out \
                       of rotation",
        asserts: "the dependencies that each service shows are those of the declared matrix, in both directions",
        remedy: "declare the dependency with its criticality, or take it out of the service",
        needs: &[Need::Services],
        walks: Some("the dependencies that each service shows, and the criticality matrix"),
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(10),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let lane = cx.lane();
    let readiness = readiness(lane);
    for service in services(lane) {
        let answer = ready(lane, lane.service(service)?).await?;
        let shown: Vec<_> = answer.rows(&readiness.shape).into_iter().map(|row| row.name).collect();
        let declared: Vec<_> =
            readiness.matrix.iter().filter(|row| row.service == service).map(|row| &row.dependency).collect();
        cx.examined(shown.len());
        for name in shown.iter().filter(|name| !declared.contains(name)) {
            cx.find(Finding::new(
                format!("{service}: {name}"),
                "a declared dependency",
                "shown, and nowhere declared",
            ));
        }
        let owed = |name: &&&String| {
            let row = |row: &&Row| row.service == service && row.dependency == ***name;
            readiness.matrix.iter().find(row).is_some_and(|row| readiness.shows(row))
        };
        for name in declared.iter().filter(owed).filter(|name| !shown.contains(name)) {
            cx.find(Finding::new(
                format!("{service}: {name}"),
                "shown, since it is declared",
                "the service lacks it",
            ));
        }
        for (place, name) in shown.iter().enumerate().filter(|(place, name)| shown[..*place].contains(name)) {
            cx.find(Finding::new(
                format!("{service}: {name}"),
                "one row",
                format!("again as row {}", place + 1),
            ));
        }
    }
    Ok(())
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let readiness = &target.readiness;
    let mut sabotages = Vec::new();
    for service in &target.services {
        let names = readiness.shape.clone();
        let mistake = "a dependency is added to a service and to no matrix";
        let id = format!("row-too-many-{}", service.name);
        sabotages.push(json::rewriting(
            &[ID],
            &id,
            mistake,
            &service.name,
            &readiness.path,
            move |envelope| {
                rows::add(&names, envelope, "search_index");
            },
        ));
    }
    if let Some(service) = target.services.first() {
        let names = readiness.shape.clone();
        let mistake = "a probe is commented out during an incident and stays so";
        sabotages.push(json::rewriting(
            &[ID],
            "row-too-few",
            mistake,
            &service.name,
            &readiness.path,
            move |envelope| {
                rows::take(&names, envelope);
            },
        ));
    }
    for (dependency, variables) in &readiness.levers.off {
        let users =
            readiness.matrix.iter().filter(|row| row.dependency == *dependency && readiness.shows(row));
        for row in users {
            let id = format!("unconfigured-{}-{dependency}", row.service);
            let mistake =
                "a setting is left empty in one deployment, and the dependency is silently not watched";
            let off = variables.iter().map(|variable| (variable.clone(), String::new())).collect();
            let off = vec![(row.service.clone(), off)];
            sabotages.push(setting::turned(&[ID], &id, mistake, off));
        }
    }
    sabotages
}
