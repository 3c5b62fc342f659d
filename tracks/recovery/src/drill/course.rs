//! The course of one drill: its clock, its phases, and what was found on the way. Of every engine alike.

use crate::manifest::Engine;
use crate::report::{Class, Event, Harmless, Outcome, Phase, Problem, Report, Verified};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tokio_util::task::TaskTracker;

/// How many problems, and how many harmless messages, a report holds; how many more there were is said.
pub const MAX_LISTED: usize = 1_000;

/// Who is told how a drill goes.
pub type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// The drill cannot go on: what is wrong was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// An error with its causes, in one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        let more = error.to_string();
        // Some say their cause themselves.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// One drill under way. Everything about it is said through this, so that a drill that is stopped half-way has its
/// report too.
pub struct Course {
    engine: Engine,
    listener: Listener,
    begun: Instant,
    at: OffsetDateTime,
    state: Mutex<State>,
    blocking: TaskTracker,
    over: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    artifact: Option<String>,
    snapshot_at: Option<OffsetDateTime>,
    bytes: u64,
    recovered: Option<Duration>,
    phases: Vec<(Phase, f64)>,
    content: Option<Verified>,
    problems: Vec<Problem>,
    more_problems: u64,
    harmless: Vec<Harmless>,
    more_harmless: u64,
}

impl Course {
    /// Begins: the recovery time counts from here.
    #[must_use]
    pub fn begin(engine: Engine, listener: Listener) -> Self {
        Self {
            engine,
            listener,
            begun: Instant::now(),
            at: OffsetDateTime::now_utc(),
            state: Mutex::default(),
            blocking: TaskTracker::new(),
            over: Arc::default(),
        }
    }

    /// Says which artifact it is, its size in bytes, and the moment whose data it holds, where that is known.
    pub fn accept(&self, artifact: &str, bytes: u64, snapshot_at: Option<OffsetDateTime>) {
        let mut state = self.state();
        state.artifact = Some(artifact.to_owned());
        state.bytes = bytes;
        state.snapshot_at = snapshot_at;
        drop(state);
        self.say(&Event::Accepted { artifact: artifact.to_owned(), at: self.at });
    }

    /// Carries out one phase.
    pub async fn phase<T>(&self, phase: Phase, work: impl Future<Output = T>) -> T {
        self.say(&Event::Began { phase });
        let begun = Instant::now();
        let done = work.await;
        let seconds = begun.elapsed().as_secs_f64();
        self.took(phase, seconds);
        self.say(&Event::Ended { phase, seconds });
        done
    }

    /// A phase may come in two parts: one before the server is there, one after.
    fn took(&self, phase: Phase, seconds: f64) {
        let mut state = self.state();
        match state.phases.iter_mut().find(|(other, _)| *other == phase) {
            Some((_, before)) => *before += seconds,
            None => state.phases.push((phase, seconds)),
        }
    }

    /// Says how far a phase has come, in bytes.
    pub fn progress(&self, phase: Phase, bytes: u64, of: Option<u64>) {
        self.say(&Event::Progress { phase, bytes, of });
    }

    /// Tells whoever listens.
    pub fn say(&self, event: &Event) {
        (self.listener)(event);
    }

    /// Notes something that is wrong.
    pub fn problem(&self, class: Class, subject: impl Into<String>, message: impl Into<String>) {
        let mut state = self.state();
        if state.problems.len() < MAX_LISTED {
            state.problems.push(Problem { class, subject: subject.into(), message: message.into() });
        } else {
            state.more_problems += 1;
        }
    }

    /// Notes something that is wrong, and with which the drill cannot go on.
    pub fn stop(&self, class: Class, subject: impl Into<String>, message: impl Into<String>) -> Stopped {
        self.problem(class, subject, message);
        Stopped
    }

    /// Stops if anything is wrong so far.
    ///
    /// # Errors
    /// If so.
    pub fn go_on(&self) -> Result<(), Stopped> {
        if self.has_problems() { Err(Stopped) } else { Ok(()) }
    }

    /// Notes problems that were counted and not kept.
    pub fn more_problems(&self, count: u64) {
        self.state().more_problems += count;
    }

