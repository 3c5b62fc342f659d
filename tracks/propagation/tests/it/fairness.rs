//! Nobody's flood keeps another's due row waiting for longer than what was due before it.

use crate::handler::Calls;
use crate::queue::{Queue, Running, settings};

#[tokio::test]
async fn a_row_starts_after_those_due_before_it_whoever_floods_the_table() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    // Team 1 has a row due each millisecond for three seconds; team 2 and another kind have one each among them.
    queue
        .execute(
            "INSERT INTO pending_propagations (kind, team_id, payload, next_attempt_at)
             SELECT 'grade', 1, '\"apply\"', now() - interval '1 h' + n * interval '1 ms' FROM generate_series(1, 3000) AS n;
             INSERT INTO pending_propagations (kind, team_id, payload, next_attempt_at) VALUES
                 ('grade', 2, '\"apply\"', now() - interval '1 h' + interval '1000.5 ms'),
                 ('mail', 3, '\"apply\"', now() - interval '1 h' + interval '2000.5 ms')",
        )
        .await;
    let mut settings = settings();
    (settings.concurrency, settings.batch) = (1, 100);
    let runner = Running::start(queue.runner(calls.registry(), settings));
    let teams: Vec<_> = calls.take(3002).await.into_iter().map(|call| call.team).collect();
    let place = |team| teams.iter().position(|other| *other == Some(team)).unwrap();
    assert_eq!((place(2), place(3)), (1000, 2001));
    runner.stop().await;
}

#[tokio::test]
async fn a_row_put_before_a_backlog_is_taken_while_the_backlog_lasts() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    queue
        .execute(
            "INSERT INTO pending_propagations (kind, team_id, payload)
             SELECT 'grade', 1, '\"wait\"' FROM generate_series(1, 2000)",
        )
        .await;
    let mut settings = settings();
    (settings.concurrency, settings.batch) = (4, 4);
    let runner = Running::start(queue.runner(calls.registry(), settings));
    calls.take(4).await;
    queue.insert("\"wait\"", ", team_id, next_attempt_at", ", 2, now() - interval '1 d'").await;
    // The backlog goes on only as long as it must: had it to be worked off first, all of it would be let through.
    let mut through = 0;
    loop {
        calls.open(1);
        through += 1;
        if calls.next().await.team == Some(2) {
            break;
        }
    }
    assert!(through < 1000, "{through} of the backlog came first");
    calls.open(2001);
    runner.stop().await;
}
