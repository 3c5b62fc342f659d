//! The queue and its trail in SQL, by the names of the target's description.

use super::queue::{Entry, New, Row};
use crate::sql::{ident, micros};
use sabot_engine::{Context as _, Judgement};
use sabot_target::Propagation;
use sabot_target::delivery::AuditLog;
use sabot_target::propagation::{DeclaredKinds, Trail};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_postgres::{Client, Error};

/// Enqueues `new` in one statement, and so in one transaction; their ids, in their order.
pub(crate) async fn insert(client: &Client, propagation: &Propagation, new: &[New]) -> Judgement<Vec<i64>> {
    let queue = &propagation.queue;
    let (columns, values) = filled(propagation);
    let insert = format!(
        "INSERT INTO {} ({columns}) SELECT {values} \
         FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::integer[], $6::float8[]) \
             WITH ORDINALITY AS own (kind, team, tier, payload, attempts, due_for, place) \
         ORDER BY own.place RETURNING {}::bigint",
        ident(&queue.table),
        ident(&queue.id),
    );
    let kinds: Vec<_> = new.iter().map(|new| new.kind.as_str()).collect();
    let teams: Vec<_> = new.iter().map(|new| new.team).collect();
    let tiers: Vec<_> = new.iter().map(|new| new.tier.as_str()).collect();
    let payloads: Vec<_> = new.iter().map(|new| new.payload.as_str()).collect();
    let attempts: Vec<_> = new.iter().map(|new| new.attempts).collect();
    let due_for: Vec<_> =
        new.iter().map(|new| new.due_for.as_secs_f64() - new.due_in.as_secs_f64()).collect();
    let rows = client.query(&insert, &[&kinds, &teams, &tiers, &payloads, &attempts, &due_for]).await;
    let rows = rows.context("enqueuing propagations")?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// The columns that an insert fills, and with what: of those of the description those that there are.
fn filled(propagation: &Propagation) -> (String, String) {
    let queue = &propagation.queue;
    let kind = format!("own.kind{}", cast(propagation));
    let own = [
        (&queue.kind, kind.as_str()),
        (&queue.team_id, "own.team"),
        (&queue.target_tier, "own.tier"),
        (&queue.payload, "own.payload::jsonb"),
        (&queue.attempts, "own.attempts"),
        (&queue.next_attempt_at, "now() - make_interval(secs => own.due_for)"),
    ];
    let own = own.into_iter().filter(|(column, _)| !column.is_empty());
    let further = queue.further.iter().map(|(column, value)| (column, value.as_str()));
    let (columns, values): (Vec<_>, Vec<_>) =
        own.chain(further).map(|(column, value)| (ident(column), value)).unzip();
    (columns.join(", "), values.join(", "))
}

/// What makes a text a kind.
pub(crate) fn cast(propagation: &Propagation) -> String {
    match &propagation.declared {
        DeclaredKinds::Enum(name) => format!("::{}", ident(name)),
        DeclaredKinds::Constraint(_) | DeclaredKinds::Table { .. } => String::new(),
    }
}

/// The propagations of `ids`.
pub(crate) async fn rows(
    client: &Client,
    propagation: &Propagation,
    ids: &[i64],
) -> Judgement<BTreeMap<i64, Row>> {
    read(client, propagation, &propagation.queue.id, ids).await
}

/// The propagations about `teams`.
pub(crate) async fn rows_about(
    client: &Client,
    propagation: &Propagation,
    teams: &[i64],
) -> Judgement<BTreeMap<i64, Row>> {
    read(client, propagation, &propagation.queue.team_id, teams).await
}

async fn read(
    client: &Client,
    propagation: &Propagation,
    by: &str,
    values: &[i64],
) -> Judgement<BTreeMap<i64, Row>> {
    let queue = &propagation.queue;
    let time = |column: &str| micros(&ident(column));
    let select = format!(
        "SELECT {id}::bigint, {kind}::text, {attempts}::integer, {next}, {last}, {error}, {applied}, {failed}, {held}, \
             {lost}, to_jsonb(queue)::text FROM {table} AS queue WHERE {by} = ANY ($1::bigint[])",
        id = ident(&queue.id),
        kind = ident(&queue.kind),
        attempts = ident(&queue.attempts),
        next = time(&queue.next_attempt_at),
        last = time(&queue.last_attempt_at),
        error = column(&queue.last_error, "text"),
        applied = time(&queue.applied_at),
        failed = time(&queue.failed_at),
        held = held(propagation),
        lost = column(&queue.lost_leases, "integer"),
        table = ident(&queue.table),
        by = ident(by),
    );
    let rows = client.query(&select, &[&values]).await.context("reading propagations")?;
    let row = |row: &tokio_postgres::Row| {
        let found = Row {
            kind: row.try_get(1)?,
            attempts: row.try_get(2)?,
            next_attempt_at: row.try_get(3)?,
            last_attempt_at: row.try_get(4)?,
            last_error: row.try_get(5)?,
            applied_at: row.try_get(6)?,
            failed_at: row.try_get(7)?,
            held: row.try_get(8)?,
            lost_leases: row.try_get(9)?,
            whole: row.try_get(10)?,
        };
        Ok::<_, Error>((row.try_get(0)?, found))
    };
    rows.iter().map(row).collect::<Result<_, _>>().context("reading propagations")
}

/// A column that there may not be, as one of this type.
fn column(name: &str, kind: &str) -> String {
    if name.is_empty() { format!("NULL::{kind}") } else { format!("{}::{kind}", ident(name)) }
}

/// The longest for which an instance that a check has started claims a row, where its settings say so.
const LONGEST: Duration = Duration::from_secs(10);

/// Whether somebody's lease on a row lives, as a condition. Where no column says so, one that is due within a lease is
/// taken for held: every wait after a failure is longer.
fn held(propagation: &Propagation) -> String {
    let (queue, runner) = (&propagation.queue, &propagation.runner);
    let due = ident(&queue.next_attempt_at);
    if !queue.lease.is_empty() {
        return format!("({} IS NOT NULL AND {due} > now())", ident(&queue.lease));
    }
    let interval = |time: Duration| format!("interval '{} microseconds'", time.as_micros());
    // What was never attempted does not wait after a failure, so it may be held by whoever runs at other settings.
    format!(
        "(COALESCE({applied}, {failed}) IS NULL AND {due} > now() AND {due} <= now() \
          + CASE WHEN {last} IS NULL THEN {longest} ELSE {lease} END)",
        applied = ident(&queue.applied_at),
        failed = ident(&queue.failed_at),
        last = ident(&queue.last_attempt_at),
        longest = interval(runner.lease.max(runner.default_lease).max(LONGEST)),
        lease = interval(runner.lease),
    )
}

/// How many of `ids` no transaction has locked.
pub(crate) async fn unlocked(client: &Client, propagation: &Propagation, ids: &[i64]) -> Judgement<i64> {
    let queue = &propagation.queue;
    let select = format!(
        "SELECT count(*) FROM (SELECT FROM {} WHERE {} = ANY ($1::bigint[]) FOR UPDATE SKIP LOCKED) AS free",
        ident(&queue.table),
        ident(&queue.id),
    );
    let row = client.query_one(&select, &[&ids]).await.context("asking which propagations are locked")?;
    Ok(row.try_get(0)?)
}

/// How many of `ids` nobody has attempted.
pub(crate) async fn unattempted(client: &Client, propagation: &Propagation, ids: &[i64]) -> Judgement<i64> {
    let queue = &propagation.queue;
    let select = format!(
        "SELECT count(*) FROM {} WHERE {} = ANY ($1::bigint[]) AND COALESCE({}, {}, {}) IS NULL",
        ident(&queue.table),
        ident(&queue.id),
        ident(&queue.last_attempt_at),
        ident(&queue.applied_at),
        ident(&queue.failed_at),
    );
    let row = client.query_one(&select, &[&ids]).await.context("counting propagations")?;
    Ok(row.try_get(0)?)
}

/// The audit rows about `ids`, in order.
pub(crate) async fn trail(
    client: &Client,
    audit: &AuditLog,
    trail: &Trail,
    ids: &[i64],
) -> Judgement<BTreeMap<i64, Vec<Entry>>> {
    let about = format!("{} ->> {}", ident(&audit.payload), crate::sql::literal(&trail.id));
    let select = format!(
        "SELECT {about}, {}, {}, {}, {}, {} FROM {} WHERE {about} = ANY ($1) ORDER BY {}",
        ident(&audit.kind),
        ident(&audit.team_id),
        ident(&audit.summary),
        ident(&audit.payload),
        micros(&ident(&audit.created_at)),
        ident(&audit.table),
        ident(&audit.id),
    );
    let texts: Vec<_> = ids.iter().map(i64::to_string).collect();
    let rows = client.query(&select, &[&texts]).await.context("reading the audit log")?;
    let mut entries: BTreeMap<i64, Vec<Entry>> = BTreeMap::new();
    for row in &rows {
        let id: String = row.try_get(0)?;
        let entry = Entry {
            kind: row.try_get(1)?,
            team: row.try_get(2)?,
            summary: row.try_get(3)?,
            payload: row.try_get(4)?,
            created_at: row.try_get(5)?,
        };
        entries.entry(id.parse().context("reading the audit log")?).or_default().push(entry);
    }
    Ok(entries)
}

/// Makes those of `ids` due now that nobody holds; how many these were.
pub(crate) async fn move_forward(client: &Client, propagation: &Propagation, ids: &[i64]) -> Judgement<u64> {
    let queue = &propagation.queue;
    let update = format!(
        "UPDATE {} SET {} = now() WHERE {} = ANY ($1::bigint[]) AND NOT {}",
        ident(&queue.table),
        ident(&queue.next_attempt_at),
        ident(&queue.id),
        held(propagation),
    );
    client.execute(&update, &[&ids]).await.context("moving propagations forward")
}

/// Takes away propagations of these teams and ids, and the teams.
pub(crate) async fn clear(
    client: &Client,
    propagation: &Propagation,
    teams: &[i64],
    ids: &[i64],
) -> Judgement {
    let queue = &propagation.queue;
    let delete = format!(
        "DELETE FROM {} WHERE {} = ANY ($1::bigint[]) OR {} = ANY ($2::bigint[])",
        ident(&queue.table),
        ident(&queue.team_id),
        ident(&queue.id)
    );
    client.execute(&delete, &[&teams, &ids]).await.context("taking propagations away")?;
    for statement in &propagation.subject.clear {
        client.execute(statement, &[&teams]).await.context("taking teams away")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