    /// Notes a message of the restore tool that means no harm.
    pub fn harmless(&self, message: impl Into<String>, reason: impl Into<String>) {
        let mut state = self.state();
        if state.harmless.len() < MAX_LISTED {
            state.harmless.push(Harmless { message: message.into(), reason: reason.into() });
        } else {
            state.more_harmless += 1;
        }
    }

    /// Whether anything is wrong so far.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        !self.state().problems.is_empty()
    }

    /// Says what is known of the restored content.
    pub fn content(&self, content: Verified) {
        self.state().content = Some(content);
    }

    /// The last smoke query is answered: the recovery time ends here.
    pub fn recovered(&self) {
        self.state().recovered = Some(self.begun.elapsed());
    }

    /// Judges recovery time and recovery point by their limits.
    pub fn judge(&self, rto: Duration, rpo: Duration) {
        let recovered = self.state().recovered;
        let age = self.age();
        if let Some(took) = recovered.filter(|took| *took > rto) {
            let (took, rto) = (took.as_secs_f64(), rto.as_secs_f64());
            self.problem(Class::Slow, "recovery time", format!("{took:.1} s; the limit is {rto:.0} s"));
        }
        match age {
            // Clocks of two machines differ by seconds; a minute is a wrong clock or a wrong date.
            Some(age) if age < -60.0 => {
                self.problem(
                    Class::Stale,
                    "recovery point",
                    format!("it is dated {:.0} s in the future", -age),
                );
            }
            Some(age) if age > rpo.as_secs_f64() => {
                let (age, rpo) = (age / 3600.0, rpo.as_secs_f64() / 3600.0);
                let message = format!("its data are {age:.1} h old; the limit is {rpo:.1} h");
                self.problem(Class::Stale, "recovery point", message);
            }
            _ => {}
        }
    }

    /// Runs what blocks on a thread of its own. It is given a flag that is set once the drill is over: it must look at
    /// it every few megabytes, and [`quiet`](Self::quiet) waits for it.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AtomicBool) -> std::io::Result<T> + Send + 'static,
    ) -> std::io::Result<T> {
        let over = Arc::clone(&self.over);
        let done = self.blocking.spawn_blocking(move || work(&over)).await;
        done.unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }

    /// Ends what still runs on threads, and waits for it.
    pub async fn quiet(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.blocking.close();
        self.blocking.wait().await;
    }

    /// The report. `checked` says that something vouches for the content although it could only be counted: smoke
    /// queries that were answered.
    #[must_use]
    pub fn report(self, checked: bool) -> Report {
        let rpo_seconds = self.age();
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if state.more_problems > 0 {
            let message = format!("{} more problems are not listed", state.more_problems);
            state.problems.push(Problem { class: Class::Restore, subject: "and so on".into(), message });
        }
        if state.more_harmless > 0 {
            let message = format!("{} more messages of this sort are not listed", state.more_harmless);
            state
                .harmless
                .push(Harmless { message, reason: "those that are listed show what they are".into() });
        }
        let content = state.content.unwrap_or(Verified::No);
        let outcome = match content {
            _ if !state.problems.is_empty() => Outcome::Failed,
            Verified::Equal { .. } => Outcome::Passed,
            Verified::Counted { .. } if checked => Outcome::Passed,
            Verified::Counted { .. } | Verified::No => Outcome::Unverified,
            Verified::Differs => Outcome::Failed,
        };
        Report {
            outcome,
            artifact: state.artifact,
            engine: self.engine,
            snapshot_at: state.snapshot_at,
            rpo_seconds,
            rto_seconds: state.recovered.map(|took| took.as_secs_f64()),
            phases: state.phases,
            bytes: state.bytes,
            content,
            problems: state.problems,
            harmless: state.harmless,
        }
    }

    /// How old the data were at the acceptance, in seconds.
    fn age(&self) -> Option<f64> {
        self.state().snapshot_at.map(|snapshot| (self.at - snapshot).as_seconds_f64())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Course {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Course").field("engine", &self.engine).field("at", &self.at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
