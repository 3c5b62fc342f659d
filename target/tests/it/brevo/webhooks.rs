//! Webhook requests: bundles, order, repeats, and what becomes of them.

use super::{LONG, Receiver, events, simulator};
use sabot_target::brevo::{Manner, Order, Outcome, Post, Reading, Reply, Retries};
use sabot_wire::http::{Cut, Match, Mode, Nth, Rule};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Retries quick enough to be awaited to the last: 10, 60, 120 and 480 ms.
fn quick() -> Retries {
    Retries { divided_by: 60_000, ..Retries::default() }
}

fn outcomes(posts: &[Post]) -> Vec<(Outcome, usize)> {
    posts.iter().map(|post| (post.outcome, post.attempts.len())).collect()
}

#[tokio::test]
async fn an_event_that_was_refused_for_now_comes_again_on_the_schedule() {
    let brevo = simulator().await;
    let receiver = Receiver::answering(Nth::UpTo(4), 429).await;
    brevo.set_webhook(receiver.url());
    brevo.configure(|settings| settings.retries = quick());
    let posting = brevo.deliver(&events(1), Manner::default());
    let settled = posting.settled(LONG).await.unwrap();
    assert_eq!(outcomes(settled.posts()), [(Outcome::Acknowledged, 5)]);
    assert_eq!(settled.statuses(), BTreeMap::from([(429, 4), (200, 1)]));
    let attempts = &settled.posts()[0].attempts;
    for (pair, wait) in attempts.windows(2).zip([10, 60, 120, 480]) {
        let waited = pair[1].at - pair[0].at;
        assert!(waited >= Duration::from_millis(wait), "{waited:?} where {wait} ms are documented");
    }
}

#[tokio::test]
async fn an_event_that_is_refused_five_times_is_given_up() {
    let brevo = simulator().await;
    let mut receiver = Receiver::answering(Nth::Every, 429).await;
    brevo.set_webhook(receiver.url());
    brevo.configure(|settings| settings.retries = quick());
    let settled = brevo.deliver(&events(1), Manner::default()).settled(LONG).await.unwrap();
    assert_eq!(outcomes(settled.posts()), [(Outcome::GivenUp, 5)]);
    assert_eq!((settled.given_up(), receiver.bodies().len()), (1, 5));
}

