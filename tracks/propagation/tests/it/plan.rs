//! The statements read what they need through an index, whatever the statistics say.

use sabot_propagation::{Audit, sql};

use crate::queue::Queue;

/// The plan of a statement, with these values in place of its parameters.
async fn plan(queue: &Queue, statement: &str, values: &[&str]) -> String {
    let mut statement = format!("EXPLAIN {statement}");
    for (before, value) in values.iter().enumerate().rev() {
        statement = statement.replace(&format!("${}", before + 1), value);
    }
    let rows = queue.client.simple_query(&statement).await.unwrap();
    let line = |message: &tokio_postgres::SimpleQueryMessage| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    rows.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

async fn no_scan(queue: &Queue, when: &str) {
    let claim = ["'{grade}'::text[]", "300000000::bigint", "'-Infinity'::float8", "500", "7"];
    let claim = plan(queue, sql::CLAIM, &claim).await;
    assert!(claim.contains("Index Scan using pending_propagations_due"), "{when}: {claim}");
    assert!(!claim.contains("Seq Scan") && !claim.contains("Sort"), "{when}: {claim}");
    let ids = format!("'{{{}}}'::bigint[]", (1..=500).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
    let nulls = "array_fill(NULL::text, ARRAY[500])";
    let complete = plan(queue, &sql::applied(&Audit::default()), &[&ids, &ids, nulls, "'runner'"]).await;
    assert!(complete.contains("Index Scan using pending_propagations_pkey"), "{when}: {complete}");
    assert!(!complete.contains("pending_propagations_due"), "{when}: {complete}");
}

#[tokio::test]
async fn a_claim_reads_the_head_of_its_index_and_a_completion_its_rows() {
    let queue = Queue::new().await;
    // Statistics change only when the test says so.
    queue.execute("ALTER TABLE pending_propagations SET (autovacuum_enabled = false)").await;
    queue
        .execute(
            "INSERT INTO pending_propagations (kind, payload) SELECT 'grade', '\"apply\"' FROM generate_series(1, 100000)",
        )
        .await;
    queue.execute("ANALYZE pending_propagations").await;
    no_scan(&queue, "with a backlog").await;
    queue
        .execute("UPDATE pending_propagations SET lease = 1, next_attempt_at = now() + interval '1 h' WHERE id < 80000")
        .await;
    no_scan(&queue, "with many that wait, and statistics that lag").await;
    queue.execute("ANALYZE pending_propagations").await;
    no_scan(&queue, "with many that wait").await;
}
