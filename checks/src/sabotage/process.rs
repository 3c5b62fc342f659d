//! Sabotage of cause by `process`: a process really paused.

use super::{Put, sabotage};
use futures_util::future::BoxFuture;
use sabot_engine::{CannotTell, Judgement, Nature, Sabotage, Sort, Worn};
use sabot_target::{Dress, Lane, Signal, is_paused};
use std::sync::Arc;

/// Pauses every instance of `service`, further ones as soon as they have started.
pub(crate) fn paused(turns_red: &[&'static str], name: &str, mistake: &str, service: &str) -> Sabotage<Lane> {
    let service = service.to_owned();
    let put_on: Arc<sabot_engine::PutOn<Lane>> = Arc::new(move |lane| Box::pin(put(lane, service.clone())));
    sabotage(turns_red, name, mistake, Sort::Process, Nature::Cause, put_on)
}

async fn put(lane: &Lane, service: String) -> Put {
    let dress: Arc<Dress> = Arc::new(|instance| Box::pin(instance.pause()));
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
            if !is_paused(pid) {
                return Err(CannotTell::new(format!("process {pid} goes on")));
            }
            Ok(format!("the system says that process {pid} is stopped"))
        })
    }

    fn undo<'a>(self: Box<Self>, lane: &'a Lane) -> BoxFuture<'a, Judgement> {
        Box::pin(async move {
            lane.undress(&self.service).await?;
            Ok(lane.service(&self.service)?.signal(Signal::CONT).await?)
        })
    }
}
