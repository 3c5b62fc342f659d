//! A drill on trial: a process of its own, whose events are read as they come and whose traces are taken meanwhile.

use super::traces::Traces;
use sabot_engine::{CannotTell, Context as _, Judgement};
use sabot_recovery::report::{Class, Event, Outcome, Phase, Report};
use sabot_target::{BackupForm, DrillTerms, Estate, Job, Lane};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::{Instant, timeout_at};

/// The longest that a drill of what is drilled here may take on a busy machine: far less than its own limits allow.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a held server stays up when nobody lets it go.
const HOLD: &str = "60s";

/// An environment variable that nothing reads: whatever a drill has started is known by it.
const MARK: &str = "SABOT_TRACE";

/// Numbers the drills of this process.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// What a drill is told.
#[derive(Debug, Clone)]
pub(super) struct Order {
    engine: &'static str,
    args: Vec<String>,
    smoke: Vec<String>,
    limits: (Duration, Duration),
}

impl Order {
    /// The newest artifact of `job` in the estate's store, with the job's own terms.
    pub(super) fn of(estate: &Estate, job: &Job) -> Judgement<Self> {
        Self::from_store(&estate.store(), job)
    }

    /// As [`of`](Self::of), from another store.
    pub(super) fn from_store(store: &Path, job: &Job) -> Judgement<Self> {
        let mut args =
            ["--store", &store.display().to_string(), "--job", &job.name].map(String::from).to_vec();
        if job.form == BackupForm::Physical {
            // It holds every database of its server.
            args.extend(["--smoke-on".to_owned(), job.database.clone()]);
        }
        Ok(Self { args, ..Self::with_terms(job.form, terms(job)?) })
    }

    /// Of a dump that somebody else made.
    pub(super) fn of_file(file: &Path, job: &Job) -> Judgement<Self> {
        let args = ["--file".to_owned(), file.display().to_string()];
        Ok(Self { args: args.to_vec(), ..Self::with_terms(job.form, terms(job)?) })
    }

    /// Without the job's limit of recovery time: who judges that says so and runs alone, and nobody else turns red on a
    /// busy machine.
    fn with_terms(form: BackupForm, terms: &DrillTerms) -> Self {
        let engine = if form == BackupForm::Mongo { "mongo" } else { "postgres" };
        Self { engine, args: Vec::new(), smoke: terms.smoke.clone(), limits: (PATIENCE, terms.rpo) }
    }

    /// With further arguments.
    pub(super) fn with(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// The restored server stays up after the last smoke query, to be looked at.
    pub(super) fn held(self) -> Self {
        self.with(&["--hold", HOLD])
    }

    /// With these limits of recovery time and recovery point in place of the job's.
    pub(super) fn limits(self, rto: Duration, rpo: Duration) -> Self {
        Self { limits: (rto, rpo), ..self }
    }

    /// With these smoke queries in place of the job's.
    pub(super) fn smoke(self, smoke: &[&str]) -> Self {
        Self { smoke: smoke.iter().map(|query| (*query).to_owned()).collect(), ..self }
    }
}

/// The terms on which this job is drilled.
pub(super) fn terms(job: &Job) -> Judgement<&DrillTerms> {
    job.drill.as_ref().ok_or_else(|| CannotTell::new(format!("the target drills nothing of `{}`", job.name)))
}

/// The jobs of these forms that are drilled.
pub(super) fn jobs<'a>(lane: &'a Lane, forms: &[BackupForm]) -> Vec<&'a Job> {
    let jobs = lane.target().recovery.backups.jobs.iter();
    jobs.filter(|job| job.drill.is_some() && forms.contains(&job.form)).collect()
}

/// A drill that runs.
#[derive(Debug)]
pub(super) struct Drill {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: tokio::task::JoinHandle<String>,
    begun: Instant,
    deadline: Instant,
    events: Vec<(Duration, Event)>,
    mark: String,
    pid: u32,
}

impl Drill {
    /// Starts it.
    pub(super) fn start(estate: &Estate, order: &Order) -> Judgement<Self> {
        let mark = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut command = estate.command();
        command.args(["drill", order.engine, "--format", "json"]).args(&order.args);
        for query in &order.smoke {
            command.args(["--smoke", query]);
        }
        let (rto, rpo) = order.limits;
        command
            .arg("--rto")
            .arg(format!("{}s", rto.as_secs()))
            .arg("--rpo")
            .arg(format!("{}s", rpo.as_secs()));
        command.env(MARK, &mark).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let begun = Instant::now();
        let mut child = command.spawn().context("starting a drill")?;
        let pipes = (child.stdout.take(), child.stderr.take(), child.id());
        let (Some(output), Some(mut errors), Some(pid)) = pipes else {
            return Err(CannotTell::new("the drill came without its pipes"));
        };
        let said = tokio::spawn(async move {
            let mut said = Vec::new();
            drop(errors.read_to_end(&mut said).await);
            String::from_utf8_lossy(&said).into_owned()
        });
        let lines = BufReader::new(output).lines();
        let deadline = begun + PATIENCE;
        Ok(Self { child, lines, said, begun, deadline, events: Vec::new(), mark, pid })
    }

