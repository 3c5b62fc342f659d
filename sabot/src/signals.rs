//! Interruption: the first signal stops the run and lets it clean up, a second one of the same command ends it at once
//! (what was started is on a leash and goes with us).

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Whether a signal has come, and which.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interruption {
    pub(crate) stop: CancellationToken,
    number: Arc<AtomicI32>,
}

impl Interruption {
    /// Listens for SIGINT and SIGTERM from now on.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let this = Self::default();
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let mut signals = signal(kind)?;
            let told = this.clone();
            tokio::spawn(async move {
                let number = kind.as_raw_value();
                while signals.recv().await.is_some() {
                    if told.stop.is_cancelled() {
                        std::process::exit(128 + number);
                    }
                    told.number.store(number, Ordering::SeqCst);
                    told.stop.cancel();
                    eprintln!("interrupted: cleaning up (again to end at once)");
                }
            });
        }
        Ok(this)
    }

    /// The number of the signal that came.
    pub(crate) fn number(&self) -> Option<i32> {
        match self.number.load(Ordering::SeqCst) {
            0 => None,
            number => Some(number),
        }
    }
}
