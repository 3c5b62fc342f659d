//! `readiness.secrets`: no answer of a readiness endpoint shows a credential, whatever has gone wrong.

use super::answer::{Answer, readiness, ready};
use super::faults::{self, Fault, SLACK};
use super::rows;
use super::watch::until;
use crate::leak::{Canaries, PIECE, Place};
use crate::sabotage::{json, setting};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use sabot_engine::{CannotTell, Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Instance, Lane, Reach, Row, Target};
use sabot_wire::http::{Match, Response, Rule};
use sabot_wire::pg;
use std::sync::Arc;
use std::time::Duration;

const ID: &str = "readiness.secrets";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a driver's error message with the connection string in it stands on an endpoint that everyone \
                       may read",
        asserts: "no credential that the service was started with (raw, URL-encoded, in base64, or a good part of it), \
                  no known shape of a token and no long run of hex digits, in body or headers, with all well and with \
                  each dependency broken so that its error carries the credentials",
        remedy: "show a short word of your own for each failure; redact what comes from outside first and cut it second",
        needs: &[Need::Services, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(40),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    if cx.lane().secrets().iter().any(|secret| secret.len() < PIECE) {
        return Err(CannotTell::new(format!(
            "a credential under {PIECE} bytes can't be told from ordinary text"
        )));
    }
    let canaries = Canaries::new(&cx.lane().secrets(), &readiness(cx.lane()).hex_exempt);
    let rows = readiness(cx.lane()).matrix.iter();
    try_join_all(rows.map(|row| judge_row(cx, &canaries, row))).await?;
    cx.fact("canaries", cx.lane().secrets().len());
    Ok(())
}

async fn judge_row(cx: &Cx<'_, Lane>, canaries: &Canaries, row: &Row) -> Judgement {
    let lane = cx.lane();
    let instance = lane.further(&row.service, &Vec::new()).await?;
    scan(cx, canaries, row, "with all well", &ready(lane, &instance).await?);
    for (leaky, when) in [(true, "its error carrying the credentials"), (false, "refused")] {
        if leaky {
            leak(lane, &instance, row).await?;
        } else if faults::of(&row.reach).concat().contains(&Fault::Refused) {
            faults::put_on(&instance, row, Fault::Refused).await?;
        } else {
            continue;
        }
        let limit = row.shows_within(readiness(lane).servable_periods) + SLACK;
        let readiness = readiness(lane);
        let is_seen = row.critical || readiness.shows(row);
        let broken = |answer: &Answer| {
            // An answer that leaks needs no waiting for.
            !canaries.leaks(&answer.headers, &answer.body).is_empty()
                || answer.is_well(readiness, row) == Some(false)
        };
        match until(lane, &instance, limit, broken).await? {
            Ok(answer) => scan(cx, canaries, row, when, &answer),
            Err(answer) if !is_seen => scan(cx, canaries, row, when, &answer),
            Err(_) => {
                let told = format!("{}: {} never showed that it was broken", row.service, row.dependency);
                return Err(CannotTell::new(told));
            }
        }
        faults::mend(&instance, row).await?;
        // Well again before the next fault: else the last one's result would be taken for it.
        let well_again = |answer: &Answer| !is_seen || answer.is_well(readiness, row) == Some(true);
        if until(lane, &instance, limit, well_again).await?.is_err() && !cx.is_red() {
            let told = format!("{}: {} did not recover from {when}", row.service, row.dependency);
            return Err(CannotTell::new(told));
        }
    }
    instance.stop().await;
    Ok(())
}

fn scan(cx: &Cx<'_, Lane>, canaries: &Canaries, row: &Row, when: &str, answer: &Answer) {
    cx.examined(1);
    for leak in canaries.leaks(&answer.headers, &answer.body) {
        let place = match &leak.place {
            Place::Header(name) => format!("the header `{name}`"),
            Place::Body(at) => format!("the body, at byte {at}"),
        };
        let subject = format!("{}: {} {when}", row.service, row.dependency);
        // What was found is never shown, not even in part.
        cx.find(Finding::new(subject, "nothing secret", format!("{} in {place}", leak.what)));
    }
}

