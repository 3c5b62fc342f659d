//! Sabotage of cause by `process`: a process really paused.

use super::{Put, sabotage};
use futures_util::future::BoxFuture;
use sabot_engine::{CannotTell, Context as _, Judgement, Nature, Sabotage, Sort, Worn};
use sabot_target::{Dress, Lane, Signal};
use std::sync::Arc;
use std::time::Duration;

/// How long a signal may take to show.
const LOOK: Duration = Duration::from_secs(5);

/// Pauses every instance of `service`, further ones as soon as they have started.
pub(crate) fn paused(turns_red: &[&'static str], name: &str, mistake: &str, service: &str) -> Sabotage<Lane> {
    let service = service.to_owned();
    let put_on: Arc<sabot_engine::PutOn<Lane>> = Arc::new(move |lane| Box::pin(put(lane, service.clone())));
    sabotage(turns_red, name, mistake, Sort::Process, Nature::Cause, put_on)
}

async fn put(lane: &Lane, service: String) -> Put {
    let dress: Arc<Dress> = Arc::new(|instance| Box::pin(instance.signal(Signal::STOP)));
    lane.dress(&service, dress).await?;
    Ok(Box::new(Paused { service }))
}

struct Paused {
    service: String,
}

impl Worn<Lane> for Paused {
    /// The system says that the process is stopped.
    fn landed<'a>(&'a self, lane: &'a Lane) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async move {
            let pid = lane.service(&self.service)?.pid().await;
            let pid = pid.ok_or_else(|| CannotTell::new(format!("{} does not run", self.service)))?;
            // A signal takes effect when its process is next scheduled; there is no event for that.
            let deadline = tokio::time::Instant::now() + LOOK;
            loop {
                let stat =
                    std::fs::read_to_string(format!("/proc/{pid}/stat")).context("reading its state")?;
                let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
                if state == Some('T') {
                    return Ok(format!("the system says that process {pid} is stopped"));
                }
                if tokio::time::Instant::now() >= deadline {
                    return Err(CannotTell::new(format!("process {pid} is in state {state:?}")));
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    }

    fn undo<'a>(self: Box<Self>, lane: &'a Lane) -> BoxFuture<'a, Judgement> {
        Box::pin(async move {
            lane.undress(&self.service).await?;
            Ok(lane.service(&self.service)?.signal(Signal::CONT).await?)
        })
    }
}