#[tokio::test]
async fn a_500_loses_an_event_by_one_reading_and_not_by_the_other() {
    for (reading, wanted) in
        [(Reading::Newer, (Outcome::Discarded(500), 1)), (Reading::Older, (Outcome::Acknowledged, 2))]
    {
        let brevo = simulator().await;
        let receiver = Receiver::answering(Nth::Only(1), 500).await;
        brevo.set_webhook(receiver.url());
        brevo.configure(|settings| settings.retries = Retries { reading, ..quick() });
        let settled = brevo.deliver(&events(1), Manner::default()).settled(LONG).await.unwrap();
        assert_eq!(outcomes(settled.posts()), [wanted], "{reading:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_is_down_or_hangs_gets_everything_once_it_is_back() {
    for (mode, reply) in [(Mode::Refuse, Reply::Failed), (Mode::Hang, Reply::TimedOut)] {
        let brevo = simulator().await;
        let mut receiver = Receiver::start().await;
        brevo.set_webhook(receiver.url());
        brevo.configure(|settings| settings.retries.answer_limit = Duration::from_millis(200));
        receiver.wire.set_mode(mode).unwrap();
        let posting = brevo.deliver(&events(1), Manner::default());
        assert_eq!(posting.tried(LONG).await.unwrap().posts()[0].attempts[0].reply, reply);
        brevo.configure(|settings| settings.retries.answer_limit = LONG);
        receiver.wire.set_mode(Mode::Pass).unwrap();
        assert_eq!(posting.settled(LONG).await.unwrap().acknowledged(), 1, "{mode:?}");
        assert_eq!(receiver.bodies().len(), 1);
    }
}

#[tokio::test]
async fn after_an_unresponsive_receiver_nothing_is_sent_for_a_while() {
    let brevo = simulator().await;
    let receiver = Receiver::start().await;
    receiver.wire.set(Rule::on(Match::any()).nth(Nth::Only(1)).cut(Cut::BeforeResponse));
    brevo.set_webhook(receiver.url());
    let pause = brevo.settings().retries.pause();
    assert_eq!(pause, Duration::from_millis(100));
    let settled = brevo.deliver(&events(2), Manner::default()).settled(LONG).await.unwrap();
    let [first, second] = settled.posts() else { panic!("{settled:?}") };
    assert_eq!(outcomes(settled.posts()), [(Outcome::Acknowledged, 2), (Outcome::Acknowledged, 1)]);
    let failed = first.attempts[0].at + first.attempts[0].took;
    assert!(second.attempts[0].at >= failed + pause, "{settled:?}");
}

#[tokio::test]
async fn copies_and_arrays_arrive_as_they_were_arranged() {
    let brevo = simulator().await;
    let mut receiver = Receiver::start().await;
    brevo.set_webhook(receiver.url());
    let manner = Manner::default().times(2).in_order(Order::Shuffled(3)).in_arrays(4);
    let settled = brevo.deliver(&events(5), manner).settled(LONG).await.unwrap();
    assert_eq!((settled.acknowledged(), settled.attempts()), (10, 3));
    let bodies = receiver.bodies();
    assert_eq!(bodies.iter().map(|body| body.as_array().unwrap().len()).collect::<Vec<_>>(), [4, 4, 2]);
    let sent: Vec<_> = bodies.iter().flat_map(|body| body.as_array().unwrap()).collect();
    for event in events(5) {
        let same = |sent: &&&Value| sent["message-id"].as_str() == Some(event.message_id());
        assert_eq!(sent.iter().filter(same).count(), 2, "{}", event.message_id());
    }
    assert_eq!(sent, settled.posts().iter().flat_map(|post| post.events.iter()).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_at_a_time_keeps_the_order() {
    let brevo = simulator().await;
    let mut receiver = Receiver::start().await;
    brevo.set_webhook(receiver.url());
    let given = events(40);
    brevo.deliver(&given, Manner::default()).settled(LONG).await.unwrap();
    let came: Vec<_> = receiver.bodies();
    assert_eq!(came, given.iter().map(sabot_target::brevo::Event::json).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_requests_are_under_way_as_were_allowed_and_no_more() {
    let brevo = simulator().await;
    let receiver = Receiver::start().await;
    let (rule, mut hold) = Rule::on(Match::any()).nth(Nth::UpTo(3)).hold_response();
    receiver.wire.set(rule);
    brevo.set_webhook(receiver.url());
    let posting = brevo.deliver(&events(30), Manner::default().at_a_time(3));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(tokio::time::timeout(LONG, hold.next()).await.unwrap().unwrap());
    }
    let whole_three = Instant::now();
    drop(held);
    let settled = posting.settled(LONG).await.unwrap();
    assert_eq!(settled.acknowledged(), 30);
    let begun: BTreeSet<_> = settled.posts().iter().map(|post| post.attempts[0].at).collect();
    assert_eq!(begun.iter().filter(|at| **at <= whole_three).count(), 3, "a fourth was not begun meanwhile");
    let over = |at: &Instant| {
        settled
            .posts()
            .iter()
            .map(|post| &post.attempts[0])
            .filter(|one| one.at <= *at && one.at + one.took > *at)
            .count()
    };
    assert!(begun.iter().all(|at| over(at) <= 3));
}

#[tokio::test]
async fn what_waits_for_its_next_attempt_holds_up_nobody() {
    let brevo = simulator().await;
    let receiver = Receiver::answering(Nth::Only(1), 429).await;
    brevo.set_webhook(receiver.url());
    brevo.configure(|settings| settings.retries.divided_by = 1);
    let posting = brevo.deliver(&events(2), Manner::default());
    let tried = posting.tried(LONG).await.unwrap();
    assert_eq!(outcomes(tried.posts()), [(Outcome::Pending, 1), (Outcome::Acknowledged, 1)]);
    let not_yet = posting.settled(Duration::from_millis(1)).await.unwrap_err();
    assert!(not_yet.to_string().contains("1 of 2 webhook requests"), "{not_yet}");
    brevo.reset();
    assert!(posting.settled(LONG).await.is_err(), "what was dropped never settles");
}

#[tokio::test]
async fn without_a_webhook_events_wait_for_one() {
    let brevo = simulator().await;
    let mut receiver = Receiver::start().await;
    let posting = brevo.deliver(&events(1), Manner::default());
    assert_eq!(posting.outcomes().pending(), 1);
    brevo.set_webhook(receiver.url());
    assert_eq!(posting.settled(LONG).await.unwrap().acknowledged(), 1);
    assert_eq!(receiver.bodies().len(), 1);
    assert!(!format!("{brevo:?} {posting:?}").contains("canary-of-the-path"), "an address holds a secret");
}
