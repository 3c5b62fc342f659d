//! Up to which id the audit log is settled: no transaction is left that could still commit a lower one.
//!
//! An `INSERT` takes a `RowExclusiveLock` on its table before it draws the id, and its transaction keeps that lock to
//! its end. So whoever drew one of the ids up to M has, at any later moment, either ended or still holds the lock.
//! First M is read from the sequence (which no snapshot hides), then who holds the lock. Once none of those holds it
//! any more, every id up to M is committed or never will be. Those who come later draw higher ids; they are not waited
//! for, so that a busy table settles too.
//!
//! The horizon of running transaction ids would not do: an id is drawn before its transaction has one of its own.

use std::collections::HashSet;

use tokio_postgres::{Client, Error};

const LAST_DRAWN: &str =
    "SELECT COALESCE(pg_sequence_last_value(pg_get_serial_sequence('audit_log', 'id')::regclass), 0)";

const HOLDERS: &str = "SELECT DISTINCT virtualtransaction FROM pg_locks \
     WHERE locktype = 'relation' AND relation = 'audit_log'::regclass AND mode = 'RowExclusiveLock' AND granted \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// A prepared transaction goes on under another name than the one it had while it ran.
const PREPARED: &str = "-1/";

/// What is settled, and what is about to be.
#[derive(Debug, Default)]
pub(super) struct Settled {
    up_to: i64,
    next: Option<Next>,
}

#[derive(Debug)]
struct Next {
    up_to: i64,
    holders: HashSet<String>,
}

impl Settled {
    /// Looks again, and gives the highest id of which it is known.
    pub(super) async fn look(&mut self, client: &Client) -> Result<i64, Error> {
        if let Some(next) = &mut self.next {
            let now = holders(client).await?;
            next.holders.retain(|holder| now.contains(holder));
            next.holders.extend(now.into_iter().filter(|holder| holder.starts_with(PREPARED)));
        } else {
            let up_to: i64 = client.query_one(LAST_DRAWN, &[]).await?.get(0);
            if up_to <= self.up_to {
                return Ok(self.up_to);
            }
            self.next = Some(Next { up_to, holders: holders(client).await? });
        }
        if let Some(next) = self.next.take_if(|next| next.holders.is_empty()) {
            self.up_to = next.up_to;
        }
        Ok(self.up_to)
    }
}

async fn holders(client: &Client) -> Result<HashSet<String>, Error> {
    Ok(client.query(HOLDERS, &[]).await?.into_iter().map(|row| row.get(0)).collect())
}
