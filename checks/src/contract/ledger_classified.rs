//! `contract.ledger-classified`: no row of the ledger stays without a word on what became of the email.

mod sabotages;

pub(super) use sabotages::sabotages;

use super::entries::{Entries, contract};
use crate::delivery::outbox::{Mail, Outbox, PATIENCE, recipient};
use crate::sql::ident;
use sabot_engine::{CannotTell, Check, Context as _, Cx, Finding, Judgement, Level, Need, Sharing};
use sabot_target::Lane;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::Instant;

pub(crate) const ID: &str = "contract.ledger-classified";

/// How much older than the limit the check's own rows are made.
const BEYOND: Duration = Duration::from_secs(60);

/// How often the claims are looked at; there is no event to await from outside.
const POLL: Duration = Duration::from_millis(20);

/// The most rows that are told of one by one.
const TOLD: i64 = 10;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "rows of the ledger say nothing of what became of the email: they are in no count of bounces and in \
                       no list of what is overdue, and the ledger looks healthier the more there are of them",
        asserts: "after emails of each kind that emails, no row of the whole ledger that is older than promised has a \
                  classification that is empty or null",
        remedy: "write the classification with the row, and forbid an empty one in the schema; backfill what was written \
                 before",
        needs: &[Need::Files, Need::Services, Need::Database],
        walks: Some("the entries of the registry of kinds that email, and the rows of the ledger"),
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(2),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let entries = Entries::read(cx.lane())?;
    let outbox = Outbox::open(cx.lane()).await?;
    let mails = cause(&outbox, &entries).await?;
    let entered = outbox.entered(&mails).await?.len();
    settled(&outbox, &mails).await?;
    let within = contract(cx.lane()).classified_within;
    age(&outbox, &mails, within + BEYOND).await?;
    look(cx, &outbox, within).await?;
    cx.fact("emails of its own", mails.len());
    if entered < mails.len() {
        return Err(CannotTell::new(format!("{entered} of {} emails reached the ledger", mails.len())));
    }
    Ok(())
}

/// An email of each kind that emails.
async fn cause(outbox: &Outbox<'_>, entries: &Entries<'_>) -> Judgement<Vec<Mail>> {
    let mut mails = Vec::new();
    for (entry, email) in entries.emailing() {
        let recipient = recipient();
        let described = outbox.forwarder().kinds.iter().find(|kind| kind.kind == entry.kind);
        let mut payload = described.map_or_else(
            || {
                Value::Object(
                    email.fields.iter().map(|field| (field.clone(), "sabot".into())).collect::<Map<_, _>>(),
                )
            },
            |kind| outbox.payload(kind, None),
        );
        payload[&outbox.delivery.audit.recipient] = recipient.as_str().into();
        let audit_id = outbox.write(&outbox.client, &entry.kind, &payload).await?;
        mails.push(Mail { audit_id, recipient });
    }
    Ok(mails)
}

fn ids(mails: &[Mail]) -> Vec<i64> {
    mails.iter().map(|mail| mail.audit_id).collect()
}

/// Awaits that nothing is in flight for `mails`: nobody holds a claim on them.
async fn settled(outbox: &Outbox<'_>, mails: &[Mail]) -> Judgement {
    let claims = &outbox.forwarder().claims;
    let select =
        format!("SELECT count(*) FROM {} WHERE {} = ANY ($1)", ident(&claims.table), ident(&claims.audit_id));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let held: i64 =
            outbox.client.query_one(&select, &[&ids(mails)]).await.context("counting claims")?.try_get(0)?;
        if held == 0 {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(CannotTell::new(format!("{held} emails were still in flight after {PATIENCE:?}")));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Moves the rows of `mails` back in time.
async fn age(outbox: &Outbox<'_>, mails: &[Mail], by: Duration) -> Judgement {
    let ledger = &outbox.delivery.ledger;
    let update = format!(
        "UPDATE {} SET {} = now() - make_interval(secs => $2) WHERE {} = ANY ($1)",
        ident(&ledger.table),
        ident(&ledger.sent_at),
        ident(&ledger.audit_id)
    );
    let moved = outbox.client.execute(&update, &[&ids(mails), &by.as_secs_f64()]).await;
    moved.map(drop).context("moving ledger rows back in time")
}

async fn look(cx: &Cx<'_, Lane>, outbox: &Outbox<'_>, within: Duration) -> Judgement {
    let (ledger, audit) = (&outbox.delivery.ledger, &outbox.delivery.audit);
    // A row that has no time of its own is as old as what caused it.
    let old = format!(
        "SELECT row.{key} AS key, row.{template}::text AS template, row.{classification}::text AS classification \
         FROM {table} AS row LEFT JOIN {log} AS log ON log.{id} = row.{key} \
         WHERE coalesce(row.{sent_at}, log.{created_at}) < now() - make_interval(secs => $1)",
        key = ident(&ledger.audit_id),
        template = ident(&ledger.template_kind),
        classification = ident(&ledger.classification),
        table = ident(&ledger.table),
        log = ident(&audit.table),
        id = ident(&audit.id),
        sent_at = ident(&ledger.sent_at),
        created_at = ident(&audit.created_at),
    );
    let client = &outbox.client;
    let unclassified = "classification IS NULL OR btrim(classification) = ''";
    let count = format!("SELECT count(*), count(*) FILTER (WHERE {unclassified}) FROM ({old}) AS old");
    let row = client.query_one(&count, &[&within.as_secs_f64()]).await.context("counting the ledger")?;
    let (looked_at, empty): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    cx.examined(usize::try_from(looked_at)?);
    cx.fact("ledger rows looked at", looked_at);
    let list = format!(
        "SELECT key::text, template, classification FROM ({old}) AS old WHERE {unclassified} ORDER BY key LIMIT $2"
    );
    let rows = client.query(&list, &[&within.as_secs_f64(), &TOLD]).await.context("reading the ledger")?;
    for row in &rows {
        let (key, template): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        let classification: Option<String> = row.try_get(2)?;
        let subject = format!("the ledger row {key} (`{}`)", template.unwrap_or_default());
        let observed = classification.map_or("null".to_owned(), |text| format!("`{text}`"));
        let finding = Finding::new(subject, format!("a classification within {within:?}"), observed);
        cx.find(finding.evidence(format!("{empty} of {looked_at} rows of this age have none")));
    }
    Ok(())
}
