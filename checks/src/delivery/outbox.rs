//! The outbox of a check: it causes emails by audit rows of its own, past the wires, and looks at what the provider was
//! asked, what it took, and what the ledger says of it.

use super::desk::{connect, delivery};
use crate::sql::ident;
use sabot_engine::{CannotTell, Context as _, Judgement};
use sabot_target::brevo::{Brevo, Call};
use sabot_target::delivery::{AuditKind, Forwarder};
use sabot_target::{Delivery, Instance, Lane, Signal};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, timeout};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

/// The longest that anything is awaited: the end of a lease, the forwarder's next look, its send, its row.
pub(crate) const PATIENCE: Duration = Duration::from_secs(12);

/// How often a table is looked at while something is awaited there; there is no event to await from outside.
const POLL: Duration = Duration::from_millis(20);

/// How many of the worker's last lines are shown.
const LINES: usize = 4;

/// An email of the check's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// The audit row that causes it.
    pub(crate) audit_id: i64,
    /// Whom it goes to; nobody else's.
    pub(crate) recipient: String,
}

/// What the ledger says of an email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) classification: Option<String>,
    pub(crate) provider_id: Option<String>,
}

/// See the module.
pub(crate) struct Outbox<'a> {
    pub(crate) lane: &'a Lane,
    pub(crate) delivery: &'a Delivery,
    pub(crate) brevo: &'a Brevo,
    /// A connection past the wires.
    pub(crate) client: Client,
}

impl<'a> Outbox<'a> {
    pub(crate) async fn open(lane: &'a Lane) -> Judgement<Self> {
        let delivery = delivery(lane);
        let client = connect(lane).await?;
        Ok(Self { lane, delivery, brevo: lane.brevo()?, client })
    }