    /// Runs it to its end.
    pub(super) async fn run(estate: &Estate, order: &Order) -> Judgement<Ended> {
        Self::start(estate, order)?.end().await
    }

    /// The first event yet to come of which `is` holds; `None` when the drill ends without one.
    pub(super) async fn until(&mut self, is: impl Fn(&Event) -> bool) -> Judgement<Option<Event>> {
        loop {
            let line = timeout_at(self.deadline, self.lines.next_line()).await;
            let late = |_| CannotTell::new(format!("a drill did not end within {PATIENCE:?}"));
            let Some(line) = line.map_err(late)?.context("reading what a drill says")? else {
                return Ok(None);
            };
            let event: Event = serde_json::from_str(&line).context(format!("reading the line {line:?}"))?;
            self.events.push((self.begun.elapsed(), event.clone()));
            if is(&event) {
                return Ok(Some(event));
            }
        }
    }

    /// Awaits the restored server, which stays up until [`end`](Self::end); `None` when the drill ended before.
    pub(super) async fn held(&mut self) -> Judgement<Option<String>> {
        let held = self.until(|event| matches!(event, Event::Held { .. })).await?;
        Ok(held.and_then(|event| match event {
            Event::Held { url, .. } => Some(url),
            _ => None,
        }))
    }

    /// Awaits the beginning of a phase; `false` when the drill ended before.
    pub(super) async fn begins(&mut self, phase: Phase) -> Judgement<bool> {
        let begun = |event: &Event| matches!(event, Event::Began { phase: begun } if *begun == phase);
        Ok(self.until(begun).await?.is_some())
    }

    /// Everything on this machine that is the drill's at this moment.
    pub(super) fn traces(&self) -> Traces {
        Traces::of(self.pid, &format!("{MARK}={}", self.mark))
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: rustix::process::Signal) -> Judgement {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or_else(|| CannotTell::new("the drill has no process id"))?;
        rustix::process::kill_process(pid, signal).context("sending a signal to a drill")
    }

    /// Awaits the end of the process itself: whatever it leaves behind may still hold its output open, and its input.
    pub(super) async fn exited(&mut self) -> Judgement<ExitStatus> {
        let late = |_| CannotTell::new(format!("a drill did not end within {PATIENCE:?}"));
        let status = timeout_at(self.deadline, self.child.wait()).await.map_err(late)?;
        status.context("awaiting the end of a drill")
    }

    /// Lets a held server go, and awaits the end.
    pub(super) async fn end(mut self) -> Judgement<Ended> {
        drop(self.child.stdin.take());
        while self.until(|_| false).await?.is_some() {}
        let status = self.exited().await?;
        let said = timeout_at(self.deadline, self.said).await.ok().and_then(Result::ok).unwrap_or_default();
        Ok(Ended { status, said, events: self.events })
    }
}

/// A drill that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    said: String,
    events: Vec<(Duration, Event)>,
}

impl Ended {
    /// Its report, where it gave one.
    pub(super) fn report(&self) -> Option<&Report> {
        self.events.iter().rev().find_map(|(_, event)| match event {
            Event::Report(report) => Some(&**report),
            _ => None,
        })
    }

    /// Whether it says, by exit code and report, that the backup is good.
    pub(super) fn passed(&self) -> bool {
        self.status.success() && self.report().is_some_and(|report| report.outcome == Outcome::Passed)
    }

    /// Whether it says by both that it is not.
    pub(super) fn failed(&self) -> bool {
        self.status.code() == Some(1) && self.report().is_some_and(|report| report.outcome == Outcome::Failed)
    }

    /// Whether a problem of this class is reported.
    pub(super) fn has(&self, class: Class) -> bool {
        self.report().is_some_and(|report| report.problems.iter().any(|problem| problem.class == class))
    }

    /// Whether a phase was begun.
    pub(super) fn began(&self, phase: Phase) -> bool {
        self.events.iter().any(|(_, event)| matches!(event, Event::Began { phase: begun } if *begun == phase))
    }

    /// How long after the start of the process this event came.
    pub(super) fn when(&self, is: impl Fn(&Event) -> bool) -> Option<Duration> {
        self.events.iter().find(|(_, event)| is(event)).map(|(at, _)| *at)
    }

    /// What it came to, in one line.
    pub(super) fn told(&self) -> String {
        let report = self.report().map_or_else(
            || "no report".to_owned(),
            |report| {
                let problems: Vec<_> = report
                    .problems
                    .iter()
                    .take(3)
                    .map(|problem| format!("{:?}, {}: {}", problem.class, problem.subject, problem.message))
                    .collect();
                let more = report.problems.len().saturating_sub(problems.len());
                let more = if more == 0 { String::new() } else { format!("; {more} more") };
                format!("outcome {:?}, {:?}; {}{more}", report.outcome, report.content, problems.join("; "))
            },
        );
        format!("{}; {report}", self.status)
    }

    /// The last lines that it printed for people.
    pub(super) fn last_lines(&self) -> String {
        let lines: Vec<_> = self.said.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}
