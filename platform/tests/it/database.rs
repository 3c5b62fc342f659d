//! Databases of a test's own.

use sabot_sandbox::postgres::{Fresh, fresh_database};

use crate::process::{API, printed, run};

/// A fresh database with the platform's schema.
pub(crate) async fn migrated() -> Fresh {
    let fresh = fresh_database().await.unwrap();
    let output = run(API, &["migrate"], &[("SABOT_DATABASE_URL", &fresh.url())]).await;
    assert!(output.status.success(), "{}", printed(&output));
    fresh
}
