//! `contract.audit-known`: no row of the audit log is of a kind that the registry does not know.

use super::entries::{Entries, contract};
use crate::propagation::cause::on_trail;
use crate::propagation::desk::{Desk, PATIENCE};
use crate::propagation::downstream::{StandIn, applied};
use crate::propagation::http::ask;
use crate::propagation::queue::Row;
use crate::sabotage::schema;
use crate::sql::{ident, literal};
use sabot_engine::{CannotTell, Check, Context as _, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, SchemaLever, Target};
use serde_json::{Value, json};

pub(crate) const ID: &str = "contract.audit-known";

/// How the kinds begin that checks write themselves, and that no target has.
pub(crate) const OWN: &str = "sabot.";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a kind is written whose constant no pattern finds, spelled in a statement or put together at run \
                       time: the registry is complete by all that it knows, and the event passes everybody by",
        asserts: "after a team was made and every documented change was made by the target's own means and carried out, \
                  each row of the whole audit log is of a kind that has an entry; rows that checks wrote under kinds of \
                  their own are left aside",
        remedy: "declare the kind where the others are declared, and give it an entry; what was written under a wrong name \
                 gets the right one by a migration",
        needs: &[Need::Files, Need::Services, Need::Database, Need::Wires],
        walks: Some("the kinds of the audit log"),
        sharing: Sharing::Last,
        deadline: PATIENCE.saturating_mul(2),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let entries = Entries::read(cx.lane())?;
    let desk = Desk::open(cx.lane()).await?;
    cause(&desk).await?;
    let (mut looked_at, mut own) = (0, 0);
    let kinds = kinds(&desk).await?;
    for kind in &kinds {
        if kind.name.starts_with(OWN) {
            own += kind.rows;
            continue;
        }
        looked_at += kind.rows;
        if entries.count(&kind.name) == 0 {
            let subject = format!("{} rows of the audit log of the kind `{}`", kind.rows, kind.name);
            let finding = Finding::new(subject, format!("an entry in {}", entries.document), "none");
            cx.find(finding.evidence(format!("the first is {}", kind.first)));
        }
    }
    cx.examined(usize::try_from(looked_at)?);
    cx.fact("rows of the audit log", looked_at);
    cx.fact("kinds among them", kinds.iter().filter(|kind| !kind.name.starts_with(OWN)).count());
    cx.fact("rows that checks wrote under kinds of their own, left aside", own);
    desk.clear().await
}

/// Makes a team and the documented changes by the target's own means, and awaits what follows from them.
async fn cause(desk: &Desk<'_>) -> Judgement {
    let described = desk.propagation.downstream.clone();
    let _downstream = StandIn::answering(desk, move |_| applied(&described))?;
    found(desk).await?;
    for change in &desk.propagation.changes {
        let subject = desk.subject_at(&change.from).await?;
        let reply = desk.change(&subject, &change.to).await?;
        if !reply.is_success() {
            return Err(CannotTell::new(format!("{} was answered {}", change.what, reply.sketch())));
        }
        let ids: Vec<_> = desk.rows_about(&[subject]).await?.into_keys().collect();
        let rows = desk.awaited(&ids, Row::is_applied).await?;
        if !rows.values().all(Row::is_applied) {
            return Err(CannotTell::new(format!("{} was not carried out", change.what)));
        }
    }
    Ok(())
}

/// Makes a team, where the target says how, and takes it away.
async fn found(desk: &Desk<'_>) -> Judgement {
    let Some(founding) = &contract(desk.lane).founding else { return Ok(()) };
    let name = format!("sabot contract {}", desk.now().await?);
    let instance = desk.lane.service(&founding.service)?;
    let body = json!({ &founding.name: name });
    let post = (reqwest::Method::POST, founding.path.as_str());
    let reply = ask(desk.lane, instance, post, &founding.credential, Some(body)).await?;
    let id = reply.json().get(&founding.id).and_then(Value::as_i64).filter(|_| reply.is_success());
    let id = id.ok_or_else(|| CannotTell::new(format!("making a team was answered {}", reply.sketch())))?;
    for statement in &desk.propagation.subject.clear {
        desk.client.execute(statement, &[&vec![id]]).await.context("taking a team away")?;
    }
    Ok(())
}

/// A kind as it stands in the audit log.
struct Kind {
    name: String,
    rows: i64,
    /// The id of its first row.
    first: String,
}

/// Every kind of the whole audit log.
async fn kinds(desk: &Desk<'_>) -> Judgement<Vec<Kind>> {
    let audit = desk.audit;
    let select = format!(
        "SELECT {kind}::text, count(*), min({})::text FROM {} GROUP BY 1 ORDER BY 1",
        ident(&audit.id),
        ident(&audit.table),
        kind = ident(&audit.kind),
    );
    let rows = desk.client.query(&select, &[]).await.context("reading the audit log")?;
    let kind = |row: &tokio_postgres::Row| {
        let name: Option<String> = row.try_get(0)?;
        Ok(Kind { name: name.unwrap_or_default(), rows: row.try_get(1)?, first: row.try_get(2)? })
    };
    rows.iter().map(kind).collect::<Result<_, tokio_postgres::Error>>().context("reading the audit log")
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let mut sabotages = vec![
        written_as(
            target,
            "put-together",
            "the kind is put together at run time, and one part of it changes",
            &target.propagation.trail.applied,
        ),
        retired(target),
    ];
    if let Some(change) = target.propagation.changes.first() {
        let mistake = "a kind is renamed in the statement that writes it, where no pattern looks";
        sabotages.push(written_as(target, "renamed-in-a-statement", mistake, &change.audited));
    }
    sabotages
}

/// Rows of `kind` are written under another name; undone, they get their own back.
fn written_as(target: &Target, name: &str, mistake: &str, kind: &str) -> Sabotage<Lane> {
    let audit = target.audit_log();
    let (column, right, wrong) = (ident(&audit.kind), literal(kind), literal(&format!("{kind}.v2")));
    let body = format!("IF NEW.{column} = {right} THEN NEW.{column} := {wrong}; END IF;");
    let put = on_trail(target, "BEFORE INSERT", body).lever(name);
    let table = ident(&audit.table);
    let undo = format!("{}; UPDATE {table} SET {column} = {right} WHERE {column} = {wrong}", put.undo);
    schema::changed(&[ID], name, mistake, &SchemaLever { undo, ..put })
}

/// A row of a kind that was retired with its entry.
fn retired(target: &Target) -> Sabotage<Lane> {
    let audit = target.audit_log();
    let (table, kind) = (ident(&audit.table), ident(&audit.kind));
    let of_it = format!("{table} WHERE {kind} = 'sabotage.retired'");
    let lever = SchemaLever {
        database: target.delivery.database.clone(),
        change: format!(
            "INSERT INTO {table} ({kind}, {}, {}) VALUES ('sabotage.retired', 'sabot', 'an event of last year')",
            ident(&audit.actor),
            ident(&audit.summary)
        ),
        look: format!("SELECT EXISTS (SELECT FROM {of_it})"),
        undo: format!("DELETE FROM {of_it}"),
    };
    let mistake = "a kind is retired with its entry, and whoever replays the log no longer knows its rows";
    schema::changed(&[ID], "retired-with-rows", mistake, &lever)
}
