//! `delivery.cursor`: no audit row is passed over that commits late, and a lost cursor neither replays nor loses.

use super::cause::knock;
use super::desk::connect;
use super::outbox::{Mail, Outbox, PATIENCE};
use super::tamper::on_ledger;
use crate::sabotage::rules::{self, MakeRules, SetRules};
use crate::sabotage::trigger::{self, Trigger};
use crate::sql::{ident, literal};
use sabot_engine::{
    CannotTell, Check, Context as _, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing, Sort,
};
use sabot_target::{Delivery, Lane, Target};
use sabot_wire::pg::{Match, Pattern, Rule};
use std::fmt;
use std::sync::Arc;
use tokio::time::timeout;

pub(super) const ID: &str = "delivery.cursor";

/// Emails with higher ids that are there before the late one commits; and those that make a history.
const HIGHER: usize = 3;
const HISTORY: usize = 5;

/// How often the forwarder looks for work before it is judged what it has found.
const LOOKS: usize = 6;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "ids are given before transactions commit: a row that commits late stands below the cursor and is \
                       never looked at; or the cursor is lost in a restore, and every customer gets a year of email \
                       again",
        asserts: "an audit row that commits after rows with higher ids were there is emailed, as they are, once, and one \
                  that is rolled back holds up nothing; when the cursor's row is deleted while the worker runs, is \
                  deleted or set to zero while it is down and an email waits, no email of before is asked for again \
                  and every later one goes out",
        remedy: "move the cursor no further than below the first id that a running transaction may still commit, and \
                 let the ledger, not the cursor, say what was done",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(3),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let outbox = Outbox::open(cx.lane()).await?;
    let mut history = late(cx, &outbox).await?;
    history.extend(outbox.cause(HISTORY).await?);
    outbox.entered(&history).await?;
    for loss in [Loss::Running, Loss::Down, Loss::SetBack] {
        if cx.is_red() {
            break;
        }
        history.extend(lost(cx, &outbox, loss, &history).await?);
    }
    cx.fact("emails", history.len());
    Ok(())
}

/// One transaction that commits late and one that is rolled back, both with ids below those of rows that are there.
async fn late(cx: &Cx<'_, Lane>, outbox: &Outbox<'_>) -> Judgement<Vec<Mail>> {
    let (committing, failing) = (connect(outbox.lane).await?, connect(outbox.lane).await?);
    for client in [&committing, &failing] {
        client.batch_execute("BEGIN").await.context("beginning a transaction")?;
    }
    let never = outbox.cause_by(&failing).await?;
    let late = outbox.cause_by(&committing).await?;
    let higher = outbox.cause(HIGHER).await?;
    // Time enough for a cursor to go wrong; whether these are sent meanwhile is the target's choice.
    looks(outbox).await?;
    failing.batch_execute("ROLLBACK").await.context("rolling back")?;
    committing.batch_execute("COMMIT").await.context("committing late")?;
    let mails: Vec<_> = [late.clone()].into_iter().chain(higher).collect();
    judge_once(cx, outbox, &mails, |mail| {
        let which = if *mail == late { "committed after rows with higher ids" } else { "with a higher id" };
        format!("an audit row {which}")
    })
    .await?;
    cx.examined(1);
    if !outbox.asked(&never).is_empty() {
        cx.find(Finding::new("an audit row that was rolled back", "no request", "one"));
    }
    Ok(mails)
}

/// How the cursor is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    Running,
    Down,
    SetBack,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "the cursor deleted while the worker runs",
            Self::Down => "the cursor deleted while the worker is down",
            Self::SetBack => "the cursor set to zero while the worker is down",
        })
    }
}

async fn lost(cx: &Cx<'_, Lane>, outbox: &Outbox<'_>, loss: Loss, history: &[Mail]) -> Judgement<Vec<Mail>> {
    let mut later = Vec::new();
    if loss != Loss::Running {
        outbox.kill().await?;
        later.push(outbox.cause_one().await?);
    }
    let cursor = &outbox.delivery.cursor;
    let (table, position) = (ident(&cursor.table), ident(&cursor.position));
    let of_it = format!("WHERE {} = {}", ident(&cursor.name), literal(&cursor.row));
    let statement = match loss {
        Loss::Running | Loss::Down => format!("DELETE FROM {table} {of_it}"),
        Loss::SetBack => format!("UPDATE {table} SET {position} = 0 {of_it}"),
    };
    outbox.client.execute(&statement, &[]).await.context("losing the cursor")?;
    if loss != Loss::Running {
        outbox.restart().await?;
    }
    later.push(outbox.cause_one().await?);
    outbox.entered(&later).await?;
    looks(outbox).await?;
    judge_once(cx, outbox, &later, |_| format!("{loss}: an email of thereafter")).await?;
    let again: Vec<_> = history.iter().filter(|mail| outbox.asked(mail).len() != 1).collect();
    cx.examined(history.len());
    if let Some(first) = again.first() {
        let times = outbox.asked(first).len();
        let observed = format!("{} of {} were not; the first {times} times", again.len(), history.len());
        let finding = Finding::new(format!("{loss}: the emails of before"), "each asked for once", observed);
        cx.find(finding.evidence(outbox.story(first)).evidence(outbox.last_lines()));
    }
    Ok(later)
}

