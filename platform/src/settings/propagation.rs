//! The propagation runner.

use std::time::Duration;

use clap::Args;
use sabot_propagation::{Schedule, Settings};

use super::duration::{FORM, parse_duration, parse_long_duration};
use super::problem::Problems;

/// How long a runner waits for an answer of the database: long enough for a busy one.
const STATEMENT_LIMIT: Duration = Duration::from_secs(10);

/// The runner, which carries every change downstream.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Propagations")]
pub struct PropagationArgs {
    /// How often the propagation runner looks for work that nothing told it of
    #[arg(long, env = "SABOT_PROPAGATION_POLL", value_name = "DURATION", default_value = "1s")]
    pub propagation_poll: String,
    /// After how long without a tick the runner counts as failed; at least twice the polling period
    #[arg(long, env = "SABOT_PROPAGATION_STALE_AFTER", value_name = "DURATION", default_value = "15s")]
    pub propagation_stale_after: String,
    /// For how long a propagation that one worker holds is hidden from the others
    #[arg(long, env = "SABOT_PROPAGATION_LEASE", value_name = "DURATION", default_value = "5m")]
    pub propagation_lease: String,
    /// How long one dispatch may take; the lease is at least one and a half times as long
    #[arg(long, env = "SABOT_PROPAGATION_DISPATCH_LIMIT", value_name = "DURATION", default_value = "30s")]
    pub propagation_dispatch_limit: String,
    /// How many dispatches are under way at once, in each worker
    #[arg(long, env = "SABOT_PROPAGATION_CONCURRENCY", value_name = "N", default_value = "16")]
    pub propagation_concurrency: String,
    /// How many propagations are claimed, or completed, by one statement at most
    #[arg(long, env = "SABOT_PROPAGATION_BATCH", value_name = "N", default_value = "500")]
    pub propagation_batch: String,
    /// After how many failed attempts a propagation is a dead letter
    #[arg(long, env = "SABOT_PROPAGATION_MAX_ATTEMPTS", value_name = "N", default_value = "10")]
    pub propagation_max_attempts: String,
    /// When a propagation that failed is tried again: after the first failure, the second, and so on; the last again
    /// and again
    #[arg(
        long,
        env = "SABOT_PROPAGATION_SCHEDULE",
        value_name = "DURATIONS",
        default_value = "1m,5m,15m,30m,1h,2h,4h,8h,16h,24h"
    )]
    pub propagation_schedule: String,
    /// How long dispatches may go on after SIGTERM before they are given back; less than the shutdown grace
    #[arg(long, env = "SABOT_PROPAGATION_GRACE", value_name = "DURATION", default_value = "20s")]
    pub propagation_grace: String,
    /// How often the gauges are brought up to date
    #[arg(long, env = "SABOT_PROPAGATION_OBSERVE", value_name = "DURATION", default_value = "30s")]
    pub propagation_observe: String,
    /// How long applied propagations are kept, or `never` to delete none
    #[arg(long, env = "SABOT_PROPAGATION_KEEP_APPLIED", value_name = "DURATION", default_value = "30d")]
    pub propagation_keep_applied: String,
}

/// What the runner was told, checked.
#[derive(Debug, Clone)]
pub struct PropagationSettings {
    /// How it goes about it.
    pub runner: Settings,
    /// After how long without a tick it counts as failed.
    pub stale_after: Duration,
}

