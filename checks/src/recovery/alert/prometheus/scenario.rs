//! Courses of the metric, and what the alerts of one severity must say at a time in each.
//!
//! Time begins at 0, as it does for `promtool`. Every time asked for is a multiple of `step`, so that an evaluation in
//! large steps answers like one in the rules' own.

use super::super::plain;
use super::super::promql::{Labels, NAME, Sample, World};
use sabot_target::recovery::{Alerts, Severity};
use std::time::Duration;

/// Backups come every night, a little after midnight.
const NIGHT: u64 = 24 * 3600;
const NIGHTLY: u64 = 600;

/// A large step is the least multiple of the interval from this on.
const STEP: u64 = 3600;

/// A job that the target does not have: a rule must hold on the day that one is added.
const ANOTHER_JOB: &str = "another-job";

/// The metric of one job: from each time on, when a backup last succeeded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) labels: Labels,
    pub(super) course: Vec<(u64, u64)>,
}

impl Series {
    /// Its value at `at`.
    pub(super) fn value(&self, at: u64) -> Option<u64> {
        let begun = self.course.iter().take_while(|(from, _)| *from <= at);
        begun.last().map(|(_, value)| *value)
    }
}

/// What there is of the metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scenario {
    pub(super) series: Vec<Series>,
}

impl World for Scenario {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "times of a few days"
    )]
    fn samples(&self, name: &str, at: f64) -> Vec<Sample> {
        let series =
            self.series.iter().filter(|series| series.labels.get(NAME).is_some_and(|own| own == name));
        let samples = series.filter_map(|series| {
            Some(Sample { labels: series.labels.clone(), value: series.value(at as u64)? as f64 })
        });
        samples.collect()
    }
}

/// One thing that the alerts of a severity must say.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// When things are so, for people.
    pub(super) when: String,
    pub(super) scenario: Scenario,
    /// When they are asked, in seconds.
    pub(super) at: u64,
    /// Whether they must fire.
    pub(super) fires: bool,
    /// What to do where they do not as they must.
    pub(super) remedy: &'static str,
}

/// How the alerts of one severity are timed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// The promised threshold.
    pub(super) after: Duration,
    /// The longest `for` among them.
    pub(super) hold: Duration,
    /// The longest interval between evaluations.
    pub(super) interval: Duration,
}

impl Timing {
    /// A multiple of the interval, and large.
    pub(super) fn step(&self) -> u64 {
        let interval = self.interval.as_secs().max(1);
        interval * STEP.div_ceil(interval)
    }

    /// The first time asked for: two nights, and then as long as it takes the metric to be older than the threshold.
    fn first(&self) -> u64 {
        let step = self.step();
        step * (2 * NIGHT + self.after.as_secs() + self.interval.as_secs() + 1).div_ceil(step)
    }

    /// What was true at the first time has been so for as long as the alerts hold.
    fn held(&self) -> u64 {
        self.first() + self.step() * self.hold.as_secs().div_ceil(self.step())
    }
}

/// Every question to the alerts of `severity`.
pub(super) fn questions(alerts: &Alerts, severity: Severity, timing: &Timing) -> Vec<Question> {
    let maker = Maker { alerts, timing };
    let mut questions = maker.silent();
    questions.extend(maker.firing());
    if severity == Severity::Critical {
        questions.push(maker.lasting());
    }
    questions
}

struct Maker<'a> {
    alerts: &'a Alerts,
    timing: &'a Timing,
}

impl Maker<'_> {
    /// Backups come every night, then none for just less than the threshold.
    fn silent(&self) -> Vec<Question> {
        let first = self.timing.first();
        let scenario = self.jobs(|_| nightly(first + 1 - self.timing.after.as_secs()));
        let step = self.timing.step();
        vec![
            Question {
                when: "backups succeed every night".into(),
                scenario: scenario.clone(),
                at: step * NIGHT.div_ceil(step),
                fires: false,
                remedy: "let it fire above the threshold, on the age: `time() - max by (…) (metric) > seconds`",
            },
            Question {
                when: format!("the newest backup is a second younger than {}", plain(self.timing.after)),
                scenario,
                at: first,
                fires: false,
                remedy: "set the threshold to the promised age, in seconds",
            },
        ]
    }

    fn firing(&self) -> Vec<Question> {
        let at = self.timing.held();
        let question = |when: String, scenario, remedy| Question { when, scenario, at, fires: true, remedy };
        vec![
            question(
                self.stale_for(),
                self.one_stale(),
                "set the threshold to the promised age in seconds; let its matchers fit the metric, and judge each job by \
                 itself (`max by (job)`, not `max` of all)",
            ),
            question(
                "the metric is zero: no backup has ever succeeded".into(),
                self.jobs(|_| vec![(0, 0)]),
                "do not filter zero out: no success since 1970 is older than any threshold",
            ),
            question(
                "the metric is absent: nobody tells of backups".into(),
                Scenario { series: Vec::new() },
                "add `or absent(metric)`: an expression over a metric that is gone is never true",
            ),
        ]
    }

    /// A day later it is no better.
    fn lasting(&self) -> Question {
        let step = self.timing.step();
        Question {
            when: format!("{}, and a day more", self.stale_for()),
            scenario: self.one_stale(),
            at: self.timing.held() + step * NIGHT.div_ceil(step),
            fires: true,
            remedy: "let it fire for as long as the backup is stale",
        }
    }

    fn stale_for(&self) -> String {
        let after = plain(self.timing.after);
        format!(
            "one job's newest backup is older than {after}, the alert's own `for` and one evaluation, and another job is well"
        )
    }

    /// The target's jobs are just older than the threshold at the first time, by one evaluation; another is well.
    fn one_stale(&self) -> Scenario {
        let Timing { after, interval, .. } = self.timing;
        let last = self.timing.first() - after.as_secs() - interval.as_secs();
        let end = self.timing.held() + 2 * NIGHT;
        self.jobs(|job| nightly(if job == ANOTHER_JOB { end } else { last }))
    }

    /// One series for each of the target's jobs, and for another.
    fn jobs(&self, course: impl Fn(&str) -> Vec<(u64, u64)>) -> Scenario {
        let jobs = self.alerts.jobs.iter().map(String::as_str).chain([ANOTHER_JOB]);
        let series = jobs.map(|job| {
            let own = [(NAME, self.alerts.metric.as_str()), (&self.alerts.job_label, job)];
            let further = self.alerts.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let labels =
                own.into_iter().chain(further).map(|(name, value)| (name.to_owned(), value.to_owned()));
            Series { labels: labels.collect(), course: course(job) }
        });
        Scenario { series: series.collect() }
    }
}

/// A backup every night, and the last one at `last`.
fn nightly(last: u64) -> Vec<(u64, u64)> {
    let nights = (0..=last / NIGHT).map(|night| night * NIGHT + NIGHTLY).filter(|success| *success < last);
    std::iter::once((0, 1)).chain(nights.chain([last]).map(|success| (success, success))).collect()
}
