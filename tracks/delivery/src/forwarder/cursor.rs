//! The cursor: below the first row that is not done.

use tokio_postgres::{Client, Error};

/// Where to look from. History from before this deployment is nobody's to send, wherever the cursor stands.
pub(super) const BASE: &str = "base AS (SELECT GREATEST(deployment.starts_after, COALESCE(\
         (SELECT position FROM forwarder_cursor WHERE name = 'forwarder'), 0)) AS position \
     FROM forwarder_deployment AS deployment)";

/// Moves it, makes it where it is gone, and writes nothing where it stands right. `$1` are the kinds that don't email,
/// `$2` is the highest settled id. A row whose last try failed is found by its claim, so the cursor passes it.
fn sql() -> String {
    format!(
        "/* forwarder cursor */ WITH {BASE}, \
         low AS (SELECT GREATEST(base.position, COALESCE((\
             SELECT audit.id - 1 FROM audit_log AS audit \
             WHERE audit.id > base.position AND audit.id <= $2 AND audit.kind <> ALL($1::text[]) \
             AND NOT EXISTS (SELECT FROM forwarder_sent AS sent WHERE sent.audit_id = audit.id) \
             AND NOT EXISTS (SELECT FROM forwarder_claims AS parked \
                 WHERE parked.audit_id = audit.id AND parked.attempts > 0) \
             ORDER BY audit.id LIMIT 1), $2)) AS position FROM base) \
         INSERT INTO forwarder_cursor (name, position) SELECT 'forwarder', low.position FROM low \
         WHERE NOT EXISTS (SELECT FROM forwarder_cursor AS stands \
             WHERE stands.name = 'forwarder' AND stands.position >= low.position) \
         ON CONFLICT (name) DO UPDATE SET position = EXCLUDED.position \
         WHERE forwarder_cursor.position < EXCLUDED.position"
    )
}

/// Brings it up to date.
pub(super) async fn advance(client: &Client, silent: &[String], settled: i64) -> Result<(), Error> {
    client.execute(&sql(), &[&silent, &settled]).await.map(drop)
}