/// Lets the dependency fail with an error in which every credential stands.
async fn leak(lane: &Lane, instance: &Instance, row: &Row) -> Judgement {
    let secrets = lane.secrets();
    let told =
        format!("login failed for {}; dsn postgres://app:{}@db/app", secrets.join(" "), secrets.join("/"));
    match &row.reach {
        Reach::Http { wire, .. } => {
            let answer = Response::status(500).header("www-authenticate", told.clone()).body(told);
            instance.http(wire)?.set(Rule::on(Match::any()).answer(answer));
        }
        Reach::Postgres { wire, probe } | Reach::Loop { wire, statement: probe, .. } => {
            let answer = pg::ErrorResponse::error("28P01", told);
            instance.postgres(wire)?.set(pg::Rule::on(pg::Match::contains(probe)).answer(answer)).await?;
        }
    }
    Ok(())
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let readiness = &target.readiness;
    let Some(service) = target.services.first().map(|service| service.name.clone()) else {
        return Vec::new();
    };
    let mut sabotages = vec![
        shown(target, &service, "raw", "the driver's error is passed on as it is", |secret| {
            secret.to_owned()
        }),
        shown(
            target,
            &service,
            "url-encoded",
            "an address is shown with the credential in its query",
            |secret| secret.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        ),
        shown(
            target,
            &service,
            "base64",
            "the authorisation header of a failed request is shown",
            |secret| STANDARD.encode(format!("app:{secret}")),
        ),
        shown(target, &service, "cut-in-half", "the message is cut first and redacted second", |secret| {
            secret.chars().take(secret.chars().count() / 2).collect()
        }),
    ];
    sabotages.extend(foreign(target, &service));
    let in_header = |lane: &Lane| {
        let secret = first(lane);
        Arc::new(move |response: &mut Response| response.headers.set("x-debug", secret.clone()))
    };
    let mistake = "a debugging header is left in";
    sabotages.push(json::answering_by(&[ID], "in-header", mistake, &service, &readiness.path, in_header));
    let is_shown = !readiness.shape.commit.is_empty();
    if let Some(lever) = readiness.levers.commit.clone().filter(|_| is_shown) {
        let mistake = "two variables change places in a deployment: the commit is a credential";
        sabotages.push(setting::turned_by(&[ID], "variables-swapped", mistake, move |lane| {
            vec![(service.clone(), vec![lever.pull(&service, &[""], &first(lane))])]
        }));
    }
    sabotages
}

/// What is no credential of ours and looks like a secret all the same.
fn foreign(target: &Target, service: &str) -> Vec<Sabotage<Lane>> {
    let mut shown = Vec::new();
    for (id, mistake, foreign) in [
        (
            "foreign-token",
            "an upstream's answer is passed on, with a token of its own in it",
            "AKIAIOSFODNN7EXAMPLE",
        ),
        ("hex-run", "a session id is shown where a word should stand", "9f86d081884c7d659a2feaa0"),
        (
            "foreign-dsn",
            "a default address with its default password is shown",
            "postgres://app:hunter2@db/app",
        ),
    ] {
        let names = target.readiness.shape.clone();
        shown.push(json::answering(&[ID], id, mistake, service, &target.readiness.path, move |response| {
            rows::tell(&names, response, foreign);
        }));
    }
    shown
}

/// A credential in the error of every row, in some form.
fn shown(
    target: &Target,
    service: &str,
    id: &str,
    mistake: &str,
    form: fn(&str) -> String,
) -> Sabotage<Lane> {
    let names = target.readiness.shape.clone();
    let make = move |lane: &Lane| {
        let (secret, names) = (form(&first(lane)), names.clone());
        Arc::new(move |response: &mut Response| {
            rows::tell(&names, response, &format!("error: {secret}"));
        })
    };
    json::answering_by(&[ID], id, mistake, service, &target.readiness.path, make)
}

fn first(lane: &Lane) -> String {
    lane.secrets().into_iter().next().unwrap_or_default()
}
