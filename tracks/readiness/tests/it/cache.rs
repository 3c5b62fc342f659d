//! How often a dependency is asked, and what callers get meanwhile.

use std::time::Duration;

use sabot_readiness::{Dependency, Envelope, ProbeResult, Readiness, Status};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, advance, timeout};

use crate::stub::{LIMIT, PERIOD, Stub, error, settle};

fn call(service: &Readiness) -> JoinHandle<Envelope> {
    let service = service.clone();
    tokio::spawn(async move { service.check().await })
}

#[tokio::test(start_paused = true)]
async fn a_cold_burst_probes_once() {
    let stub = Stub::hanging();
    let service = stub.service();
    let mut burst = JoinSet::new();
    for _ in 0..500 {
        let service = service.clone();
        burst.spawn(async move { service.check().await });
    }
    settle().await;
    stub.release(1);
    let answers = burst.join_all().await;
    assert_eq!(stub.started(), 1);
    assert!(answers.iter().all(|answer| answer == &answers[0] && answer.overall == Status::Ok));
}

#[tokio::test(start_paused = true)]
async fn a_fresh_result_is_served_without_a_probe() {
    let stub = Stub::open();
    let service = stub.service();
    let first = service.check().await;
    advance(PERIOD - Duration::from_millis(1)).await;
    assert_eq!(service.check().await, first);
    settle().await;
    assert_eq!(stub.started(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_the_period_one_more_probe_runs() {
    let stub = Stub::open();
    let service = stub.service();
    service.check().await;
    advance(PERIOD).await;
    for _ in 0..50 {
        service.check().await;
    }
    settle().await;
    assert_eq!(stub.started(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_result_up_to_three_periods_old_is_served_while_one_probe_runs() {
    let stub = Stub::hanging();
    stub.release(1);
    let service = stub.service();
    let first = service.check().await;
    advance(PERIOD * 3).await;
    for _ in 0..50 {
        assert_eq!(timeout(Duration::ZERO, service.check()).await.unwrap(), first);
    }
    settle().await;
    assert_eq!(stub.started(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_result_older_than_three_periods_is_awaited() {
    let stub = Stub::hanging();
    stub.release(1);
    let service = stub.service();
    service.check().await;
    advance(PERIOD * 3 + Duration::from_millis(1)).await;
    let callers = [call(&service), call(&service)];
    settle().await;
    assert!(callers.iter().all(|caller| !caller.is_finished()));
    stub.release(1);
    for caller in callers {
        assert_eq!(caller.await.unwrap().overall, Status::Ok);
    }
    assert_eq!(stub.started(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_probe_is_cut_by_its_time_limit_and_still_single_flight() {
    let stub = Stub::hanging();
    let service = stub.service();
    let before = Instant::now();
    for round in 1..=5 {
        let callers = [call(&service), call(&service), call(&service)];
        for caller in callers {
            let answer = caller.await.unwrap();
            assert_eq!((answer.overall, error(&answer)), (Status::Failed, Some("timeout")));
        }
        settle().await;
        assert_eq!((stub.started(), stub.running()), (round, 0));
        advance(PERIOD * 4).await;
    }
    assert_eq!(stub.most_at_once(), 1);
    assert!(before.elapsed() < (LIMIT + PERIOD * 4) * 5 + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_hangs_delays_no_warm_caller() {
    let stub = Stub::hanging();
    stub.release(1);
    let service = stub.service();
    service.check().await;
    for _ in 0..300 {
        advance(Duration::from_millis(700)).await;
        timeout(Duration::ZERO, service.check()).await.unwrap();
        settle().await;
    }
    assert_eq!(stub.most_at_once(), 1);
}

#[tokio::test(start_paused = true)]
async fn hanging_dependencies_are_awaited_side_by_side() {
    let mut builder = Readiness::builder("api", "f41ed2b");
    for name in ["one", "two", "three", "four"] {
        builder = builder.dependency(Dependency::critical(name, std::future::pending).limit(LIMIT));
    }
    let before = Instant::now();
    let answer = builder.build().unwrap().check().await;
    assert!(answer.checks.iter().all(|row| row.last_error.as_deref() == Some("timeout")));
    assert!(before.elapsed() < LIMIT + Duration::from_millis(50), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_takes_no_probe_with_it() {
    let stub = Stub::hanging();
    let service = stub.service();
    let caller = call(&service);
    settle().await;
    caller.abort();
    settle().await;
    assert_eq!((stub.started(), stub.running()), (1, 1));
    stub.release(1);
    assert_eq!(service.check().await.overall, Status::Ok);
    assert_eq!(stub.started(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_callers_nothing_is_probed() {
    let stub = Stub::open();
    let service = stub.service();
    advance(PERIOD * 100).await;
    settle().await;
    assert_eq!(stub.started(), 0);
    service.check().await;
    advance(PERIOD * 100).await;
    settle().await;
    assert_eq!(stub.started(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_counts_as_failed_and_the_next_one_runs() {
    let stub = Stub::open();
    let panics = stub.clone();
    let dependency = Dependency::critical("db", move || {
        let panics = panics.clone();
        async move {
            panics.release(1);
            panic!("a defect of the probe");
            #[expect(unreachable_code, reason = "the closure needs its type")]
            ProbeResult::ok()
        }
    });
    let service =
        Readiness::builder("api", "f41ed2b").dependency(dependency.cache_for(PERIOD)).build().unwrap();
    let first = service.check().await;
    assert_eq!((first.overall, error(&first)), (Status::Failed, Some("panicked")));
    advance(PERIOD * 4).await;
    let second = service.check().await;
    assert_eq!(error(&second), Some("panicked"));
    assert!(second.checks[0].last_check_at >= first.checks[0].last_check_at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_hundred_callers_on_several_threads_probe_once() {
    let stub = Stub::open();
    let service = stub.service();
    let mut burst = JoinSet::new();
    for _ in 0..500 {
        let service = service.clone();
        burst.spawn(async move { service.check().await });
    }
    let answers = burst.join_all().await;
    assert_eq!(stub.started(), 1);
    assert!(answers.iter().all(|answer| answer == &answers[0]));
}
