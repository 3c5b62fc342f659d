//! What a runner does besides: it keeps the gauges up to date, and trims what was applied long ago.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::types::Type;

use super::Shared;
use crate::database::DatabaseError;
use crate::sql;

/// How many rows one statement of retention looks at: few enough that its transaction is short.
const PORTION: i64 = 5_000;

/// How often retention begins anew, once it has come to rows that are too young.
const TRIM_EVERY: Duration = Duration::from_secs(60);

/// Brings the gauges up to date, time and again.
pub(super) async fn observe(shared: Arc<Shared>) {
    loop {
        if let Err(error) = look(&shared).await {
            shared.failed("the gauges could not be brought up to date", &error);
        }
        sleep(shared.settings.observe).await;
    }
}

async fn look(shared: &Shared) -> Result<(), DatabaseError> {
    let limit = i32::try_from(shared.settings.max_attempts).unwrap_or(i32::MAX);
    let (mut depth, mut oldest, mut suspects) = (HashMap::new(), 0.0_f64, 0);
    for row in shared.database.query(sql::OBSERVE, &[(&limit, Type::INT4)]).await? {
        let state: String = row.try_get(1)?;
        // Infinity is somebody's hand, and no age.
        let age: f64 = row.try_get(3)?;
        if state == "due" && age.is_finite() {
            oldest = oldest.max(age);
        }
        suspects += row.try_get::<_, i64>(4)?;
        depth.insert((row.try_get(0)?, state), row.try_get(2)?);
    }
    shared.metrics.rows.set(&depth, oldest, suspects);
    Ok(())
}

/// Deletes applied rows of more than this age, by portions.
pub(super) async fn trim(shared: Arc<Shared>, keep: Duration) {
    let keep = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    let mut after = i64::MIN;
    loop {
        match portion(&shared, after, keep).await {
            Ok(Some(last)) => after = last,
            Ok(None) => {
                after = i64::MIN;
                sleep(TRIM_EVERY).await;
            }
            Err(error) => {
                shared.failed("applied propagations could not be trimmed", &error);
                sleep(TRIM_EVERY).await;
            }
        }
    }
}

/// Where to go on, or `None` at the end. Ids rise with time, and what was applied was enqueued before: so rows too young
/// to have been applied so long ago end the walk, and no index is needed for it.
async fn portion(shared: &Shared, after: i64, keep: i64) -> Result<Option<i64>, DatabaseError> {
    let params = [(&after as _, Type::INT8), (&PORTION as _, Type::INT8), (&keep as _, Type::INT8)];
    let rows = shared.database.query(sql::TRIM, &params).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (trimmed, last, young): (i64, Option<i64>, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    shared.metrics.trimmed(u64::try_from(trimmed).unwrap_or(0));
    Ok(last.filter(|_| !young))
}
