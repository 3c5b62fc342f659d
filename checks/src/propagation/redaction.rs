//! `propagation.redaction`: no credential stands in an error, neither whole nor cut, wherever errors are kept.

use super::cause::{has_failed, on_letters, on_queue, on_trail, secrets};
use super::desk::{Desk, PATIENCE};
use super::downstream::{Call, StandIn, skipped};
use super::parts::is_there;
use super::poison::unreadable;
use super::queue::{New, Subject, sketch};
use crate::leak::Canaries;
use crate::sabotage::schema;
use crate::sql::{ident, literal};
use reqwest::Method;
use sabot_engine::{CannotTell, Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::propagation::Part;
use sabot_target::{Lane, Propagation, Target};
use sabot_wire::http::Response;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const ID: &str = "propagation.redaction";

/// By how many places a run of credentials is shifted, so that a cut somewhere falls within one.
const SHIFTS: usize = 4;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the downstream repeats the token that it was called with in its error; the row keeps it, the audit log \
                       keeps it for years, and whoever may see the list of dead letters has it",
        asserts: "with every credential of the runner's service in the downstream's reasons, error bodies and garbage, and in \
                  payloads that cannot be read, so long that the error is cut, and cut at every place: the last error is not \
                  empty and within its limit, and no piece of a credential is in the row, in its audit rows, or in the dead \
                  letter",
        remedy: "redact the whole error with every credential that the service knows, and cut it only then, before it is \
                 stored or logged",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(2),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// How a credential comes into an error.
struct Way {
    what: String,
    payload: Option<String>,
    answer: Option<Response>,
}

/// How long an error is where the target promises no limit.
const UNLIMITED: usize = 1000;

fn ways(propagation: &Propagation, secrets: &[String]) -> Vec<Way> {
    let (downstream, queue) = (&propagation.downstream, &propagation.queue);
    let limit = if queue.error_limit == 0 { UNLIMITED } else { queue.error_limit };
    let all = secrets.join(" ");
    // Where an answer gives no reason, the body of an error is what is kept.
    let reason = |text: &str| match downstream.says_outcome() {
        true => skipped(downstream, text),
        false => Response::status(500).body(text.to_owned()),
    };
    let by_answer =
        |what: &str, answer: Response| Way { what: what.to_owned(), payload: None, answer: Some(answer) };
    let mut ways = vec![
        by_answer("an error's body", Response::status(500).body(all.clone())),
        by_answer("an error's header", Response::status(401).header("www-authenticate", all.clone())),
        by_answer("a reason", reason(&all)),
    ];
    if downstream.says_outcome() {
        ways.push(by_answer("an answer that is no JSON", Response::json(all.clone())));
    }
    if unreadable(propagation).is_some() {
        ways.push(Way {
            what: "a payload".into(),
            payload: Some(Value::from(all).to_string()),
            answer: None,
        });
    }
    for secret in secrets {
        for shift in 0..SHIFTS {
            let before = "x".repeat(shift * secret.len() / SHIFTS);
            let run = format!("{before}{}", format!("{secret} ").repeat(limit * 2 / secret.len().max(1)));
            ways.push(by_answer("a reason that is cut", reason(&run)));
        }
    }
    ways
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let secrets = secrets(desk.lane);
    if secrets.is_empty() {
        return Err(CannotTell::new("the runner's service is started without a credential"));
    }
    let downstream = &desk.propagation.downstream;
    let ways = ways(desk.propagation, &secrets);
    let subjects = desk.subjects(ways.len()).await?;
    let answers: BTreeMap<_, _> = ways
        .iter()
        .zip(&subjects)
        .filter_map(|(way, subject)| Some((downstream.path_of(subject.resource), way.answer.clone()?)))
        .collect();
    let answer = move |call: &Call| answers.get(&call.path).cloned().unwrap_or_else(|| Response::status(500));
    let stand_in = StandIn::answering(&desk, answer)?;
    let last = i32::try_from(desk.propagation.runner.max_attempts)? - 1;
    let new = |(way, subject): (&Way, &Subject)| {
        let new = desk.due(subject)?.attempts(last);
        Ok(match &way.payload {
            Some(payload) => New { payload: payload.clone(), ..new },
            None => new,
        })
    };
    let new = ways.iter().zip(&subjects).map(new).collect::<Judgement<Vec<_>>>()?;
    let ids = desk.insert(&new).await?;
    let canaries = Canaries::new(&secrets, &[]);
    judge_rows(cx, &desk, &ways, &ids, &canaries).await?;
    drop(stand_in);
    is_there(cx, Part::Trail, "the audit rows");
    is_there(cx, Part::DeadLetters, "the dead letters as they are shown");
    cx.fact("credentials", secrets.len());
    cx.fact("errors with a credential", ways.len());
    desk.clear().await
}

async fn judge_rows(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    ways: &[Way],
    ids: &[i64],
    canaries: &Canaries,
) -> Judgement {
    let rows = desk.awaited(ids, |row| row.is_dead()).await?;
    let trail = desk.trail(ids).await?;
    let (letters, limit) = (&desk.propagation.dead_letters, desk.propagation.queue.error_limit);
    for (id, way) in ids.iter().zip(ways) {
        cx.examined(3);
        let row = rows.get(id).filter(|row| row.is_dead());
        let Some(row) = row else {
            let what = format!("a propagation that failed with a credential in {}", way.what);
            cx.find(Finding::new(what, "dead", sketch(rows.get(id))));
            continue;
        };
        let error = row.last_error.as_deref().unwrap_or_default();
        let length = error.chars().count();
        if length == 0 || limit > 0 && length > limit {
            let what = format!("the last error, a credential in {}: its length", way.what);
            let expected = if limit > 0 { format!("1 to {limit} characters") } else { "one or more".into() };
            cx.find(Finding::new(what, expected, length.to_string()));
        }
        let written: String = trail
            .get(id)
            .into_iter()
            .flatten()
            .map(|entry| format!("{} {}\n", entry.summary, entry.payload))
            .collect();
        // The payload is the target's own, and is kept as it is.
        let letter = if desk.propagation.has(Part::DeadLetters) {
            let letter = desk.letters(Method::GET, &letters.path_of(*id)).await?;
            without(&letter.body, way)
        } else {
            String::new()
        };
        for (place, text) in
            [("the last error", error), ("the audit rows", &written), ("the dead letter", &letter)]
        {
            for leak in canaries.leaks(&[], text) {
                let what = format!("{place}, a credential in {}", way.what);
                cx.find(Finding::new(what, "no credential", leak.what));
            }
        }
    }
    Ok(())
}

/// What is shown, but for the payload that the check itself has written.
fn without(shown: &str, way: &Way) -> String {
    way.payload.as_ref().map_or_else(|| shown.to_owned(), |payload| shown.replace(payload.as_str(), ""))
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let limit = propagation.queue.error_limit;
    let mut sabotages = vec![
        on_error(
            propagation,
            "error-with-credential",
            "the error is stored as the HTTP client tells it, with the request's headers",
            |error, secret| format!("left('refused: Authorization: ' || {secret} || {error}, 900)"),
        ),
        on_error(
            propagation,
            "cut-first",
            "the error is cut first and redacted second: half a credential is not recognised",
            |error, secret| format!("left({error}, 900) || left({secret}, length({secret}) - 2)"),
        ),
        on_error(propagation, "nothing-left", "the redactor is so eager that it leaves nothing", |_, _| {
            "''".into()
        }),
    ];
    if limit > 0 {
        let mistake = "the error is redacted and never cut";
        let uncut = on_error(propagation, "uncut", mistake, move |error, _| {
            format!("rpad({error}, {}, '.')", limit + 1)
        });
        sabotages.push(uncut);
    }
    sabotages.extend(on_letters(
        &[ID],
        "shown-with-credential",
        "the list shows, for those who debug, how the downstream was called",
        propagation,
        |letters, secret, body| {
            // Of a list it is shown beside, of one in its error.
            body.insert(letters.error.clone(), format!("Authorization: {secret}").into());
        },
    ));
    if propagation.has(Part::Trail) {
        sabotages.push(written(target));
    }
    sabotages
}

/// The audit row of a death tells what the row itself does not.
fn written(target: &Target) -> Sabotage<Lane> {
    let (of, audit, trail) = (target.clone(), target.audit_log(), &target.propagation.trail);
    let (kind, payload) = (ident(&audit.kind), ident(&audit.payload));
    let death = format!("NEW.{kind} = {}", literal(&trail.dead_lettered));
    let field = literal(&trail.error);
    let (name, mistake) = (
        "trail-with-credential",
        "what is stored is redacted, and the audit row is written from what is not",
    );
    schema::changed_by(&[ID], name, mistake, move |lane| {
        let shown = literal(&secret(lane)?);
        let body = format!(
            "IF {death} THEN NEW.{payload} := NEW.{payload} || jsonb_build_object({field}, {shown}); END IF;"
        );
        Ok(on_trail(&of, "BEFORE INSERT", body).lever(name))
    })
}

/// Stores another error than the redacted one: an expression on that, and on a credential.
fn on_error(
    propagation: &Propagation,
    name: &'static str,
    mistake: &str,
    stored: impl Fn(&str, &str) -> String + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let of = propagation.clone();
    schema::changed_by(&[ID], name, mistake, move |lane| {
        let error = format!("NEW.{}", ident(&of.queue.last_error));
        let stored = stored(&error, &literal(&secret(lane)?));
        let body = format!("IF {} THEN {error} := {stored}; END IF;", has_failed(&of));
        Ok(on_queue(&of, "BEFORE UPDATE", body).lever(name))
    })
}

fn secret(lane: &Lane) -> Judgement<String> {
    let none = || CannotTell::new("the runner's service is started without a credential");
    secrets(lane).into_iter().next().ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_anywhere_leaves_a_piece_of_some_credential() {
        let propagation = Target::embedded().propagation;
        let downstream = &propagation.downstream;
        let secret = "prv_0123456789abcdef0123456789abcdef".to_owned();
        let canaries = Canaries::new(std::slice::from_ref(&secret), &[]);
        let runs: Vec<_> = ways(&propagation, std::slice::from_ref(&secret))
            .into_iter()
            .filter(|way| way.what.ends_with("cut"))
            .filter_map(|way| {
                let answer: Value = serde_json::from_slice(&way.answer?.body).ok()?;
                Some(answer[&downstream.reason].as_str()?.to_owned())
            })
            .collect();
        assert_eq!(runs.len(), SHIFTS);
        for before in 0..secret.len() {
            let leaks = runs.iter().filter(|run| {
                let cut: String = run.chars().take(1000 - before).collect();
                !canaries.leaks(&[], &cut.replace(&secret, "[redacted]")).is_empty()
            });
            assert!(leaks.count() > 0, "cut {before} places before the limit");
        }
    }
}
