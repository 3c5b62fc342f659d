//! The schedule, as it is persisted.

use sabot_propagation::Schedule;

use crate::handler::Calls;
use crate::queue::{Queue, Running, settings};

const FAIL: &str = r#"{"fail":"downstream says no"}"#;

#[tokio::test]
async fn every_position_and_the_clamp_are_exact() {
    let (queue, calls) = (Queue::new().await, Calls::new());
    for failures in 0..13 {
        queue.insert(FAIL, ", attempts", &format!(", {failures}")).await;
    }
    let mut settings = settings();
    settings.max_attempts = 50;
    let runner = Running::start(queue.runner(calls.registry(), settings));
    queue.until("SELECT count(*) FROM pending_propagations WHERE last_attempt_at IS NOT NULL", 13).await;
    runner.stop().await;

    let sql = "SELECT attempts, (extract(epoch FROM next_attempt_at - last_attempt_at) * 1000000)::bigint, last_error
         FROM pending_propagations ORDER BY id";
    let rows = queue.client.query(sql, &[]).await.unwrap();
    for (failures, row) in (1..).zip(&rows) {
        assert_eq!(row.get::<_, i32>(0), failures);
        let step = Schedule::default().after(failures.unsigned_abs());
        assert_eq!(
            u128::try_from(row.get::<_, i64>(1)).unwrap(),
            step.as_micros(),
            "after failure {failures}"
        );
        assert_eq!(row.get::<_, &str>(2), "downstream says no");
    }
    let minutes = [1, 5, 15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440, 1440];
    let micros = minutes.map(|minutes| minutes * 60 * 1_000_000_i64);
    assert_eq!(rows.iter().map(|row| row.get::<_, i64>(1)).collect::<Vec<_>>(), micros, "as documented");
}

#[tokio::test]
async fn the_tenth_failure_is_death_and_the_ninth_is_not() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let ninth = queue.insert(FAIL, ", attempts", ", 8").await;
    let tenth = queue.insert(FAIL, ", attempts", ", 9").await;
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    queue.until("SELECT count(*) FROM pending_propagations WHERE last_attempt_at IS NOT NULL", 2).await;
    let attempts: Vec<u32> = calls.take(2).await.iter().map(|call| call.attempt).collect();
    assert_eq!(attempts, [9, 10]);
    assert_eq!(queue.row(ninth, "attempts, failed_at IS NULL, lease IS NULL").await, "9 t t");
    assert_eq!(queue.row(tenth, "attempts, failed_at = last_attempt_at, lease IS NULL").await, "10 t t");
    assert_eq!(queue.trail(ninth).await, "retrying");
    assert_eq!(queue.trail(tenth).await, "dead_lettered");

    // Due or not, a dead one is left alone, while others go on.
    queue.execute("UPDATE pending_propagations SET next_attempt_at = now() - interval '1 day'").await;
    assert_eq!(calls.next().await.id, ninth);
    queue.until("SELECT count(*) FROM pending_propagations WHERE failed_at IS NOT NULL", 2).await;
    assert_eq!(calls.rest(), []);
    let dead = "propagation_dead_letters_total{kind=\"grade\",reason=\"error\"}";
    assert_eq!(runner.metric(dead).as_deref(), Some("2"));
    runner.stop().await;
}
