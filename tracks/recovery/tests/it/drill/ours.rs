//! What `backup` takes, `drill` restores: the whole way, with both kinds of backup.

use super::source::{SHOP_ROWS, folder, source};
use super::{drill, passed, request};
use sabot_recovery::backup::postgres::{Kind, backup};
use sabot_recovery::backup::{Done, Request};
use sabot_recovery::drill::Source;
use sabot_recovery::report::{Outcome, Verified};
use sabot_recovery::store::{Choice, Store};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_ours_drills_green() {
    let folder = folder();
    let store = Store::open(&folder.path().display().to_string()).unwrap();
    let config = source().await.config("shop");
    for kind in [Kind::Logical, Kind::Physical] {
        let limit = Duration::from_secs(120);
        let job = if kind == Kind::Logical { "logical" } else { "physical" };
        let wanted = Request {
            store: store.clone(),
            job: job.to_owned(),
            keep: None,
            due: None,
            limit,
            stop: CancellationToken::new(),
        };
        let Done::Taken(taken) = backup(&config, kind, &wanted, |_| {}).await.unwrap() else {
            panic!("not taken")
        };
        assert!(!taken.manifest.sha256.is_empty());
        let drilled = Source::Job { store: store.clone(), job: job.to_owned(), choice: Choice::Newest };
        let report = drill(&request(drilled)).await;
        match report.content {
            Verified::Equal { rows, .. } => {
                passed(&report);
                assert!(rows > SHOP_ROWS);
            }
            // Its digests were not taken.
            Verified::Counted { .. } if kind == Kind::Physical => {
                assert_eq!(
                    (report.outcome, &report.problems[..]),
                    (Outcome::Unverified, &[][..]),
                    "{report:#?}"
                );
            }
            _ => panic!("{report:#?}"),
        }
    }
}
