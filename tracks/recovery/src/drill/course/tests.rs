//! What outcome a report comes to.

use super::*;
use time::ext::NumericalDuration as _;

fn course() -> Course {
    Course::begin(Engine::Postgres, Arc::new(|_| {}))
}

fn counted() -> Verified {
    Verified::Counted { tables: 1, rows: 1, reason: "no manifest".into() }
}

fn judged(snapshot_at: OffsetDateTime) -> Report {
    let course = course();
    course.accept("a", 1, Some(snapshot_at));
    course.recovered();
    course.content(Verified::Equal { tables: 1, rows: 1 });
    course.judge(Duration::from_secs(300), Duration::from_secs(30 * 3600));
    course.report(false)
}

#[test]
fn what_is_only_counted_passes_where_smoke_queries_vouch_for_it() {
    for (checked, outcome) in [(false, Outcome::Unverified), (true, Outcome::Passed)] {
        let course = course();
        course.content(counted());
        assert_eq!(course.report(checked).outcome, outcome);
    }
    assert_eq!(course().report(true).outcome, Outcome::Unverified, "nothing was looked at");
}

#[test]
fn an_artifact_is_neither_too_old_nor_of_the_future() {
    let now = OffsetDateTime::now_utc();
    assert_eq!(judged(now - 29.hours()).outcome, Outcome::Passed);
    for wrong in [now - 31.hours(), now + 1.hours()] {
        let report = judged(wrong);
        assert_eq!(report.outcome, Outcome::Failed);
        assert_eq!(report.problems[0].class, Class::Stale);
    }
}

#[test]
fn a_recovery_that_takes_longer_than_its_limit_is_slow() {
    let course = course();
    course.recovered();
    course.content(Verified::Equal { tables: 1, rows: 1 });
    course.judge(Duration::ZERO, Duration::MAX);
    assert_eq!(course.report(false).problems[0].class, Class::Slow);
}

#[test]
fn a_flood_of_problems_is_bounded_and_its_total_said() {
    let course = course();
    for number in 0..MAX_LISTED + 7 {
        course.problem(Class::Restore, number.to_string(), "no");
    }
    let report = course.report(false);
    assert_eq!(report.problems.len(), MAX_LISTED + 1);
    assert!(report.problems[MAX_LISTED].message.contains("7 more"));
}
