//! The runner's statements as they stand on the wire: for `EXPLAIN`, and for measuring what the database alone can do.
//!
//! Everything that is a decision about a row is made here, by the database's clock and on the row as it is: what is
//! due, when the next attempt is, whether that was the last one, whether the runner that completes still holds it.

use crate::audit::Audit;

/// Takes due rows, oldest first, and hides them for a lease.
///
/// Parameters: `$1 text[]` the kinds that have a handler; `$2 bigint` the lease in microseconds; `$3 float8` rows due
/// before this are left out (seconds since the epoch, `-Infinity` for none); `$4 bigint` how many at most; `$5 bigint`
/// what the lease is known by.
///
/// `FOR UPDATE SKIP LOCKED` never waits for a row that another holds; and PostgreSQL looks at a row's condition once
/// more after it has locked it, so that a row which another has claimed in between is left alone. A kind without a
/// handler is left to newer runners until it has been due for a lease: by a `CASE`, of which the planner expects that
/// half the rows pass it. Of an `OR` in its place it expects next to none, and sorts the whole table instead of reading
/// the first few entries of the index.
pub const CLAIM: &str = "/* propagation claim */
WITH due AS MATERIALIZED (
    SELECT id, next_attempt_at, lease
    FROM pending_propagations
    WHERE applied_at IS NULL AND failed_at IS NULL
        AND next_attempt_at <= now() AND next_attempt_at >= to_timestamp($3)
        AND CASE WHEN kind::text = ANY ($1) THEN true ELSE next_attempt_at <= now() - $2 * interval '1 microsecond' END
    ORDER BY next_attempt_at
    LIMIT $4
    FOR UPDATE SKIP LOCKED
)
UPDATE pending_propagations AS p
SET next_attempt_at = now() + $2 * interval '1 microsecond',
    lease = $5,
    lost_leases = p.lost_leases + (due.lease IS NOT NULL)::integer
FROM due
WHERE p.id = due.id
RETURNING p.id, p.kind::text, p.team_id, p.target_tier, p.payload::text, p.attempts, p.lost_leases,
    extract(epoch FROM due.next_attempt_at)::float8, extract(epoch FROM now())::float8";

/// The fence: only who holds the lease, and only while it lives, changes a row.
///
/// Its last two conditions are put so that no index serves them: rows are found by their ids. Statistics that lag behind
/// an outage say that few rows are due later, and the planner would read all of them instead.
const FENCE: &str = "p.id = e.id AND p.lease = e.lease AND p.next_attempt_at + interval '0' > now()
        AND coalesce(p.applied_at, p.failed_at) IS NULL";

/// Completes what succeeded, with its audit rows, and returns the ids that the fence let through.
///
/// Parameters: `$1 bigint[]` ids; `$2 bigint[]` what each one's lease is known by; `$3 text[]` why it was skipped, null
/// where it was applied; `$4 text` the actor.
#[must_use]
pub fn applied(audit: &Audit) -> String {
    let trail = audit.after(
        "SELECT 'propagation.applied' AS kind, team_id, $4::text AS actor,
            'propagation ' || id || ' (' || kind || ') ' || coalesce('skipped: ' || skipped, 'applied') AS summary,
            jsonb_build_object('propagation_id', id, 'propagation_kind', kind, 'target_tier', target_tier,
                'failures', attempts, 'skipped', skipped) AS payload
        FROM ended",
    );
    format!(
        "/* propagation complete */
WITH ended AS (
    UPDATE pending_propagations AS p
    SET applied_at = now(), last_attempt_at = now(), last_error = NULL, lease = NULL
    FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS e (id, lease, skipped)
    WHERE {FENCE}
    RETURNING p.id, p.kind::text AS kind, p.team_id, p.target_tier, p.attempts, e.skipped
){trail}
SELECT id FROM ended"
    )
}

