//! Where this track's sabotages are put: on the queue, on its trail, on the runner's settings and its calls; and how one
//! is seen to have landed.

use super::desk::Desk;
use super::downstream::{StandIn, calls_of};
use super::queue::Row;
use crate::sabotage::json;
use crate::sabotage::rules::{self, Knock, MakeRules, SetRules};
use crate::sabotage::setting;
use crate::sabotage::trigger::Trigger;
use crate::sql::ident;
use sabot_engine::{Judgement, Sabotage, Sort};
use sabot_target::propagation::{DeadLetters, Downstream, Part};
use sabot_target::{Lane, Propagation, Target};
use sabot_wire::http::{Match, Response, Rule};
use sabot_wire::pg;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// Runs whenever a propagation is written.
pub(crate) fn on_queue(propagation: &Propagation, fires: &'static str, body: String) -> Trigger {
    Trigger {
        database: propagation.database.clone(),
        table: ident(&propagation.queue.table),
        fires,
        body,
        deferred: false,
    }
}

/// Runs whenever an audit row is written.
pub(crate) fn on_trail(target: &Target, fires: &'static str, body: String) -> Trigger {
    Trigger {
        database: target.propagation.database.clone(),
        table: ident(&target.audit_log().table),
        fires,
        body,
        deferred: false,
    }
}

/// Whether an update of the queue is a failed attempt, as a condition on `OLD` and `NEW`.
pub(crate) fn has_failed(propagation: &Propagation) -> String {
    let attempts = ident(&propagation.queue.attempts);
    format!("NEW.{attempts} > OLD.{attempts}")
}

/// The runner with a setting turned, where it has that.
pub(crate) fn runner_with(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    propagation: &Propagation,
    (env, value): (&str, String),
) -> Option<Sabotage<Lane>> {
    let turned = vec![(propagation.runner.service.clone(), vec![(env.to_owned(), value)])];
    (!env.is_empty()).then(|| setting::turned(turns_red, name, mistake, turned))
}

/// Durations as settings have them, joined by commas.
pub(crate) fn durations(durations: &[Duration]) -> String {
    durations.iter().map(|one| format!("{}s", one.as_secs())).collect::<Vec<_>>().join(",")
}

/// A rule on the runner's calls of the downstream.
pub(crate) fn on_calls(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    propagation: &Propagation,
    rule: impl Fn(Match) -> Rule + Send + Sync + 'static,
) -> Sabotage<Lane> {
    on_calls_by(turns_red, name, mistake, propagation, called(), rule)
}

/// The same, seen to act on what `knock` causes.
pub(crate) fn on_calls_by(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    propagation: &Propagation,
    knock: Arc<Knock>,
    rule: impl Fn(Match) -> Rule + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let (runner, calls) = (&propagation.runner, calls_of(&propagation.downstream));
    let (wire, rule) = (runner.downstream_wire.clone(), Arc::new(rule));
    let set: Arc<SetRules> = Arc::new(move |instance| {
        let rule = rule(calls.clone());
        let tally = instance.http(&wire).map(|wire| wire.set(rule).tally().clone());
        Box::pin(async { Ok(vec![tally?]) })
    });
    let make: Arc<MakeRules> = Arc::new(move |_| set.clone());
    rules::knocked(turns_red, name, mistake, (Sort::Http, &runner.service), knock, make)
}

/// Changes every JSON object that tells of dead letters, where the target tells of them; one of the runner's credentials is
/// at hand.
pub(crate) fn on_letters(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    propagation: &Propagation,
    change: fn(&DeadLetters, &str, &mut Map<String, Value>),
) -> Option<Sabotage<Lane>> {
    if !propagation.has(Part::DeadLetters) {
        return None;
    }
    let letters = propagation.dead_letters.clone();
    let (service, asked) = (letters.service.clone(), letters.path.clone());
    let knock: Arc<Knock> = Arc::new(move |lane, _| {
        let asked = asked.clone();
        Box::pin(async move {
            let desk = Desk::open(lane).await?;
            let max = i32::try_from(desk.propagation.runner.max_attempts)?;
            let subject = desk.subject().await?;
            // The downstream knows nothing of it, and says so.
            let id = desk.insert_one(desk.due(&subject)?.attempts(max - 1)).await?;
            desk.awaited(&[id], Row::is_dead).await?;
            desk.letters(reqwest::Method::GET, &asked).await?;
            desk.clear().await
        })
    });
    let make: Arc<MakeRules> = Arc::new(move |lane| {
        let letters = letters.clone();
        let secret = secrets(lane).into_iter().next().unwrap_or_default();
        json::inbound(move || {
            let (letters, secret) = (letters.clone(), secret.clone());
            let path = Match::prefix(&letters.path);
            Rule::on(path).rewrite_response(json::change(move |body| change(&letters, &secret, body)))
        })
    });
    Some(rules::knocked(turns_red, name, mistake, (Sort::Http, &service), knock, make))
}

