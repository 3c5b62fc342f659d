//! What a description comes to.

use super::{WHOLE, described, mistakes};
use sabot_target::{FileError, Target};
use std::path::Path;
use std::time::Duration;

#[test]
fn a_description_of_everything_is_right() {
    assert_eq!(mistakes(WHOLE), []);
    let target = described(WHOLE).unwrap();
    assert_eq!(target.name, "orders");
    assert_eq!(target.left_out, []);
    assert_eq!(target.services.len(), 3);
    assert_eq!(target.service("api").unwrap().start_limit, Duration::from_secs(10));
    assert_eq!(target.readiness.matrix[0].period, Duration::from_millis(500));
}

#[test]
fn what_is_left_out_has_the_contracts_default() {
    let target = described(WHOLE).unwrap();
    let embedded = Target::embedded();
    assert_eq!(target.readiness.shape.rows, embedded.readiness.shape.rows);
    assert_eq!(target.readiness.matrix[1].period, Duration::from_secs(10));
    assert_eq!(target.delivery.severity, embedded.delivery.severity);
    assert_eq!(target.propagation.runner.schedule, embedded.propagation.runner.schedule);
    assert_eq!(target.propagation.runner.lease, Duration::from_secs(300));
}

#[test]
fn a_track_without_a_table_is_left_out_and_says_so() {
    let target = described("[services.api]\ncommand = [\"sh\"]\nlisten_env = \"PORT\"\n").unwrap();
    for track in ["readiness", "delivery", "propagation", "recovery", "contract"] {
        assert_eq!(target.left_out(track), Some(format!("sabot.toml has no [{track}]").as_str()));
    }
    assert_eq!(target.left_out("alerts"), None);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Target::from_file(Path::new("/nowhere/sabot.toml")).unwrap_err();
    assert!(matches!(error, FileError::Unreadable { .. }));
    assert!(error.to_string().contains("/nowhere/sabot.toml"), "{error}");
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_in_the_order_of_lines() {
    let text = WHOLE
        .replace("start_limit = \"10s\"", "start_limit = \"ten\"")
        .replace("path = \"/ready\"", "pat = \"/ready\"")
        .replace("dependency = \"payments\"", "dependency = \"payments\"\nservise = \"api\"")
        .replace("{secret:api_token}", "{secret:api_tokn}");
    let keys: Vec<_> = mistakes(&text).into_iter().map(|mistake| mistake.key).collect();
    assert_eq!(
        keys,
        ["services.api.start_limit", "services.api.env.TOKEN", "readiness.pat", "readiness.matrix.servise"]
    );
    let told = described(&text).unwrap_err().to_string();
    assert!(
        told.starts_with("sabot.toml is wrong in 4 places; nothing was started\n  sabot.toml:18:"),
        "{told}"
    );
}

#[test]
fn the_smallest_file_of_the_documentation_is_right() {
    let text = include_str!("../../../../docs/src/configuration.md");
    let (_, rest) = text.split_once("```toml\n").unwrap();
    let (smallest, _) = rest.split_once("```").unwrap();
    // Its interpreter may be missing here.
    assert_eq!(mistakes(&smallest.replace("python3", "sh")), []);
}
