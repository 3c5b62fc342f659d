//! Runners are woken by commits, find by polling what nobody told them of, and are not told while they are busy.

use std::future::poll_fn;
use std::time::Duration;

use sabot_propagation::{enqueue, enqueue_many};
use tokio_postgres::{AsyncMessage, NoTls};

use crate::handler::{Calls, Do, GRADE};
use crate::queue::{Queue, Running, settings};

/// Waits until a runner holds the bell: from then on every enqueue rings.
pub(crate) async fn until_idle(queue: &Queue) {
    let held =
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    queue.until(held, 1).await;
}

fn never_polls() -> sabot_propagation::Settings {
    let mut settings = settings();
    settings.poll = Duration::from_secs(3600);
    settings
}

#[tokio::test]
async fn a_commit_wakes_an_idle_runner_however_the_row_came_in() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let runner = Running::start(queue.runner(calls.registry(), never_polls()));
    until_idle(&queue).await;
    // Whatever looks there were because it has just become idle are over.
    let mut connection = queue.pool().get().await.unwrap();
    for round in 0..5 {
        let transaction = connection.transaction().await.unwrap();
        let id = enqueue(&transaction, &GRADE.of(&Do::Apply).unwrap().team(round)).await.unwrap();
        assert_eq!(calls.rest(), [], "before the commit");
        transaction.commit().await.unwrap();
        assert_eq!(calls.next().await.id, id);

        let transaction = connection.transaction().await.unwrap();
        let ids = enqueue_many(&transaction, &[GRADE.of(&Do::Apply).unwrap()]).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(calls.next().await.id, ids[0]);

        let id: i64 =
            queue.value("SELECT propagation_enqueue('grade', payload => '\"apply\"')").await.parse().unwrap();
        assert_eq!(calls.next().await.id, id);

        let id = queue.insert("\"apply\"", "", "").await;
        assert_eq!(calls.next().await.id, id);
    }
    runner.stop().await;
}

#[tokio::test]
async fn with_several_idle_runners_one_takes_over_the_bell() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let mut settings = settings();
    settings.poll = Duration::from_millis(500);
    let runners = [(); 2].map(|()| Running::start(queue.runner(calls.registry(), settings.clone())));
    until_idle(&queue).await;
    for (runner, left) in runners.into_iter().zip([1, 0]) {
        queue.insert("\"apply\"", "", "").await;
        calls.next().await;
        runner.stop().await;
        // The last one takes the bell with it.
        if left > 0 {
            until_idle(&queue).await;
        }
    }
}

#[tokio::test]
async fn a_row_moved_by_hand_is_found_by_polling() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let id = queue.insert("\"apply\"", ", next_attempt_at", ", now() + interval '1 h'").await;
    let runner = Running::start(queue.deaf_runner(calls.registry(), settings()));
    let mut heartbeat = runner.heartbeat.clone();
    assert!(heartbeat.next().await && heartbeat.next().await);
    assert_eq!(calls.rest(), []);
    queue.execute("UPDATE pending_propagations SET next_attempt_at = now()").await;
    assert_eq!(calls.next().await.id, id);
    runner.stop().await;
}

#[tokio::test]
async fn nobody_pays_for_a_notification_while_no_runner_sleeps() {
    let queue = Queue::new().await;
    let (client, mut connection) = queue.database.config().connect(NoTls).await.unwrap();
    let heard = tokio::spawn(async move {
        match poll_fn(|context| connection.poll_message(context)).await.unwrap().unwrap() {
            AsyncMessage::Notification(heard) => heard.payload().to_owned(),
            other => panic!("{other:?}"),
        }
    });
    // The connection's task ends with the first notification; until then it answers.
    client.batch_execute("LISTEN propagation").await.unwrap();
    queue.insert("\"apply\"", "", "").await;
    queue.execute("NOTIFY propagation, 'the first'").await;
    assert_eq!(heard.await.unwrap(), "the first");
}

#[tokio::test]
async fn a_listener_that_lost_its_connection_comes_back() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let runner = Running::start(queue.runner(calls.registry(), never_polls()));
    until_idle(&queue).await;
    let listeners = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE '%propagation bell%' AND pid <> pg_backend_pid()";
    assert_eq!(queue.value(listeners).await, "1");
    // What comes in while nobody listens is found when somebody does again.
    let id = queue.insert("\"apply\"", "", "").await;
    assert_eq!(calls.next().await.id, id);
    until_idle(&queue).await;
    let id = queue.insert("\"apply\"", "", "").await;
    assert_eq!(calls.next().await.id, id);
    runner.stop().await;
}

#[tokio::test]
async fn a_busy_runner_ticks_all_the_same() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let mut settings = settings();
    settings.concurrency = 1;
    queue.insert("\"wait\"", "", "").await;
    queue.insert("\"wait\"", "", "").await;
    let runner = Running::start(queue.runner(calls.registry(), settings));
    calls.next().await;
    let mut heartbeat = runner.heartbeat.clone();
    for _ in 0..3 {
        assert!(heartbeat.next().await);
    }
    assert_eq!(calls.rest(), [], "it had no room for more");
    calls.open(2);
    queue.until_applied(2).await;
    runner.stop().await;
}
