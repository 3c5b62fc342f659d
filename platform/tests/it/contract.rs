//! Who consumes which kind: as it is declared, as it is printed, as it is committed, and as the database knows it.

use sabot_contract::source::{Constants, postgres, read_registry};
use sabot_platform::kind::Kind;

use crate::database::migrated;
use crate::process::{WORKER, run};

const RENEW: &str = "cargo run -p sabot-platform --bin sabot-worker -- contract > platform/contract.json";

#[tokio::test]
async fn the_committed_export_is_what_the_worker_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/contract.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let output = run(WORKER, &["contract"], &[]).await;
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        committed == printed,
        "platform/contract.json is out of date; in the root folder do\n    {RENEW}"
    );
    let (registry, _) = read_registry("contract.json", path.as_ref()).unwrap();
    assert_eq!(registry, Kind::registry());
}

#[tokio::test]
async fn every_kind_of_the_source_is_accounted_for_and_propagates_as_the_database_knows() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/kind.rs").into();
    let declared = Constants::new(r#"^ +[A-Z]\w+ = "([^"]+)" =>"#).unwrap();
    let declared = declared.read(&[("platform/src/kind.rs".to_owned(), source)]).unwrap();
    assert_eq!(declared.len(), Kind::ALL.len());
    let database = migrated().await;
    let client = database.connect().await.unwrap();
    let propagations = postgres::enum_values(&client, "propagation_kind").await.unwrap();
    assert_eq!(Kind::registry().audit(&declared, &propagations), []);
}
