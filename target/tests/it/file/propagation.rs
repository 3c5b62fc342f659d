//! A queue that has less than the contract names: what may be said of it, and what does not go together.

use super::{WHOLE, described, mistakes};
use sabot_target::propagation::Part;

/// Put into `[propagation]` of the description of everything.
fn saying(lines: &str) -> String {
    let (before, after) = WHOLE.split_once("declared = { enum = \"order_task\" }\n").unwrap();
    format!("{before}{lines}\ndeclared = {{ enum = \"order_task\" }}\n{after}")
}

#[test]
fn a_queue_with_a_table_a_runner_and_a_downstream_alone_is_described() {
    let text = saying(
        r#"without = ["trail", "metrics", "dead_letters", "bell", "patience", "redaction"]
queue.table = "shop.tasks"
queue.payload = ""
queue.created_at = ""
queue.lost_leases = ""
queue.ring = ""
runner.env.concurrency = ""
downstream.outcome = ""
marks = { claim = "FOR UPDATE SKIP LOCKED", complete = "", fence = [] }"#,
    );
    let text = text.replace("[propagation.queue.further]\nshop = \"1\"", "");
    let text = text.replace("[propagation.audit]\ntable = \"shop.activity\"", "");
    let text = text.replace("audited = \"order.upgraded\"\n", "").replace("unreadable = '\"free\"'\n", "");
    let text = text
        .replace("[propagation.runner]\n", "")
        .replace("database_wire = \"db\"\ndownstream_wire = \"shipping\"", "");
    let text = text.replace("[propagation.downstream]\nservice = \"shipping\"\n", "");
    let text = text.replace(
        "runner.env.concurrency = \"\"",
        "runner.database_wire = \"db\"\nrunner.downstream_wire = \"shipping\"\nrunner.env.concurrency = \"\"\n\
         downstream.service = \"shipping\"",
    );
    assert_eq!(mistakes(&text), []);
    let propagation = described(&text).unwrap().propagation;
    assert!(
        !propagation.has(Part::Trail) && propagation.has(Part::Registry) && propagation.has(Part::Superseded)
    );
    assert!(!propagation.downstream.says_outcome());
    let columns: Vec<_> = propagation.queue.columns().into_iter().map(|(key, _)| key).collect();
    assert!(!columns.contains(&"payload") && columns.contains(&"last_error"));
}

#[test]
fn what_is_said_of_a_part_that_is_left_out_is_a_mistake() {
    for (lines, key, what) in [
        ("without = [\"metrix\"]", "propagation.without", "did you mean `metrics`?"),
        (
            "without = [\"bell\"]\nqueue.ring = \"ring\"",
            "propagation.queue.ring",
            "no notification of an enqueue",
        ),
        (
            "without = [\"metrics\"]\nmetrics.late = \"late\"",
            "propagation.metrics",
            "propagation has no metrics",
        ),
        (
            "without = [\"dead_letters\"]\ndead_letters.path = \"/dead\"",
            "propagation.dead_letters",
            "leave this out",
        ),
        ("without = [\"registry\"]", "propagation.registry", "take that out of `without`"),
        ("without = [\"superseded\"]", "propagation.kinds.superseded", "say false here"),
        ("without = [\"patience\"]\nmarks.patience = \"x\"", "propagation.marks.patience", "leave this out"),
        ("without = [\"redaction\"]\nqueue.error_limit = 9", "propagation.queue.error_limit", "no redaction"),
        ("queue.table = \"\"", "propagation.queue.table", "is no table"),
        ("queue.table = \"a.b.c\"", "propagation.queue.table", "shop.tasks"),
        ("queue.attempts = \"\"", "propagation.queue.attempts", "without this column"),
        (
            "queue.applied_at = \"failed_at\"",
            "propagation.queue.failed_at",
            "is the column of `applied_at` already",
        ),
        ("queue.payload = \"shop\"", "propagation.queue.further.shop", "is the column of `payload` already"),
        (
            "marks.fence = []\nmarks.unfenced = [\"true\"]",
            "propagation.marks.unfenced",
            "of which there are 0",
        ),
        ("marks.claim = \"\"", "propagation.marks.claim", "FOR UPDATE SKIP LOCKED"),
    ] {
        let found = mistakes(&saying(lines));
        assert_eq!(found.len(), 1, "{lines}: {found:?}");
        assert!(found[0].key == key && found[0].what.contains(what), "{lines}: {found:?}");
        assert!(found[0].line > 100, "{found:?}");
    }
}

#[test]
fn a_queue_without_an_audit_log_has_no_audit_rows_of_any_kind() {
    let text = saying("without = [\"trail\"]");
    let found = mistakes(&text);
    let keys: Vec<_> = found.iter().map(|mistake| mistake.key.as_str()).collect();
    assert_eq!(keys, ["propagation.audit", "propagation.changes.audited"]);
    assert!(found.iter().all(|mistake| mistake.what.contains("propagation has no audit log")), "{found:?}");
    assert_eq!(mistakes(&saying("trail.unexpected_skip = \"\"")), []);
}

#[test]
fn what_does_not_go_together_in_a_table_of_its_own_is_a_mistake() {
    for (old, new, key, what) in [
        ("shop = \"1\"", "shop = \" \"", "propagation.queue.further.shop", "as SQL has them"),
        (
            "downstream_wire = \"shipping\"",
            "downstream_wire = \"shipping\"\nenv.poll = \"POLL SECONDS\"",
            "propagation.runner.env.poll",
            "no name of an environment variable",
        ),
        (
            "service = \"shipping\"\n\n[propagation.registry]",
            "service = \"shipping\"\noutcome = \"\"\nharmless = [\"done\"]\n\n[propagation.registry]",
            "propagation.downstream.harmless",
            "status alone",
        ),
        (
            "[propagation.queue.further]",
            "[propagation.queue]\nlease = \"\"\n\n[propagation.queue.further]",
            "propagation.runner.schedule",
            "no column `lease`",
        ),
    ] {
        assert!(WHOLE.contains(old), "{old}");
        let found = mistakes(&WHOLE.replacen(old, new, 1));
        assert_eq!(found.len(), 1, "{new}: {found:?}");
        assert!(found[0].key == key && found[0].what.contains(what), "{new}: {found:?}");
    }
}