/// The credentials that the runner's service was started with.
pub(crate) fn secrets(lane: &Lane) -> Vec<String> {
    let target = lane.target();
    let service = target.service(&target.propagation.runner.service);
    let given: Vec<_> =
        service.into_iter().flat_map(|service| &service.env).map(|(_, value)| value).collect();
    let names = |name: &str| given.iter().any(|value| value.contains(&format!("{{secret:{name}}}")));
    let own = lane.credentials().filter(|(name, _)| names(name)).map(|(_, value)| value.to_owned());
    let known: Vec<_> = lane.credentials().map(|(_, value)| value).collect();
    // What is no credential of the target's own is that of its database, which its address holds.
    own.chain(lane.secrets().into_iter().filter(|secret| !known.contains(&secret.as_str()))).collect()
}

/// The runner's statement `mark` with `instead` in place of `text`, where the description knows both.
pub(crate) fn on_statements(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    propagation: &Propagation,
    (mark, text, instead): (&str, &str, String),
) -> Option<Sabotage<Lane>> {
    if mark.is_empty() || text.is_empty() {
        return None;
    }
    let (runner, mark, text) = (&propagation.runner, mark.to_owned(), text.to_owned());
    let wire = runner.database_wire.clone();
    let set: Arc<SetRules> = Arc::new(move |instance| {
        let rule =
            pg::Rule::on(pg::Match::literal(&mark)).rewrite(pg::Pattern::literal(&text), instead.clone());
        let wire = wire.clone();
        Box::pin(async move { Ok(vec![instance.postgres(&wire)?.set(rule).await?.tally().clone()]) })
    });
    let make: Arc<MakeRules> = Arc::new(move |_| set.clone());
    Some(rules::knocked(turns_red, name, mistake, (Sort::Sql, &runner.service), called(), make))
}

/// Enqueues two propagations about one team, so that the runner claims, asks which is the newest, and calls the
/// downstream; awaits that they have been attempted, and takes them away.
pub(crate) fn called() -> Arc<Knock> {
    Arc::new(|lane, _| {
        Box::pin(async move {
            let desk = Desk::open(lane).await?;
            call(&desk).await
        })
    })
}

/// The same with this answer of the downstream.
pub(crate) fn called_with(answer: impl Fn(&Downstream) -> Response + Send + Sync + 'static) -> Arc<Knock> {
    Arc::new(move |lane, _| {
        let answer = answer(&lane.target().propagation.downstream);
        Box::pin(async move {
            let desk = Desk::open(lane).await?;
            let _downstream = StandIn::answering(&desk, move |_| answer.clone())?;
            call(&desk).await
        })
    })
}

async fn call(desk: &Desk<'_>) -> Judgement {
    let subject = desk.subject().await?;
    let new = desk.due(&subject)?;
    let ids = desk.insert(&[new.clone(), new]).await?;
    // Whether anything comes of it is not the question here.
    let attempted = desk.awaited_within(desk.propagation.runner.lease, &ids, |row| {
        row.last_attempt_at.is_some() && !row.held
    });
    attempted.await?;
    desk.clear().await
}

/// Makes a documented change by the target's own means.
pub(crate) fn changed() -> Arc<Knock> {
    Arc::new(|lane, _| {
        Box::pin(async move {
            let desk = Desk::open(lane).await?;
            if let Some(change) = desk.propagation.changes.first() {
                let subject = desk.subject_at(&change.from).await?;
                desk.change(&subject, &change.to).await?;
            }
            desk.clear().await
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_settings_read_them() {
        assert_eq!(durations(&[60, 86_400].map(Duration::from_secs)), "60s,86400s");
    }
}
