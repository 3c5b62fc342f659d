//! Alerts on the staleness of backups: what judges the rule files of Prometheus and the conditions of New Relic.

pub(super) mod newrelic;
pub(super) mod prometheus;
mod promql;

use sabot_engine::{CannotTell, Context as _, Judgement};
use sabot_target::Lane;
use sabot_target::recovery::Alerts;
use std::path::PathBuf;
use std::time::Duration;

/// One file of the target, as the lane has it.
struct File {
    /// The name that the target's description gives it.
    name: String,
    path: PathBuf,
    text: String,
}

/// The files of `names` that end in one of `extensions`.
fn read(lane: &Lane, names: &[String], extensions: &[&str]) -> Judgement<Vec<File>> {
    let listed = lane.files()?.list(names, extensions)?;
    let files = listed.into_iter().map(|(name, path)| {
        let text = std::fs::read_to_string(&path).context(format!("reading {name}"))?;
        Ok(File { name, path, text })
    });
    files.collect()
}

fn alerts(lane: &Lane) -> &Alerts {
    &lane.target().recovery.alerts
}

/// A duration as people write it, such as `36h` or `1h30m`.
fn plain(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let told: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if told.is_empty() { "0s".into() } else { told }
}

/// What could not be told, as one reason; none where all was.
fn unless_all_was_told(untold: &[String]) -> Judgement {
    if untold.is_empty() { Ok(()) } else { Err(CannotTell::new(untold.join("; "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        let told = [0, 59, 1800, 5400, 129_600, 216_061].map(|seconds| plain(Duration::from_secs(seconds)));
        assert_eq!(told, ["0s", "59s", "30m", "1h30m", "36h", "60h1m1s"]);
    }
}
