//! Without its database the receiver acknowledges nothing, and loses nothing that the provider sends again.

use sabot_delivery::{Brevo, Receiver, Secrets};
use serde_json::json;
use tokio::time::Instant;

use crate::fixture::{Fixture, SECRET, event, insist, send, yesterday};

#[tokio::test]
async fn a_database_that_is_not_there_is_429_with_the_time_to_come_again() {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(1).user("u").dbname("d");
    let receiver = Receiver::new(Brevo, Secrets::new([SECRET]).unwrap(), config);
    let body = event("delivered", "m", yesterday()).to_string();
    let answer = receiver.receive(SECRET, None, None, body.as_bytes()).await;
    assert_eq!(answer.status, 429);
    assert!(
        answer
            .headers
            .iter()
            .any(|(name, value)| *name == "retry-after" && value.parse::<u32>().unwrap() > 0)
    );
    // What is no event is none whatever the database does.
    assert_eq!(receiver.receive(SECRET, None, None, b"{}").await.status, 400);
    assert_eq!(receiver.receive(SECRET, None, None, b"[]").await.status, 200);
}

#[tokio::test]
async fn a_database_that_hangs_is_429_within_its_limit_and_the_next_is_stored() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    fixture.accepted(1, "m").await;
    let holder = fixture.database.connect().await.unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE delivery_events IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let begun = Instant::now();
    let body = event("delivered", "m", yesterday());
    let (status, _) = send(&receiver, &body).await;
    // Generous beside the two seconds that are meant: the machine may be busy.
    assert!(status == 429 && begun.elapsed().as_secs() < 30, "{status} after {:?}", begun.elapsed());
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(insist(&receiver, &body).await["matched"], true);
    assert_eq!(fixture.row(1).await.delivered_at, Some(yesterday()));
}

#[tokio::test]
async fn a_connection_that_was_cut_meanwhile_costs_nobody_an_answer() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    for n in 0..5 {
        let answer = send(&receiver, &event("delivered", &format!("m{n}"), yesterday())).await;
        assert_eq!(answer.0, 200, "the cut number {n}");
        let cut = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
             WHERE pid <> pg_backend_pid() AND datname = current_database()";
        fixture.client.execute(cut, &[]).await.unwrap();
    }
    insist(&receiver, &event("delivered", "m", yesterday())).await;
    assert_eq!(fixture.count("delivery_events").await, 6);
}

#[tokio::test]
async fn a_commit_that_fails_is_not_acknowledged() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'not now'; END $$; \
         CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON delivery_events DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW WHEN (NEW.event = 'blocked') EXECUTE FUNCTION refuse()";
    fixture.client.batch_execute(refuse).await.unwrap();
    assert_eq!(send(&receiver, &event("blocked", "m", yesterday())).await.0, 429);
    assert_eq!(send(&receiver, &event("delivered", "m", yesterday())).await.0, 200);
    assert_eq!(fixture.count("delivery_events").await, 1);
}

#[tokio::test]
async fn one_event_that_the_database_cannot_take_keeps_out_nobody_elses() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let check = "ALTER TABLE delivery_events ADD CHECK (event <> 'blocked')";
    fixture.client.batch_execute(check).await.unwrap();
    let holder = fixture.database.connect().await.unwrap();
    // A first transaction that waits, so that the two after it share the next.
    holder.batch_execute("BEGIN; LOCK TABLE delivery_events IN EXCLUSIVE MODE").await.unwrap();
    let first = event("delivered", "first", yesterday());
    let (bad, good) = (event("blocked", "m", yesterday()), event("delivered", "n", yesterday()));
    let release = async {
        fixture.waiting(1).await;
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let ((_, ()), (bad, _), answer) = tokio::join!(
        async { tokio::join!(insist(&receiver, &first), release) },
        send(&receiver, &bad),
        send(&receiver, &good),
    );
    assert_eq!((bad, answer), (429, (200, json!({"ok": true, "matched": false, "event": "delivered"}))));
}
