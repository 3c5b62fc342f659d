//! Claims: who is about to send what, and for how long.

use std::time::Duration;

use tokio_postgres::{Client, Error};
use uuid::Uuid;

use super::cursor::BASE;
use crate::kinds::AuditRow;

/// A row that is this worker's until its lease ends.
#[derive(Debug, Clone)]
pub(super) struct Claimed {
    pub(super) row: AuditRow,
    /// Tries that have failed.
    pub(super) attempts: usize,
    pub(super) token: Uuid,
}

/// `$1` are the kinds that don't email, `$2` is how many at most, `$3` the token, `$4` the lease in seconds, `$5` what
/// this worker has in hand: should its lease run out while the worker is held up, it would ask for the row twice.
///
/// Two workers that choose the same row meet at its claim: the later one waits for the earlier to commit, sees that
/// the claim is no longer due, and goes without.
fn sql() -> String {
    format!(
        "/* forwarder claim */ WITH {BASE}, \
         fresh AS (SELECT audit.id FROM audit_log AS audit, base \
             WHERE audit.id > base.position AND audit.kind <> ALL($1::text[]) AND audit.id <> ALL($5::bigint[]) \
             AND NOT EXISTS (SELECT FROM forwarder_sent AS sent WHERE sent.audit_id = audit.id) \
             AND NOT EXISTS (SELECT FROM forwarder_claims AS held WHERE held.audit_id = audit.id \
                 AND (held.due_at > now() OR held.attempts > 0)) \
             ORDER BY audit.id LIMIT $2), \
         again AS (SELECT audit_id AS id FROM forwarder_claims \
             WHERE attempts > 0 AND due_at <= now() AND audit_id <> ALL($5::bigint[]) ORDER BY due_at LIMIT $2), \
         chosen AS (SELECT id FROM fresh UNION SELECT id FROM again ORDER BY id LIMIT $2) \
         INSERT INTO forwarder_claims (audit_id, token, due_at) \
         SELECT id, $3, now() + $4::float8 * interval '1 second' FROM chosen ORDER BY id \
         ON CONFLICT (audit_id) DO UPDATE SET token = EXCLUDED.token, due_at = EXCLUDED.due_at \
         WHERE forwarder_claims.due_at <= now() \
         RETURNING audit_id, attempts"
    )
}

/// A statement later, what another worker finished meanwhile can be seen.
const ROWS: &str = "SELECT id, kind, summary, payload FROM audit_log AS audit WHERE id = ANY($1) \
     AND NOT EXISTS (SELECT FROM forwarder_sent AS sent WHERE sent.audit_id = audit.id) ORDER BY id";

const GIVE_BACK: &str = "DELETE FROM forwarder_claims WHERE token = $1 AND audit_id <> ALL($2)";

/// Claims up to `wanted` rows, those of longest ago first, and none of those `in_hand`.
pub(super) async fn claim(
    client: &Client,
    silent: &[String],
    in_hand: &[i64],
    wanted: usize,
    lease: Duration,
) -> Result<Vec<Claimed>, Error> {
    let (token, wanted) = (Uuid::new_v4(), i64::try_from(wanted).unwrap_or(i64::MAX));
    let claims = client.query(&sql(), &[&silent, &wanted, &token, &lease.as_secs_f64(), &in_hand]).await?;
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let attempts = |id: i64| {
        let claim = claims.iter().find(|claim| claim.get::<_, i64>(0) == id);
        claim.map_or(0, |claim| usize::try_from(claim.get::<_, i32>(1)).unwrap_or(0))
    };
    let ids: Vec<i64> = claims.iter().map(|claim| claim.get(0)).collect();
    let rows = client.query(ROWS, &[&ids]).await?;
    let claimed: Vec<Claimed> = rows
        .into_iter()
        .map(|row| {
            let row = AuditRow { id: row.get(0), kind: row.get(1), summary: row.get(2), payload: row.get(3) };
            Claimed { attempts: attempts(row.id), row, token }
        })
        .collect();
    if claimed.len() < ids.len() {
        let kept: Vec<i64> = claimed.iter().map(|claimed| claimed.row.id).collect();
        client.execute(GIVE_BACK, &[&token, &kept]).await?;
    }
    Ok(claimed)
}