impl PropagationArgs {
    /// Checks each flag, and the flags against each other. `shutdown_grace` is what the whole service has, if known.
    pub fn settle(
        &self,
        shutdown_grace: Option<Duration>,
        problems: &mut Problems,
    ) -> Option<PropagationSettings> {
        let (poll, stale_after) = self.pace(problems)?;
        let (lease, dispatch_limit) = self.lease(problems)?;
        let mut runner = Settings::default();
        (runner.poll, runner.lease, runner.dispatch_limit) = (poll, lease, dispatch_limit);
        // A statement that never comes back is given up when its silence shows as a missing tick.
        runner.statement_limit = STATEMENT_LIMIT.min(stale_after);
        let number = |problems: &mut Problems, flag, text: &str, most| whole(problems, flag, text, most);
        let concurrency = number(problems, "propagation-concurrency", &self.propagation_concurrency, 1_000);
        let batch = number(problems, "propagation-batch", &self.propagation_batch, 10_000);
        let attempts = number(problems, "propagation-max-attempts", &self.propagation_max_attempts, 1_000);
        let schedule = self.schedule(problems);
        let grace = self.grace(shutdown_grace, problems);
        let observe = problems.take("propagation-observe", parse_duration(&self.propagation_observe), FORM);
        let keep = match self.propagation_keep_applied.trim() {
            "never" => Some(None),
            text => {
                let remedy = "give a duration such as 12h or 30d, or never";
                problems.take("propagation-keep-applied", parse_long_duration(text), remedy).map(Some)
            }
        };
        runner.concurrency = usize::try_from(concurrency?).ok()?;
        runner.batch = usize::try_from(batch?).ok()?;
        (runner.max_attempts, runner.schedule) = (attempts?, schedule?);
        (runner.grace, runner.observe, runner.keep_applied) = (grace?, observe?, keep?);
        Some(PropagationSettings { runner, stale_after })
    }

    fn pace(&self, problems: &mut Problems) -> Option<(Duration, Duration)> {
        let poll = problems.take("propagation-poll", parse_duration(&self.propagation_poll), FORM);
        let stale = parse_duration(&self.propagation_stale_after);
        let (poll, stale) = (poll, problems.take("propagation-stale-after", stale, FORM));
        let (poll, stale) = (poll?, stale?);
        if stale < poll * 2 {
            let what = format!("{stale:?} is less than twice the polling period of {poll:?}");
            problems.add("propagation-stale-after", what, "raise it, or lower --propagation-poll");
        }
        Some((poll, stale))
    }

    fn lease(&self, problems: &mut Problems) -> Option<(Duration, Duration)> {
        let lease = problems.take("propagation-lease", parse_duration(&self.propagation_lease), FORM);
        let limit = parse_duration(&self.propagation_dispatch_limit);
        let limit = problems.take("propagation-dispatch-limit", limit, FORM);
        let (lease, limit) = (lease?, limit?);
        if lease < limit * 3 / 2 {
            let what = format!("{lease:?} is less than one and a half times the dispatch limit of {limit:?}");
            problems.add("propagation-lease", what, "raise it, or lower --propagation-dispatch-limit");
        }
        Some((lease, limit))
    }

    fn schedule(&self, problems: &mut Problems) -> Option<Schedule> {
        let steps = self.propagation_schedule.split(',').map(parse_duration).collect::<Result<Vec<_>, _>>();
        let schedule = steps.and_then(|steps| Schedule::new(steps).map_err(|error| error.to_string()));
        problems.take("propagation-schedule", schedule, "give durations such as 1m,5m,1h")
    }

    fn grace(&self, shutdown_grace: Option<Duration>, problems: &mut Problems) -> Option<Duration> {
        let grace = problems.take("propagation-grace", parse_duration(&self.propagation_grace), FORM)?;
        if let Some(whole) = shutdown_grace
            && grace >= whole
        {
            let what = format!("{grace:?} is not less than the shutdown grace of {whole:?}");
            problems.add("propagation-grace", what, "lower it, or raise --shutdown-grace");
        }
        Some(grace)
    }
}

fn whole(problems: &mut Problems, flag: &'static str, text: &str, most: u32) -> Option<u32> {
    let number = text.trim().parse().ok().filter(|number| (1..=most).contains(number));
    let number = number.ok_or_else(|| format!("{text:?} is no such number"));
    problems.take(flag, number, &format!("give 1 to {most}"))
}
