//! A queue that is not ours: in a schema, under other names, and with less in it.

use super::*;
use crate::propagation::queue::Subject;
use sabot_sandbox::postgres::{Fresh, fresh_database};
use sabot_target::Target;

const SCHEMA: &str = "
    CREATE SCHEMA shop;
    CREATE TABLE shop.tasks (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, type text CHECK (type IN ('reprice')),
        customer_id integer, plan varchar(20), tries smallint NOT NULL DEFAULT 0, run_at timestamptz, tried_at timestamptz,
        done_at timestamptz, dead_at timestamptz, shop_id integer NOT NULL, land text NOT NULL
    );";

/// A queue without a column for who holds a row, what it says, what went wrong, and when it came.
fn stranger() -> Propagation {
    let mut propagation = Target::embedded().propagation;
    propagation.declared = DeclaredKinds::Constraint("tasks_type_check".into());
    let queue = &mut propagation.queue;
    for (column, name) in [
        (&mut queue.table, "shop.tasks"),
        (&mut queue.kind, "type"),
        (&mut queue.team_id, "customer_id"),
        (&mut queue.target_tier, "plan"),
        (&mut queue.attempts, "tries"),
        (&mut queue.next_attempt_at, "run_at"),
        (&mut queue.last_attempt_at, "tried_at"),
        (&mut queue.applied_at, "done_at"),
        (&mut queue.failed_at, "dead_at"),
        (&mut queue.payload, ""),
        (&mut queue.last_error, ""),
        (&mut queue.created_at, ""),
        (&mut queue.ring, ""),
        (&mut queue.lease, ""),
        (&mut queue.lost_leases, ""),
    ] {
        *column = name.to_owned();
    }
    queue.further = vec![("shop_id".into(), "1".into()), ("land".into(), "'eu'".into())];
    propagation.subject.clear = Vec::new();
    propagation
}

async fn opened() -> (Fresh, Client, Propagation) {
    let database = fresh_database().await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute(SCHEMA).await.unwrap();
    (database, client, stranger())
}

fn due(team: i64) -> New {
    let kind = sabot_target::propagation::PropagationKind {
        kind: "reprice".into(),
        payload: "{}".into(),
        unreadable: String::new(),
        superseded: false,
    };
    New::about(&Subject { team, resource: 1 }, &kind, "pro".into())
}

#[tokio::test]
async fn rows_are_written_and_read_by_the_columns_that_there_are() {
    let (_database, client, propagation) = opened().await;
    let ids = insert(&client, &propagation, &[due(7).attempts(3), due(8)]).await.unwrap();
    let found = rows(&client, &propagation, &ids).await.unwrap();
    let row = &found[&ids[0]];
    assert_eq!((row.kind.as_str(), row.attempts, row.held), ("reprice", 3, false));
    assert_eq!((&row.last_error, row.lost_leases, row.last_attempt_at), (&None, None, None));
    assert!(
        row.whole.contains("\"land\": \"eu\"") && row.whole.contains("\"plan\": \"pro\""),
        "{}",
        row.whole
    );
    let about: Vec<_> = rows_about(&client, &propagation, &[8]).await.unwrap().into_keys().collect();
    assert_eq!(about, ids[1..]);
    assert_eq!(unattempted(&client, &propagation, &ids).await.unwrap(), 2);
    clear(&client, &propagation, &[7], &ids[1..]).await.unwrap();
    assert!(rows(&client, &propagation, &ids).await.unwrap().is_empty());
}

#[tokio::test]
async fn without_a_column_for_it_a_row_is_held_while_it_is_due_within_a_lease() {
    let (_database, client, propagation) = opened().await;
    for (set, is_held) in [
        ("run_at = now()", false),
        ("run_at = now() + interval '2 s'", true),
        ("run_at = now() + interval '5 min'", true),
        ("run_at = now() + interval '1 h'", false),
        // It has failed, and is claimed again; or waits.
        ("run_at = now() + interval '2 s', tried_at = now() - interval '1 min'", true),
        ("run_at = now() + interval '1 min', tried_at = now()", false),
        ("run_at = now() + interval '2 s', done_at = now()", false),
        ("run_at = now() + interval '2 s', dead_at = now()", false),
    ] {
        let ids = insert(&client, &propagation, &[due(7)]).await.unwrap();
        client
            .batch_execute(&format!("BEGIN; UPDATE shop.tasks SET {set} WHERE id = {}", ids[0]))
            .await
            .unwrap();
        let row = rows(&client, &propagation, &ids).await.unwrap().remove(&ids[0]).unwrap();
        assert_eq!(row.held, is_held, "{set}");
        let moved = move_forward(&client, &propagation, &ids).await.unwrap();
        assert_eq!(moved, u64::from(!is_held), "{set}");
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn a_claim_that_is_not_committed_shows_by_its_lock() {
    let (database, client, propagation) = opened().await;
    let ids = insert(&client, &propagation, &[due(7), due(8)]).await.unwrap();
    assert_eq!(unlocked(&client, &propagation, &ids).await.unwrap(), 2);
    let other = database.connect().await.unwrap();
    let claim = format!("BEGIN; UPDATE shop.tasks SET run_at = now() + interval '2 s' WHERE id = {}", ids[0]);
    other.batch_execute(&claim).await.unwrap();
    assert_eq!(unlocked(&client, &propagation, &ids).await.unwrap(), 1);
    assert!(!rows(&client, &propagation, &ids).await.unwrap()[&ids[0]].held);
}
