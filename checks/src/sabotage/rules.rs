//! Sabotage by rules on the wires of a service, its further instances included.

use super::{Put, sabotage};
use futures_util::future::BoxFuture;
use sabot_engine::{CannotTell, Context as _, Judgement, Nature, Sabotage, Sort, Worn};
use sabot_target::{Dress, Instance, Lane, TargetError};
use sabot_wire::rule::Tally;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Sets rules on the wires of one instance and returns what they count.
pub(crate) type SetRules = dyn Fn(&Instance) -> Result<Vec<Tally>, TargetError> + Send + Sync;

/// Makes such rules on a lane, with what is known only there, such as a credential.
pub(crate) type MakeRules = dyn Fn(&Lane) -> Arc<SetRules> + Send + Sync;

/// Rules on HTTP wires of `service`. They have landed when a request for `path`, made for the purpose, was acted on.
pub(crate) fn http(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    service: &str,
    path: &str,
    set: Arc<SetRules>,
) -> Sabotage<Lane> {
    http_by(turns_red, name, mistake, service, path, Arc::new(move |_| set.clone()))
}

/// As [`http`], with what is known only on the lane.
pub(crate) fn http_by(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    service: &str,
    path: &str,
    make: Arc<MakeRules>,
) -> Sabotage<Lane> {
    let (service, path) = (service.to_owned(), path.to_owned());
    sabotage(
        turns_red,
        name,
        mistake,
        Sort::Http,
        Nature::Symptom,
        Arc::new(move |lane| Box::pin(put(lane, service.clone(), path.clone(), make(lane)))),
    )
}

async fn put(lane: &Lane, service: String, path: String, set: Arc<SetRules>) -> Put {
    let tallies: Arc<Mutex<Vec<Tally>>> = Arc::default();
    let kept = tallies.clone();
    let dress: Arc<Dress> = Arc::new(move |instance| {
        let tallies = set(instance);
        let done = tallies.map(|tallies| kept.lock().unwrap_or_else(PoisonError::into_inner).extend(tallies));
        Box::pin(async { done })
    });
    lane.dress(&service, dress).await?;
    Ok(Box::new(Dressed { service, path, tallies }))
}

struct Dressed {
    service: String,
    path: String,
    tallies: Arc<Mutex<Vec<Tally>>>,
}

impl Dressed {
    fn applied(&self) -> u64 {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Tally::applied).sum()
    }
}

/// How long one look may take: rules that delay or hang are looked at while they do.
const LOOK: Duration = Duration::from_secs(5);

impl Worn<Lane> for Dressed {
    fn landed<'a>(&'a self, lane: &'a Lane) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async move {
            let instance = lane.service(&self.service)?;
            let deadline = tokio::time::Instant::now() + LOOK;
            // A rule on an outward wire acts only when the service next calls out: ask until it has.
            while self.applied() == 0 {
                if tokio::time::Instant::now() >= deadline {
                    return Err(CannotTell::new("no request was acted on"));
                }
                let asked = lane.client().get(instance.url(&self.path)).timeout(LOOK).send().await;
                asked.context("asking so that the rule may act")?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(format!("the wire acted on {} requests of {}", self.applied(), self.service))
        })
    }

    fn undo<'a>(self: Box<Self>, lane: &'a Lane) -> BoxFuture<'a, Judgement> {
        Box::pin(async move { Ok(lane.undress(&self.service).await?) })
    }
}
