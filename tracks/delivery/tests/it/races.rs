//! Writers at once: events that can't see each other, and the ledger row that appears among them.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::fixture::{Fixture, event, insist, yesterday};

/// Holds every transaction that stores an event with the link `held`.
async fn hold_events(fixture: &Fixture) -> tokio_postgres::Client {
    hold_commits(fixture, "delivery_events", "NEW.link = 'held'").await
}

/// Holds every transaction that inserts such a row into `table` at its commit, all its work done, until the returned
/// session ends: a deferred trigger waits for a lock that this session has.
pub(crate) async fn hold_commits(fixture: &Fixture, table: &str, when: &str) -> tokio_postgres::Client {
    let trigger = format!(
        "CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NEW; END $$; \
         CREATE CONSTRAINT TRIGGER held AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION held()"
    );
    fixture.client.batch_execute(&trigger).await.unwrap();
    let holder = fixture.database.connect().await.unwrap();
    holder.batch_execute("SELECT pg_advisory_lock(42)").await.unwrap();
    holder
}

/// Lets the first go on once this second one waits for it, or has not waited and is done.
pub(crate) async fn second_waits<T>(
    fixture: &Fixture,
    holder: tokio_postgres::Client,
    second: impl Future<Output = T>,
) -> T {
    let mut second = std::pin::pin!(second);
    tokio::select! {
        done = &mut second => return done,
        () = fixture.waiting(2) => drop(holder),
    }
    second.await
}

fn held(mut event: Value) -> Value {
    event["link"] = "held".into();
    event
}

#[tokio::test]
async fn two_replicas_that_cannot_see_each_others_events_lose_neither() {
    let fixture = Fixture::new().await;
    let (one, other) = (fixture.receiver(), fixture.receiver());
    fixture.accepted(1, "m").await;
    let holder = hold_events(&fixture).await;
    // Stored and not committed, the complaint, which is the latest, waits; then the delivery comes on the other.
    let complaint = held(event("complaint", "m", yesterday() + time::Duration::HOUR));
    let first = async { insist(&one, &complaint).await };
    let second = async {
        fixture.waiting(1).await;
        let delivered = event("delivered", "m", yesterday());
        second_waits(&fixture, holder, insist(&other, &delivered)).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((&first["matched"], &second["matched"]), (&json!(true), &json!(true)));
    let row = fixture.row(1).await;
    assert_eq!((row.classification.as_str(), row.delivered_at), ("complaint", Some(yesterday())));
}

#[tokio::test]
async fn a_message_that_is_held_keeps_no_other_waiting() {
    let fixture = Fixture::new().await;
    let (one, other) = (fixture.receiver(), fixture.receiver());
    fixture.accepted(2, "n").await;
    let holder = hold_events(&fixture).await;
    let stuck = held(event("complaint", "m", yesterday()));
    let free = async {
        fixture.waiting(1).await;
        let answer = insist(&other, &event("delivered", "n", yesterday())).await;
        assert_eq!((answer["matched"].as_bool(), fixture.count("delivery_events").await), (Some(true), 1));
        drop(holder);
    };
    tokio::join!(insist(&one, &stuck), free);
}

#[tokio::test]
async fn a_storm_on_three_replicas_ends_as_a_serial_run_would() {
    const MESSAGES: i64 = 60;
    let fixture = Arc::new(Fixture::new().await);
    let names = ["delivered", "soft_bounce", "deferred", "complaint", "opened"];
    let mut bodies = Vec::new();
    for id in 1..=MESSAGES {
        for (n, name) in names.iter().enumerate() {
            // Rotated, so that each name is the latest of some message.
            let second = (id + i64::try_from(n).unwrap()) % 5;
            bodies.push(event(name, &format!("m{id}"), yesterday() + time::Duration::seconds(second)));
        }
    }
    let receivers: Vec<_> = (0..3).map(|_| fixture.receiver()).collect();
    let mut storm = JoinSet::new();
    for (n, body) in bodies.iter().chain(&bodies).chain(bodies.iter().rev()).enumerate() {
        let (receiver, body) = (receivers[n % 3].clone(), body.clone());
        storm.spawn(async move { insist(&receiver, &body).await });
    }
    // The rows appear meanwhile, written as the forwarder writes them.
    for id in 1..=MESSAGES {
        forward(&fixture, id, &format!("m{id}")).await;
    }
    storm.join_all().await;
    assert_eq!(fixture.count("delivery_events").await, MESSAGES * 5);
    for id in 1..=MESSAGES {
        let latest = (0..4_usize).max_by_key(|n| (id + i64::try_from(*n).unwrap()) % 5).unwrap();
        let words = ["delivered", "bounced_soft", "deferred", "complaint"];
        let row = fixture.row(id).await;
        assert_eq!(row.classification, words[latest], "message {id}");
        assert_eq!(row.delivered_at, Some(yesterday() + time::Duration::seconds(id % 5)), "message {id}");
    }
}

/// The forwarder's own way to a ledger row, by its own code.
async fn forward(fixture: &Fixture, id: i64, message: &str) {
    use crate::stub::{Stub, forwarder};
    let stub = Stub::answering(message);
    let kind = "INSERT INTO audit_log (id, kind, payload) OVERRIDING SYSTEM VALUE \
         VALUES ($1, 'team.created', '{\"email\": \"ann@example.com\"}')";
    fixture.client.execute(kind, &[&id]).await.unwrap();
    let ending = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(forwarder(fixture, stub).run(ending.clone()));
    fixture.until(&format!("EXISTS (SELECT FROM forwarder_sent WHERE audit_id = {id})")).await;
    ending.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn an_event_that_is_not_yet_committed_when_its_row_is_written_counts_all_the_same() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let holder = hold_events(&fixture).await;
    let early = held(event("delivered", "m", yesterday()));
    let forwarded = async {
        fixture.waiting(1).await;
        second_waits(&fixture, holder, forward(&fixture, 1, "m")).await;
    };
    tokio::join!(insist(&receiver, &early), forwarded);
    let row = fixture.row(1).await;
    assert_eq!((row.classification.as_str(), row.delivered_at), ("delivered", Some(yesterday())));
}

#[tokio::test]
async fn an_event_that_came_before_its_row_counts_when_the_row_appears() {
    let fixture = Fixture::new().await;
    let receiver = fixture.receiver();
    let answer = insist(&receiver, &event("hard_bounce", "m", yesterday())).await;
    assert_eq!(answer["matched"], false);
    forward(&fixture, 1, "m").await;
    assert_eq!(fixture.row(1).await.classification, "bounced_hard");
}
