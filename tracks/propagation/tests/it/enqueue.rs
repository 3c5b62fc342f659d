//! Enqueuing belongs to the caller's transaction.

use std::time::Duration;

use sabot_propagation::{EnqueueError, Kind, enqueue, enqueue_many};

use crate::handler::{Do, GRADE, MAIL};
use crate::queue::Queue;

#[tokio::test]
async fn a_propagation_exists_if_and_only_if_its_transaction_commits() {
    let queue = Queue::new().await;
    let mut connection = queue.pool().get().await.unwrap();
    let new =
        GRADE.of(&Do::Fail("x".into())).unwrap().team(7).target_tier("pro").delay(Duration::from_secs(60));
    let transaction = connection.transaction().await.unwrap();
    enqueue(&transaction, &new).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(queue.value("SELECT count(*) FROM pending_propagations").await, "0");

    let transaction = connection.transaction().await.unwrap();
    let id = enqueue(&transaction, &new).await.unwrap();
    assert_eq!(queue.value("SELECT count(*) FROM pending_propagations").await, "0");
    transaction.commit().await.unwrap();
    let columns = "kind, team_id, target_tier, payload, attempts, next_attempt_at - created_at";
    assert_eq!(queue.row(id, columns).await, r#"grade 7 pro {"fail": "x"} 0 00:01:00"#);
}

#[tokio::test]
async fn many_at_once_get_rising_ids_in_their_order() {
    let queue = Queue::new().await;
    let mut connection = queue.pool().get().await.unwrap();
    let new: Vec<_> = (0..1000)
        .map(|n| if n % 2 == 0 { GRADE } else { MAIL }.of(&Do::Skip(n.to_string())).unwrap().team(n))
        .collect();
    let transaction = connection.transaction().await.unwrap();
    let ids = enqueue_many(&transaction, &new).await.unwrap();
    assert!(enqueue_many(&transaction, &[]).await.unwrap().is_empty());
    transaction.commit().await.unwrap();
    assert!(ids.is_sorted() && ids.len() == 1000);
    let wrong = "SELECT count(*) FROM pending_propagations
         WHERE payload->>'skip' <> team_id::text OR team_id <> id - 1 OR (kind = 'mail') <> (team_id % 2 = 1)";
    assert_eq!(queue.value(wrong).await, "0");
}

#[tokio::test]
async fn a_kind_that_the_enum_lacks_is_named() {
    let queue = Queue::new().await;
    let mut connection = queue.pool().get().await.unwrap();
    let new = Kind::<()>::new("downgrade").of(&()).unwrap();
    let transaction = connection.transaction().await.unwrap();
    let error = enqueue(&transaction, &new).await.unwrap_err();
    assert!(matches!(&error, EnqueueError::Kind { kind, .. } if kind == "downgrade"), "{error:?}");
    drop(transaction);
    let transaction = connection.transaction().await.unwrap();
    let error = enqueue_many(&transaction, &[GRADE.of(&Do::Apply).unwrap(), new]).await.unwrap_err();
    assert!(error.to_string().contains("lacks downgrade, grade"), "{error}");
}

#[tokio::test]
async fn other_languages_enqueue_by_a_function() {
    let queue = Queue::new().await;
    let call = "SELECT propagation_enqueue('mail', 7, 'pro', '{\"a\":1}', interval '5 min')";
    let id = queue.value(call).await.parse().unwrap();
    let columns = "kind, team_id, target_tier, payload, next_attempt_at - created_at";
    assert_eq!(queue.row(id, columns).await, r#"mail 7 pro {"a": 1} 00:05:00"#);
}
