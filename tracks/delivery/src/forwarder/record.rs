//! Writes down what came of a row.

use std::time::Duration;

use tokio_postgres::{Client, Error};

use super::deliver::Done;
use crate::store::{LEDGER_LOCK, lock_number};

/// An email that was sent is a fact, whoever sent it: where another worker was quicker the row stays as it is, and
/// only what says that nothing was sent gives way.
const SENT: &str = "/* forwarder ledger */ INSERT INTO forwarder_sent AS ledger \
     (audit_id, sent_at, provider, provider_id, recipient, template_kind, classification) \
     VALUES ($1, now(), $2, $3, $4, $5, 'accepted') \
     ON CONFLICT (audit_id) DO UPDATE SET sent_at = EXCLUDED.sent_at, provider_id = EXCLUDED.provider_id, \
         recipient = EXCLUDED.recipient, classification = EXCLUDED.classification \
     WHERE ledger.provider_id IS NULL AND EXCLUDED.provider_id IS NOT NULL";

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
    /// The provider took it: the ledger row, and at once what its events have told already. Both under the message's
    /// lock, so that an event is seen either here or by who stores it.
    pub(super) async fn sent(
        self,
        client: &mut Client,
        done: &Done,
        provider_id: Option<&str>,
    ) -> Result<(), Error> {
        let transaction = client.transaction().await?;
        if let Some(id) = provider_id {
            transaction.query(LEDGER_LOCK, &[&vec![lock_number(self.provider, id)]]).await?;
        }
        let row: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&done.audit_id, &self.provider, &provider_id, &done.recipient, &done.kind];
        transaction.execute(SENT, &row).await?;
        if let Some(id) = provider_id {
            transaction.execute(self.ledger_sql, &[&self.provider, &vec![id]]).await?;
        }
        transaction.execute(DONE, &[&done.audit_id]).await?;
        transaction.commit().await
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