    /// What sends the email.
    pub(crate) const fn forwarder(&self) -> &'a Forwarder {
        &self.delivery.forwarder
    }

    /// The instance that sends.
    pub(crate) fn worker(&self) -> Judgement<&'a Instance> {
        Ok(self.lane.service(&self.forwarder().service)?)
    }

    /// Causes `count` emails.
    pub(crate) async fn cause(&self, count: usize) -> Judgement<Vec<Mail>> {
        let mut mails = Vec::with_capacity(count);
        for _ in 0..count {
            mails.push(self.cause_by(&self.client).await?);
        }
        Ok(mails)
    }

    /// Causes one email.
    pub(crate) async fn cause_one(&self) -> Judgement<Mail> {
        self.cause_by(&self.client).await
    }

    /// Causes one email in whatever transaction `client` is in.
    pub(crate) async fn cause_by(&self, client: &Client) -> Judgement<Mail> {
        let recipient = recipient();
        let kind = emailing(self.delivery)?;
        let payload = self.payload(kind, Some(&recipient));
        let audit_id = self.write(client, &kind.kind, &payload).await?;
        Ok(Mail { audit_id, recipient })
    }

    /// A payload as the target writes it.
    pub(crate) fn payload(&self, kind: &AuditKind, recipient: Option<&str>) -> Value {
        let mut payload: Value = serde_json::from_str(&kind.payload).unwrap_or_default();
        if let Some(recipient) = recipient {
            payload[&self.delivery.audit.recipient] = recipient.into();
        }
        payload
    }

    /// Writes an audit row, and gives its id.
    pub(crate) async fn write(&self, client: &Client, kind: &str, payload: &Value) -> Judgement<i64> {
        let audit = &self.delivery.audit;
        let columns = [&audit.kind, &audit.actor, &audit.summary, &audit.payload].map(|column| ident(column));
        let (table, id) = (ident(&audit.table), ident(&audit.id));
        let insert =
            format!("INSERT INTO {table} ({}) VALUES ($1, $2, $3, $4) RETURNING {id}", columns.join(", "));
        let values: [&(dyn ToSql + Sync); 4] = [&kind, &"sabot", &"an email of a check", payload];
        Ok(client.query_one(&insert, &values).await.context("writing an audit row")?.try_get(0)?)
    }

    /// What the ledger says of `mails`, by audit id.
    pub(crate) async fn entries(&self, mails: &[Mail]) -> Judgement<BTreeMap<i64, Entry>> {
        let ids: Vec<_> = mails.iter().map(|mail| mail.audit_id).collect();
        let ledger = &self.delivery.ledger;
        let select = format!(
            "SELECT {id}, {}::text, {}::text FROM {} WHERE {id} = ANY($1)",
            ident(&ledger.classification),
            ident(&ledger.provider_id),
            ident(&ledger.table),
            id = ident(&ledger.audit_id),
        );
        let rows = self.client.query(&select, &[&ids]).await.context("reading the ledger")?;
        let entry = |row: &tokio_postgres::Row| {
            let entry = Entry { classification: row.try_get(1)?, provider_id: row.try_get(2)? };
            Ok::<_, tokio_postgres::Error>((row.try_get(0)?, entry))
        };
        rows.iter().map(entry).collect::<Result<_, _>>().context("reading the ledger")
    }

    /// Awaits that `shows` is true of what the ledger says of `mails`; then, or when patience ends, what it says.
    pub(crate) async fn awaited(
        &self,
        mails: &[Mail],
        shows: impl Fn(&BTreeMap<i64, Entry>) -> bool,
    ) -> Judgement<BTreeMap<i64, Entry>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let entries = self.entries(mails).await?;
            if shows(&entries) || Instant::now() >= deadline {
                return Ok(entries);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Awaits that the ledger has each of `mails`.
    pub(crate) async fn entered(&self, mails: &[Mail]) -> Judgement<BTreeMap<i64, Entry>> {
        self.awaited(mails, |entries| entries.len() == mails.len()).await
    }

    /// The requests to send `mail`, taken or refused.
    pub(crate) fn asked(&self, mail: &Mail) -> Vec<Call> {
        let to_it = |call: &Call| call.email.as_ref().is_some_and(|email| email.to.contains(&mail.recipient));
        let mut calls = self.brevo.sends();
        calls.retain(to_it);
        calls
    }

    /// What was asked for `mail`, for evidence.
    pub(crate) fn story(&self, mail: &Mail) -> String {
        let asked = self.asked(mail);
        let first = asked.first().map(|call| call.at);
        let told = asked.iter().map(|call| {
            let after = first.and_then(|first| call.at.duration_since(first).ok()).unwrap_or_default();
            format!("{} after {} ms", call.status, after.as_millis())
        });
        format!("audit row {}: answered {}", mail.audit_id, told.collect::<Vec<_>>().join(", "))
    }

    /// The last lines that the worker printed, for evidence.
    pub(crate) fn last_lines(&self) -> String {
        self.worker().map(|worker| worker.log(LINES).join("\n")).unwrap_or_default()
    }

    /// How often the provider has sent `mail`.
    pub(crate) fn taken(&self, mail: &Mail) -> usize {
        self.brevo.sent().iter().filter(|message| message.email.to.contains(&mail.recipient)).count()
    }

    /// Kills the worker and awaits its end; nothing else of the lane is touched.
    pub(crate) async fn kill(&self) -> Judgement {
        let worker = self.worker()?;
        worker.signal(Signal::KILL).await?;
        let ended = timeout(PATIENCE, worker.exited()).await;
        ended.map(drop).map_err(|_| CannotTell::new(format!("{} outlived SIGKILL", worker.service())))
    }

    /// Starts the worker again, or anew.
    pub(crate) async fn restart(&self) -> Judgement {
        Ok(self.lane.restart(&self.forwarder().service).await?)
    }

    /// Ends what is left of a claim on `mail`. Only to be done while nobody works on it.
    pub(crate) async fn end_lease(&self, mail: &Mail) -> Judgement {
        let claims = &self.forwarder().claims;
        let (table, due, id) = (ident(&claims.table), ident(&claims.due_at), ident(&claims.audit_id));
        let update = format!("UPDATE {table} SET {due} = now() WHERE {id} = $1");
        self.client.execute(&update, &[&mail.audit_id]).await.context("ending a lease")?;
        Ok(())
    }
}

/// A kind that emails.
pub(crate) fn emailing(delivery: &Delivery) -> Judgement<&AuditKind> {
    let kind = delivery.forwarder.kinds.iter().find(|kind| kind.emails);
    kind.ok_or_else(|| CannotTell::new("the target's description has no kind that emails"))
}

/// An address that no other email goes to.
pub(crate) fn recipient() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    format!("bob.{now}.{number}@example.com")
}