/// Each of `mails` was asked for once, and the ledger has it.
async fn judge_once(
    cx: &Cx<'_, Lane>,
    outbox: &Outbox<'_>,
    mails: &[Mail],
    subject: impl Fn(&Mail) -> String,
) -> Judgement {
    let entries = outbox.entered(mails).await?;
    for mail in mails {
        cx.examined(1);
        let (asked, entered) = (outbox.asked(mail).len(), entries.contains_key(&mail.audit_id));
        if asked != 1 || !entered {
            let row = if entered { "a row" } else { "no row" };
            let finding = Finding::new(
                subject(mail),
                "one request, and a row in the ledger",
                format!("{asked} requests, and {row}"),
            );
            cx.find(finding.evidence(outbox.story(mail)).evidence(outbox.last_lines()));
        }
    }
    Ok(())
}

/// Awaits that the forwarder has looked for work some times.
async fn looks(outbox: &Outbox<'_>) -> Judgement {
    let wire = outbox.worker()?.postgres(&outbox.forwarder().database_wire)?;
    let (rule, mut seen) = Rule::on(Match::literal(&outbox.delivery.marks.claim)).notify();
    let rule = wire.set(rule).await?;
    let looked = async {
        for _ in 0..LOOKS {
            seen.next().await;
        }
    };
    let looked = timeout(PATIENCE, looked).await;
    let _closed = rule.remove().await;
    looked.map_err(|_| CannotTell::new("the forwarder no longer looks for work"))
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let (cursor, audit, ledger) = (&delivery.cursor, &delivery.audit, &delivery.ledger);
    let (table, position) = (ident(&cursor.table), ident(&cursor.position));
    let (name, row) = (ident(&cursor.name), literal(&cursor.row));
    let key = ident(&ledger.audit_id);
    let on_cursor = |id: &str, mistake: &str, fires: &'static str, body: String| {
        let (database, table) = (delivery.database.clone(), table.clone());
        trigger::put(&[ID], id, mistake, &Trigger { database, table, fires, body, deferred: false })
    };
    let moves =
        format!("UPDATE {table} SET {position} = GREATEST({position}, NEW.{key}) WHERE {name} = {row};",);
    let forgets = format!("DELETE FROM {} WHERE {key} > 0;", ident(&ledger.table));
    vec![
        trigger::put(
            &[ID],
            "highest-done",
            "the cursor is the highest id that is done, whatever may still commit below it",
            &on_ledger(delivery, "AFTER INSERT", moves),
        ),
        on_cursor(
            "cursor-is-all",
            "nothing but the cursor says what was done",
            "AFTER UPDATE OR DELETE",
            format!("IF TG_OP = 'DELETE' OR NEW.{position} < OLD.{position} THEN {forgets} END IF;"),
        ),
        on_cursor(
            "starts-at-the-end",
            "a cursor that is not there is made anew at the end of the log",
            "BEFORE INSERT",
            format!(
                "IF NOT EXISTS (SELECT FROM {table} WHERE {name} = NEW.{name}) THEN \
                 NEW.{position} := (SELECT COALESCE(max({}), 0) FROM {}); END IF;",
                ident(&audit.id),
                ident(&audit.table)
            ),
        ),
        anti_join_out(delivery),
    ]
}

/// Nobody asks the ledger any more before a row is sent.
fn anti_join_out(delivery: &Delivery) -> Sabotage<Lane> {
    let forwarder = delivery.forwarder.clone();
    let (ledger, moving) = (delivery.ledger.table.clone(), delivery.marks.cursor.clone());
    let (service, wire) = (forwarder.service, forwarder.database_wire);
    let set: Arc<SetRules> = Arc::new(move |instance| {
        let (wire, ledger, moving) = (wire.clone(), ledger.clone(), moving.clone());
        Box::pin(async move {
            let clause = Pattern::regex(&anti_join(&ledger)).unwrap_or_else(|_| Pattern::literal(&ledger));
            let asks = Match::passes(move |text| text.contains(&ledger) && !text.contains(&moving));
            let rule = Rule::on(asks).rewrite(clause, "true");
            Ok(vec![instance.postgres(&wire)?.set(rule).await?.tally().clone()])
        })
    });
    let make: Arc<MakeRules> = Arc::new(move |_| set.clone());
    let mistake =
        "the query for work is made quicker by leaving the ledger out: the cursor stands right anyhow";
    rules::knocked(&[ID], "anti-join-out", mistake, (Sort::Sql, &service), knock(), make)
}

/// Where a query leaves out what a table has.
fn anti_join(table: &str) -> String {
    format!(r#"(?i)\bNOT\s+EXISTS\s*\(\s*SELECT\b[^()]*\bFROM\s+"?{table}\b[^()]*\)"#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    #[test]
    fn the_anti_join_is_found_and_no_other() {
        let clause = Regex::new(&anti_join("sent")).unwrap();
        let query = "SELECT id FROM log WHERE NOT EXISTS (SELECT FROM sent AS s WHERE s.id = log.id) AND \
                     NOT EXISTS (SELECT FROM held WHERE (a OR b))";
        let left = "SELECT id FROM log WHERE true AND NOT EXISTS (SELECT FROM held WHERE (a OR b))";
        assert_eq!(clause.replace_all(query, "true"), left);
        assert_eq!(clause.replace_all("not exists (select 1 from \"sent\" where x)", "true"), "true");
    }
}
