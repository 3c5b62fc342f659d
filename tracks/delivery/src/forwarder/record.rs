//! Writes down what came of a row.

use std::time::Duration;

use tokio_postgres::{Client, Error, Transaction};
use uuid::Uuid;

use super::deliver::Done;
use crate::store::{LEDGER_LOCK, lock_number, reference_lock};

/// An email that was sent is a fact, whoever sent it: where another worker was quicker the row stays as it is, and
/// only what says that nothing was sent gives way.
const SENT: &str = "/* forwarder ledger */ INSERT INTO forwarder_sent AS ledger \
     (audit_id, sent_at, provider, provider_id, recipient, template_kind, classification, reference) \
     VALUES ($1, now(), $2, $3, $4, $5, 'accepted', $6) \
     ON CONFLICT (audit_id) DO UPDATE SET sent_at = EXCLUDED.sent_at, provider_id = EXCLUDED.provider_id, \
         recipient = EXCLUDED.recipient, classification = EXCLUDED.classification, reference = EXCLUDED.reference \
     WHERE ledger.provider_id IS NULL AND EXCLUDED.provider_id IS NOT NULL";

/// Which message events that were there before have named.
const NAMED: &str = "SELECT provider_id FROM delivery_references WHERE provider = $1 AND reference = $2";

const DROPPED: &str = "/* forwarder ledger */ INSERT INTO forwarder_sent \
     (audit_id, sent_at, provider, recipient, template_kind, classification) \
     VALUES ($1, now(), $2, $3, $4, 'permanent_drop') ON CONFLICT (audit_id) DO NOTHING";

const DONE: &str = "DELETE FROM forwarder_claims WHERE audit_id = $1";

const DONE_IF_MINE: &str = "DELETE FROM forwarder_claims WHERE audit_id = $1 AND token = $2";

/// `$3` is how many tries have failed now, `$4` in how many seconds the next is due.
const LATER: &str = "/* forwarder retry */ UPDATE forwarder_claims \
     SET attempts = $3, due_at = now() + $4::float8 * interval '1 second', last_error = $5 \
     WHERE audit_id = $1 AND token = $2";

/// Who writes: the provider's name, and the statement that brings a ledger row in line with the stored events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen<'a> {
    pub(super) provider: &'static str,
    pub(super) ledger_sql: &'a str,
}

impl Pen<'_> {
    /// The provider took it, and told the message's id or did not.
    pub(super) async fn sent(
        self,
        client: &mut Client,
        done: &Done,
        provider_id: Option<&str>,
        reference: Uuid,
    ) -> Result<(), Error> {
        match provider_id {
            Some(id) => self.sent_as(client, done, id, reference).await,
            None => match self.sent_unnamed(client, done, reference).await? {
                Some(id) => self.sent_as(client, done, &id, reference).await,
                None => Ok(()),
            },
        }
    }

    /// The ledger row, and at once what its events have told already. Both under the message's lock, so that an event
    /// is seen either here or by who stores it.
    async fn sent_as(
        self,
        client: &mut Client,
        done: &Done,
        provider_id: &str,
        reference: Uuid,
    ) -> Result<(), Error> {
        let transaction = client.transaction().await?;
        transaction.query(LEDGER_LOCK, &[&vec![lock_number(self.provider, provider_id)]]).await?;
        self.enter(&transaction, done, Some(provider_id), reference).await?;
        transaction.execute(self.ledger_sql, &[&self.provider, &vec![provider_id]]).await?;
        transaction.commit().await
    }

    /// The ledger row without an id, unless an event has told it: then nothing is written, and the id given. Under the
    /// reference's lock, so that either this sees the event or who stores it sees this row.
    async fn sent_unnamed(
        self,
        client: &mut Client,
        done: &Done,
        reference: Uuid,
    ) -> Result<Option<String>, Error> {
        let transaction = client.transaction().await?;
        transaction.query(LEDGER_LOCK, &[&vec![reference_lock(self.provider, reference)]]).await?;
        if let Some(named) = transaction.query_opt(NAMED, &[&self.provider, &reference]).await? {
            transaction.rollback().await?;
            return named.try_get(0).map(Some);
        }
        self.enter(&transaction, done, None, reference).await?;
        transaction.commit().await.map(|()| None)
    }

    async fn enter(
        self,
        transaction: &Transaction<'_>,
        done: &Done,
        provider_id: Option<&str>,
        reference: Uuid,
    ) -> Result<(), Error> {
        let row: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [&done.audit_id, &self.provider, &provider_id, &done.recipient, &done.kind, &reference];
        transaction.execute(SENT, &row).await?;
        transaction.execute(DONE, &[&done.audit_id]).await.map(drop)
    }

    /// It never will be sent. Only who still has the claim may say so: another may be sending it.
    pub(super) async fn dropped(self, client: &mut Client, done: &Done) -> Result<(), Error> {
        let transaction = client.transaction().await?;
        if transaction.execute(DONE_IF_MINE, &[&done.audit_id, &done.token]).await? == 1 {
            let row: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                [&done.audit_id, &self.provider, &done.recipient, &done.kind];
            transaction.execute(DROPPED, &row).await?;
        }
        transaction.commit().await
    }
}

/// It is tried again `after` this time, having failed as often as `attempts`.
pub(super) async fn later(
    client: &Client,
    done: &Done,
    attempts: usize,
    after: Duration,
    why: &str,
) -> Result<(), Error> {
    let attempts = i32::try_from(attempts).unwrap_or(i32::MAX);
    let seconds = after.as_secs_f64();
    client.execute(LATER, &[&done.audit_id, &done.token, &attempts, &seconds, &why]).await.map(drop)
}
