//! Sabotage that reacts: while a request of a service, or its answer, is held on a wire, what the faulty program would
//! have done by then is done by SQL.

use super::rules::{self, Knock, MakeRules, SetRules};
use sabot_engine::{Context as _, Judgement, Sabotage, Sort};
use sabot_target::{Instance, Lane, TargetError};
use sabot_wire::hold::Hold;
use sabot_wire::http::{HeldRequest, Match, Request, Response, Rule};
use sabot_wire::rule::Tally;
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
    statement: (&str, String),
    of: impl Fn(&Request) -> Option<String> + Send + Sync + 'static,
    knock: Arc<Knock>,
) -> Sabotage<Lane> {
    let held = requests.clone();
    let hold = move |instance: &Instance| {
        let (rule, hold) = Rule::on(held.on.clone()).hold_request();
        Ok((instance.http(&held.wire)?.set(rule).tally().clone(), hold))
    };
    let of = move |held: &HeldRequest| of(&held.request);
    let make = reacting(Arc::new(hold), statement, Arc::new(of));
    rules::knocked(turns_red, name, mistake, (Sort::Http, &requests.service), knock, make)
}

/// Where answers are held.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    /// The service that gives them.
    pub(crate) service: String,
    /// To which requests.
    pub(crate) on: Match,
}

/// Runs a statement in `database` when a request has been answered with success, before the answer is given to whoever
/// asked. `of` gives the statement's one parameter, a text; a request without it passes.
pub(crate) fn after_answers(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    answers: &Answers,
    statement: (&str, String),
    of: impl Fn(&Request) -> Option<String> + Send + Sync + 'static,
    knock: Arc<Knock>,
) -> Sabotage<Lane> {
    let on = answers.on.clone();
    let hold = move |instance: &Instance| {
        let (rule, hold) = Rule::on(on.clone()).hold_response();
        Ok((instance.inbound().set(rule).tally().clone(), hold))
    };
    let of = move |held: &HeldRequest| {
        let succeeded = held.response.as_ref().is_some_and(|answer| answer.status < 300);
        of(&held.request).filter(|_| succeeded)
    };
    let make = reacting(Arc::new(hold), statement, Arc::new(of));
    rules::knocked(turns_red, name, mistake, (Sort::Http, &answers.service), knock, make)
}

/// Holds messages of one instance.
type SetHold = dyn Fn(&Instance) -> Result<(Tally, Hold<HeldRequest, Response>), TargetError> + Send + Sync;

/// The parameter of the statement that a held message asks for.
type Parameter = dyn Fn(&HeldRequest) -> Option<String> + Send + Sync;

fn reacting(hold: Arc<SetHold>, (database, statement): (&str, String), of: Arc<Parameter>) -> Arc<MakeRules> {
    let (database, statement) = (database.to_owned(), Arc::new(statement));
    Arc::new(move |lane| {
        let (hold, url) = (hold.clone(), lane.database_url(&database).ok());
        let (of, statement) = (of.clone(), statement.clone());
        let set: Arc<SetRules> = Arc::new(move |instance| {
            let held = hold(instance);
            let (of, statement, url) = (of.clone(), statement.clone(), url.clone());
            Box::pin(async move {
                let ((tally, hold), url) = (held?, url.ok_or(TargetError::FilesAlone)?);
                // It ends with its rule.
                tokio::spawn(react(hold, url, statement, of));
                Ok(vec![tally])
            })
        });
        set
    })
}

async fn react(
    mut hold: Hold<HeldRequest, Response>,
    url: String,
    statement: Arc<String>,
    of: Arc<Parameter>,
) {
    while let Some(held) = hold.next().await {
        if let Some(parameter) = of(held.message()) {
            // Where it can't be done the check stays green, and the proof says so.
            drop(run(&url, &statement, &parameter).await);
        }
        held.release();
    }
}

async fn run(url: &str, statement: &str, parameter: &str) -> Judgement {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    let driver = tokio::spawn(connection);
    let ran = client.execute(statement, &[&parameter]).await.context("what the faulty program would do");
    driver.abort();
    ran.map(drop)
}