/// Completes what failed, with its audit rows, and returns id, attempts and whether it is dead now.
///
/// Parameters: `$1 bigint[]` ids; `$2 bigint[]` what each one's lease is known by; `$3 text[]` errors; `$4 text[]`
/// reasons; `$5 text` the actor; `$6 bigint[]` the schedule in microseconds; `$7 integer` how many attempts there are.
#[must_use]
pub fn failed(audit: &Audit) -> String {
    let trail = audit.after(
        "SELECT CASE WHEN NOT dead THEN 'propagation.retrying'
                WHEN reason = 'unknown_kind' THEN 'propagation.unknown_kind_dead_lettered'
                ELSE 'propagation.dead_lettered' END AS kind,
            team_id, $5::text AS actor,
            'propagation ' || id || ' (' || kind || ') ' || CASE WHEN dead THEN 'failed its last attempt, '
                ELSE 'retries after attempt ' END || attempts AS summary,
            jsonb_build_object('propagation_id', id, 'propagation_kind', kind, 'target_tier', target_tier,
                'failures', attempts, 'reason', reason, 'error', error,
                'next_attempt_at', CASE WHEN NOT dead THEN next_attempt_at END) AS payload
        FROM ended
        UNION ALL
        SELECT 'propagation.unexpected_skip', team_id, $5::text,
            'propagation ' || id || ' (' || kind || ') was skipped for a reason not known to be harmless',
            jsonb_build_object('propagation_id', id, 'propagation_kind', kind, 'failures', attempts, 'error', error)
        FROM ended WHERE reason = 'unexpected_skip'",
    );
    format!(
        "/* propagation complete */
WITH ended AS (
    UPDATE pending_propagations AS p
    SET attempts = p.attempts + 1,
        last_attempt_at = now(),
        last_error = e.error,
        next_attempt_at = now() + ($6::bigint[])[least(p.attempts + 1, cardinality($6::bigint[]))]
            * interval '1 microsecond',
        failed_at = CASE WHEN p.attempts + 1 >= $7 THEN now() END,
        lease = NULL
    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) AS e (id, lease, error, reason)
    WHERE {FENCE}
    RETURNING p.id, p.kind::text AS kind, p.team_id, p.target_tier, p.attempts, p.next_attempt_at,
        p.failed_at IS NOT NULL AS dead, e.error, e.reason
){trail}
SELECT id, attempts, dead FROM ended"
    )
}

/// Gives back what was claimed and not dispatched, so that it costs neither an attempt nor a lease.
///
/// Parameters: `$1 bigint[]` ids; `$2 bigint[]` what each one's lease is known by; `$3 float8[]` when each had been due,
/// null for one that is to wait; `$4 bigint` how long that one waits, in microseconds.
pub const RELEASE: &str = "/* propagation release */
UPDATE pending_propagations AS p
SET next_attempt_at = coalesce(to_timestamp(e.due), now() + $4 * interval '1 microsecond'), lease = NULL
FROM unnest($1::bigint[], $2::bigint[], $3::float8[]) AS e (id, lease, due)
WHERE p.id = e.id AND p.lease = e.lease AND coalesce(p.applied_at, p.failed_at) IS NULL
RETURNING p.id";

/// Which of these claimed rows a newer one has superseded, and which must wait for an older one that is in flight.
///
/// Parameters: `$1 bigint[]` ids; `$2 text[]` the kinds that set the same thing.
///
/// It is asked after the claim has committed. So of two rows of a team whichever is claimed first is seen by the other:
/// a newer one that was not yet there when the older was asked about was claimed later, and finds it leased. Both are
/// looked up by team: the time is compared so that the index of due rows, which holds everything leased, does not serve.
pub const SUPERSEDE: &str = "/* propagation supersede */
SELECT p.id,
    EXISTS (
        SELECT FROM pending_propagations AS newer
        WHERE newer.team_id = p.team_id AND newer.id > p.id AND newer.kind::text = ANY ($2)
    ),
    EXISTS (
        SELECT FROM pending_propagations AS older
        WHERE older.team_id = p.team_id AND older.id < p.id AND older.kind::text = ANY ($2)
            AND older.lease IS NOT NULL AND older.next_attempt_at + interval '0' > now() AND older.id <> ALL ($1)
            AND older.applied_at IS NULL AND older.failed_at IS NULL
    )
FROM pending_propagations AS p
WHERE p.id = ANY ($1)";

/// What the gauges show: for each kind and state how many rows, the greatest age of a due one in seconds, and how many
/// have lost more leases than `$1 integer`.
pub(crate) const OBSERVE: &str = "/* propagation observe */
SELECT kind::text,
    CASE WHEN lease IS NOT NULL AND next_attempt_at > now() THEN 'leased'
        WHEN next_attempt_at > now() THEN 'scheduled' ELSE 'due' END AS state,
    count(*),
    (extract(epoch FROM now()) - extract(epoch FROM min(next_attempt_at)))::float8,
    count(*) FILTER (WHERE lost_leases > $1)
FROM pending_propagations
WHERE applied_at IS NULL AND failed_at IS NULL
GROUP BY 1, 2
UNION ALL
SELECT kind::text, 'dead', count(*), 0, 0 FROM pending_propagations WHERE failed_at IS NOT NULL GROUP BY 1";

/// Deletes a portion of the rows that were applied long ago, walking by id from `$1 bigint`, `$2 bigint` rows at a time,
/// those applied `$3 bigint` microseconds ago or earlier. Returns how many went, the last id looked at, and whether
/// younger rows begin there.
pub(crate) const TRIM: &str = "/* propagation trim */
WITH looked AS MATERIALIZED (
    SELECT id, created_at, applied_at FROM pending_propagations WHERE id > $1 ORDER BY id LIMIT $2
), trimmed AS (
    DELETE FROM pending_propagations AS p USING looked
    WHERE p.id = looked.id AND looked.applied_at < now() - $3 * interval '1 microsecond'
    RETURNING 1
)
SELECT (SELECT count(*) FROM trimmed), max(id),
    coalesce(max(created_at) >= now() - $3 * interval '1 microsecond', true)
FROM looked";
