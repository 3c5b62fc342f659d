//! The statements on events and ledger. Each is marked, so that it is recognised in a log and on the wire.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::event::DeclaredEvent;

/// Locks messages: `$1` are their [lock numbers](lock_number), in rising order.
pub(crate) const LEDGER_LOCK: &str =
    "/* delivery lock */ SELECT count(pg_advisory_xact_lock(number)) FROM unnest($1::bigint[]) AS number";

/// Stores events; one that is there already stays as it is. `$1` is the provider, the rest are columns.
pub(super) const STORE: &str = "/* delivery store */ INSERT INTO delivery_events \
     (provider, provider_id, recipient_digest, event, event_time, link, raw) \
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[]) \
     ON CONFLICT DO NOTHING";

/// Which of the messages `$2` of provider `$1` the ledger knows.
pub(super) const KNOWN: &str = "/* delivery known */ SELECT provider_id FROM forwarder_sent \
     WHERE provider = $1 AND provider_id = ANY($2::text[])";

/// Keeps, for who writes the ledger row later, which message `$2` carries which reference `$3`; the first one told stays.
pub(super) const NAME: &str = "INSERT INTO delivery_references (provider, provider_id, reference) \
     SELECT $1, * FROM unnest($2::text[], $3::uuid[]) ON CONFLICT DO NOTHING";

/// Gives the ledger rows that lack their message's id the one that was told of their reference.
pub(super) const ADOPT: &str = "/* delivery adopt */ UPDATE forwarder_sent AS ledger SET provider_id = named.provider_id \
     FROM unnest($2::text[], $3::uuid[]) AS told (id, reference) JOIN delivery_references AS named \
         ON named.provider = $1 AND named.reference = told.reference AND named.provider_id = told.id \
     WHERE ledger.provider = $1 AND ledger.reference = named.reference AND ledger.provider_id IS NULL";

/// The number of a message's lock.
pub(crate) fn lock_number(provider: &str, provider_id: &str) -> i64 {
    let digest = Sha256::new().chain_update(provider).chain_update([0]).chain_update(provider_id).finalize();
    digest.first_chunk().map_or(0, |first| i64::from_be_bytes(*first))
}

/// The number of a reference's lock.
pub(crate) fn reference_lock(provider: &str, reference: Uuid) -> i64 {
    lock_number(provider, &format!("reference {reference}"))
}

/// Brings the rows of the messages `$2` of provider `$1` in line with the stored events, and gives those messages that
/// have a row; touches only what differs, so that a replay writes nothing.
///
/// The latest event decides, of several at one time the most severe. The greatest time of an event that stamps is the
/// time of delivery; it never goes back, not even when old events have been deleted.
///
/// Message by message (`LATERAL`, which `OFFSET 0` keeps apart), so that each is looked up in the index: of a table that
/// was never analysed the planner believes that a provider has few events, and would read them all.
pub(crate) fn ledger_sql(declared: &[DeclaredEvent]) -> String {
    let mut values = String::new();
    for event in declared {
        let separator = if values.is_empty() { "" } else { ", " };
        let (name, classification) = (event.event, event.classification.as_str());
        let (rank, stamps) = (event.classification.rank(), event.stamps_delivered_at);
        // Writing to a string cannot fail. The words are our own: no quotes in them.
        let _written = write!(values, "{separator}('{name}', '{classification}', {rank}, {stamps})");
    }
    format!(
        "/* delivery ledger */ WITH declared (event, classification, severity, stamps) AS (VALUES {values}), \
         known AS MATERIALIZED (SELECT entry.* FROM unnest($2::text[]) AS message (id) \
             CROSS JOIN LATERAL (SELECT ledger.audit_id, ledger.provider_id, ledger.classification, \
                 ledger.delivered_at FROM forwarder_sent AS ledger \
                 WHERE ledger.provider = $1 AND ledger.provider_id = message.id OFFSET 0) AS entry), \
         told AS (SELECT known.audit_id, events.classification, \
                 GREATEST(known.delivered_at, events.delivered_at) AS delivered_at \
             FROM known CROSS JOIN LATERAL (SELECT \
                 (array_agg(declared.classification ORDER BY stored.event_time DESC, declared.severity))[1] \
                     AS classification, \
                 max(stored.event_time) FILTER (WHERE declared.stamps) AS delivered_at \
                 FROM delivery_events AS stored JOIN declared ON declared.event = stored.event \
                 WHERE stored.provider = $1 AND stored.provider_id = known.provider_id) AS events \
             WHERE events.classification IS NOT NULL \
             AND (known.classification, known.delivered_at) IS DISTINCT FROM \
                 (events.classification, GREATEST(known.delivered_at, events.delivered_at))), \
         changed AS (UPDATE forwarder_sent AS ledger \
             SET classification = told.classification, delivered_at = told.delivered_at \
             FROM told WHERE ledger.audit_id = told.audit_id) \
         SELECT provider_id FROM known"
    )
}
