//! Sabotage that reacts: while a request of a service is held on its wire, what the faulty program would have done by
//! then is done by SQL.

use super::rules::{self, Knock, MakeRules, SetRules};
use sabot_engine::{Context as _, Judgement, Sabotage, Sort};
use sabot_target::{Lane, TargetError};
use sabot_wire::http::{Match, Request, Rule};
use std::sync::Arc;

/// Where requests are held.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    /// The service that makes them.
    pub(crate) service: String,
    /// Its wire to whom it asks.
    pub(crate) wire: String,
    /// Which of its requests there.
    pub(crate) on: Match,
}

/// Runs a statement in `database` at each request, before it is sent on. `of` gives the statement's one parameter, a
/// text; a request without it passes.
pub(crate) fn before_requests(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    requests: &Requests,
    (database, statement): (&str, String),
    of: impl Fn(&Request) -> Option<String> + Send + Sync + 'static,
    knock: Arc<Knock>,
) -> Sabotage<Lane> {
    let (database, of, statement) = (database.to_owned(), Arc::new(of), Arc::new(statement));
    let (wire, on) = (requests.wire.clone(), requests.on.clone());
    let make: Arc<MakeRules> = Arc::new(move |lane| {
        let (wire, on, url) = (wire.clone(), on.clone(), lane.database_url(&database).ok());
        let (of, statement) = (of.clone(), statement.clone());
        let set: Arc<SetRules> = Arc::new(move |instance| {
            let (rule, mut held) = Rule::on(on.clone()).hold_request();
            let tally = instance.http(&wire).map(|wire| wire.set(rule).tally().clone());
            let (of, statement, url) = (of.clone(), statement.clone(), url.clone());
            Box::pin(async move {
                let (tally, url) = (tally?, url.ok_or(TargetError::FilesAlone)?);
                // It ends with its rule.
                tokio::spawn(async move {
                    while let Some(held) = held.next().await {
                        if let Some(parameter) = of(&held.message().request) {
                            // Where it can't be done the check stays green, and the proof says so.
                            drop(run(&url, &statement, &parameter).await);
                        }
                        held.release();
                    }
                });
                Ok(vec![tally])
            })
        });
        set
    });
    rules::knocked(turns_red, name, mistake, (Sort::Http, &requests.service), knock, make)
}

/// Where answers are held.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    /// The service that gives them.
    pub(crate) service: String,
    /// How the paths begin that are asked for.
    pub(crate) prefix: String,
}

/// Runs a statement in `database` when a request has been answered with success, before the answer is given to whoever
/// asked. `of` gives the statement's one parameter, a text, from the path; a request without it passes.
pub(crate) fn after_answers(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    answers: &Answers,
    (database, statement): (&str, String),
    of: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    knock: Arc<Knock>,
) -> Sabotage<Lane> {
    let (database, of, statement) = (database.to_owned(), Arc::new(of), Arc::new(statement));
    let prefix = answers.prefix.clone();
    let make: Arc<MakeRules> = Arc::new(move |lane| {
        let (prefix, url) = (prefix.clone(), lane.database_url(&database).ok());
        let (of, statement) = (of.clone(), statement.clone());
        let set: Arc<SetRules> = Arc::new(move |instance| {
            let (rule, mut held) = Rule::on(Match::prefix(&prefix)).hold_response();
            let tally = instance.inbound().set(rule).tally().clone();
            let (of, statement, url) = (of.clone(), statement.clone(), url.clone());
            let Some(url) = url else { return Box::pin(async { Err(TargetError::FilesAlone) }) };
            // It ends with its rule.
            tokio::spawn(async move {
                while let Some(held) = held.next().await {
                    let succeeded =
                        held.message().response.as_ref().is_some_and(|answer| answer.status < 300);
                    if let Some(parameter) = of(held.message().request.path()).filter(|_| succeeded) {
                        // Where it can't be done the check stays green, and the proof says so.
                        drop(run(&url, &statement, &parameter).await);
                    }
                    held.release();
                }
            });
            Box::pin(async { Ok(vec![tally]) })
        });
        set
    });
    rules::knocked(turns_red, name, mistake, (Sort::Http, &answers.service), knock, make)
}

async fn run(url: &str, statement: &str, parameter: &str) -> Judgement {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    let driver = tokio::spawn(connection);
    let ran = client.execute(statement, &[&parameter]).await.context("what the faulty program would do");
    driver.abort();
    ran.map(drop)
}
