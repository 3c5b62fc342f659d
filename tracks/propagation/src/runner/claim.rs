//! Taking due rows, and which of them are not to be dispatched after all.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Shared;
use crate::database::DatabaseError;
use crate::sql;

/// A row that this runner holds.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) id: i64,
    pub(super) kind: Arc<str>,
    pub(super) team_id: Option<i64>,
    pub(super) target_tier: Option<String>,
    pub(super) payload: String,
    /// Failures so far.
    pub(super) attempts: i32,
    pub(super) hold: Hold,
}

/// What is needed to complete a row, or to give it back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    /// What the lease is known by.
    pub(super) lease: i64,
    /// When the row had been due, in seconds since the epoch; infinite if somebody put it so.
    pub(super) due: f64,
    /// By this process's clock, and never after the lease's end by the database's: counted from before the claim was sent.
    pub(super) claimed_at: Instant,
}

/// What a claim brought.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Whether there may be more: as many came as were asked for.
    pub(super) full: bool,
    /// To be dispatched, oldest first.
    pub(super) rows: Vec<Claimed>,
    /// Superseded by newer ones.
    pub(super) superseded: Vec<Claimed>,
    /// To be claimed again a little later.
    pub(super) deferred: Vec<Claimed>,
    /// When the latest of them had been due.
    pub(super) reached: f64,
}

/// Claims at most `limit` rows that are due, none of them due before `floor`.
pub(super) async fn claim(shared: Arc<Shared>, limit: usize, floor: f64) -> Result<Batch, DatabaseError> {
    let claimed_at = Instant::now();
    let lease = token();
    let micros = i64::try_from(shared.settings.lease.as_micros()).unwrap_or(i64::MAX);
    let at_most = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = shared
        .database
        .query(
            sql::CLAIM,
            &[
                (&shared.known, Type::TEXT_ARRAY),
                (&micros, Type::INT8),
                (&floor, Type::FLOAT8),
                (&at_most, Type::INT8),
                (&lease, Type::INT8),
            ],
        )
        .await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in &rows {
        // A row that cannot be read keeps nobody else from being dispatched; it costs itself a lease.
        match read(&shared, row, lease, claimed_at) {
            Ok(row) => claimed.push(row),
            Err(error) => {
                shared.failed("a claimed row could not be read; does the schema fit this build?", &error)
            }
        }
    }
    // The order of what an UPDATE returns is its own affair.
    claimed.sort_by(|a, b| a.hold.due.total_cmp(&b.hold.due).then(a.id.cmp(&b.id)));
    let reached = claimed.last().map_or(f64::NEG_INFINITY, |last| last.hold.due);
    let mut batch =
        Batch { full: limit > 0 && rows.len() >= limit, rows: claimed, reached, ..Batch::default() };
    for group in shared.registry.groups() {
        sift(&shared, group, &mut batch).await;
    }
    Ok(batch)
}

/// What this claim's leases are known by: no two runners, and no two claims of one, may share it.
fn token() -> i64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => i64::from_ne_bytes(bytes),
        // Without a source of randomness: still of this process and moment.
        Err(_) => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            i64::try_from(now.as_nanos() & 0x7fff_ffff_ffff_ffff).unwrap_or(0)
                ^ i64::from(std::process::id()) << 32
        }
    }
}

fn read(shared: &Shared, row: &Row, lease: i64, claimed_at: Instant) -> Result<Claimed, DatabaseError> {
    let kind: &str = row.try_get(1)?;
    let (lost_leases, due, now): (i32, f64, f64) = (row.try_get(6)?, row.try_get(7)?, row.try_get(8)?);
    let claimed = Claimed {
        id: row.try_get(0)?,
        kind: shared.registry.interned(kind).unwrap_or_else(|| kind.into()),
        team_id: row.try_get(2)?,
        target_tier: row.try_get(3)?,
        payload: row.try_get(4)?,
        attempts: row.try_get(5)?,
        hold: Hold { lease, due, claimed_at },
    };
    shared.metrics.claimed_after(now - due);
    if lost_leases > 0 {
        shared.metrics.lease_lost();
    }
    if i64::from(lost_leases) > i64::from(shared.settings.max_attempts) {
        let (id, kind) = (claimed.id, claimed.kind.as_ref());
        tracing::error!(
            id,
            kind,
            lost_leases,
            "a propagation loses lease after lease: does it kill its runners?"
        );
    }
    Ok(claimed)
}

/// Takes out of the batch what is superseded, or must wait, among the kinds of one group.
async fn sift(shared: &Shared, group: &[String], batch: &mut Batch) {
    let asked = |row: &Claimed| row.team_id.is_some() && group.iter().any(|kind| **kind == *row.kind);
    let ids: Vec<i64> = batch.rows.iter().filter(|row| asked(row)).map(|row| row.id).collect();
    if ids.is_empty() {
        return;
    }
    let (superseded, deferred) = match look(shared, group, &ids).await {
        Ok(found) => found,
        Err(error) => {
            shared.failed("a look for newer propagations did not succeed; the rows wait", &error);
            (HashSet::new(), ids.into_iter().collect())
        }
    };
    for row in std::mem::take(&mut batch.rows) {
        let list = match row.id {
            id if superseded.contains(&id) => &mut batch.superseded,
            id if deferred.contains(&id) => &mut batch.deferred,
            _ => &mut batch.rows,
        };
        list.push(row);
    }
}

async fn look(
    shared: &Shared,
    group: &[String],
    ids: &[i64],
) -> Result<(HashSet<i64>, HashSet<i64>), DatabaseError> {
    let params = [(&ids as _, Type::INT8_ARRAY), (&group as _, Type::TEXT_ARRAY)];
    let (mut superseded, mut deferred) = (HashSet::new(), HashSet::new());
    for row in shared.database.query(sql::SUPERSEDE, &params).await? {
        let id = row.try_get(0)?;
        if row.try_get(1)? {
            superseded.insert(id);
        } else if row.try_get(2)? {
            deferred.insert(id);
        }
    }
    Ok((superseded, deferred))
}
