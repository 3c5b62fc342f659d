//! A worker under measurement: what its handler does, and how it ends.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::Outcome;

/// How many jobs every worker has in hand at once: ours by default, so the peers too.
pub(crate) const CONCURRENCY: usize = 16;

/// How long a worker may take to end once its figure is taken.
const END: Duration = Duration::from_secs(10);

/// All that a handler does: it says that it was called.
#[derive(Clone)]
pub(crate) struct Called(Arc<dyn Fn() + Send + Sync>);

impl Called {
    /// One that counts, and tells when all were handled.
    pub(crate) fn counting(expected: usize) -> (Self, Arc<Count>) {
        let count = Arc::new(Count { calls: AtomicUsize::new(0), expected, all: Notify::new() });
        let counted = Arc::clone(&count);
        let called = Self(Arc::new(move || {
            if counted.calls.fetch_add(1, Ordering::Relaxed) + 1 == expected {
                counted.all.notify_one();
            }
        }));
        (called, count)
    }

    /// One that tells when it was called.
    pub(crate) fn timed() -> (Self, mpsc::UnboundedReceiver<Instant>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let called = Self(Arc::new(move || {
            // Nobody listens any more once a figure is taken.
            let _gone = sender.send(Instant::now());
        }));
        (called, receiver)
    }

    /// The handler's first line, and its last.
    pub(crate) fn now(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Called")
    }
}

/// How often handlers were called.
pub(crate) struct Count {
    calls: AtomicUsize,
    expected: usize,
    all: Notify,
}

impl Count {
    /// An error if there were more calls than rows: a figure of work done twice is none.
    pub(crate) fn exact(&self) -> Outcome {
        match self.calls.load(Ordering::Relaxed) {
            calls if calls == self.expected => Ok(()),
            calls => Err(format!("{calls} calls of the handler for {} rows", self.expected).into()),
        }
    }
}

/// A worker at work.
pub(crate) struct Working {
    task: JoinHandle<Result<(), String>>,
    stop: Box<dyn FnOnce() + Send>,
}

impl Working {
    /// A task, and how it is told to stop.
    pub(crate) fn new(
        task: impl Future<Output = Result<(), String>> + Send + 'static,
        stop: impl FnOnce() + Send + 'static,
    ) -> Self {
        Self { task: tokio::spawn(task), stop: Box::new(stop) }
    }

    /// Waits for the last call that is expected; an error if the worker ends before it.
    pub(crate) async fn until_all(&mut self, count: &Count) -> Outcome {
        tokio::select! {
            biased;
            () = count.all.notified() => Ok(()),
            ended = &mut self.task => {
                ended??;
                Err("the worker ended before its last row".into())
            }
        }
    }

    /// Stops it, whether or not it is done. One that does not end is cut off: its figure is taken already.
    pub(crate) async fn stop(mut self) -> Outcome {
        (self.stop)();
        match timeout(END, &mut self.task).await {
            Ok(ended) => Ok(ended??),
            Err(_) => {
                self.task.abort();
                Ok(())
            }
        }
    }
}
