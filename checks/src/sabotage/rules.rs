//! Sabotage by rules on the wires of a service, its further instances included: `http` and `sql`.

use super::{Put, sabotage};
use futures_util::future::BoxFuture;
use sabot_engine::{CannotTell, Context as _, Judgement, Nature, Sabotage, Sort, Worn};
use sabot_target::{Dress, Instance, Lane, TargetError};
use sabot_wire::rule::Tally;
use sabot_wire::{http, pg};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Sets rules on the wires of one instance and returns what they count.
pub(crate) type SetRules =
    dyn for<'a> Fn(&'a Instance) -> BoxFuture<'a, Result<Vec<Tally>, TargetError>> + Send + Sync;

/// Makes such rules on a lane, with what is known only there, such as a credential.
pub(crate) type MakeRules = dyn Fn(&Lane) -> Arc<SetRules> + Send + Sync;

/// Makes an instance do what rules act on, so that it is seen whether they do.
pub(crate) type Knock = dyn for<'a> Fn(&'a Lane, &'a Instance) -> BoxFuture<'a, Judgement> + Send + Sync;

/// Where rules are put, and how it is seen that they act.
pub(crate) struct Place<'a> {
    /// The service on whose wires they are.
    pub(crate) service: &'a str,
    /// A path that is asked for until one of them has acted.
    pub(crate) path: &'a str,
    /// Puts a fault on an outward wire first, for rules that act only then or thereafter: its name and the status
    /// answered there.
    pub(crate) under: Option<(&'a str, u16)>,
}

/// Rules on HTTP wires. They have landed when a request for the place's path, made for the purpose, was acted on.
pub(crate) fn http(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    place: &Place<'_>,
    set: Arc<SetRules>,
) -> Sabotage<Lane> {
    http_by(turns_red, name, mistake, place, Arc::new(move |_| set.clone()))
}

/// As [`http`], with what is known only on the lane.
pub(crate) fn http_by(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    place: &Place<'_>,
    make: Arc<MakeRules>,
) -> Sabotage<Lane> {
    on_wires(turns_red, name, mistake, Sort::Http, place, make)
}

/// A rule on the PostgreSQL wire called `wire`, landed likewise.
pub(crate) fn sql(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    place: &Place<'_>,
    wire: &str,
    rule: impl Fn() -> pg::Rule + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let (wire, rule) = (wire.to_owned(), Arc::new(rule));
    let set: Arc<SetRules> = Arc::new(move |instance| {
        let (wire, rule) = (wire.clone(), rule.clone());
        Box::pin(async move { Ok(vec![instance.postgres(&wire)?.set(rule()).await?.tally().clone()]) })
    });
    on_wires(turns_red, name, mistake, Sort::Sql, place, Arc::new(move |_| set.clone()))
}

fn on_wires(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    sort: Sort,
    place: &Place<'_>,
    make: Arc<MakeRules>,
) -> Sabotage<Lane> {
    let path = place.path.to_owned();
    let knock: Arc<Knock> = Arc::new(move |lane, instance| {
        let url = instance.url(&path);
        Box::pin(async move {
            // Whether it is answered at all is not the question here.
            drop(lane.client().get(url).timeout(LOOK).send().await);
            Ok(())
        })
    });
    let under = place.under.map(|(wire, status)| (wire.to_owned(), status));
    dressed(turns_red, name, mistake, (sort, place.service), knock, under, make)
}

/// Rules of one `sort` on the wires of a service. They have landed when one of them has acted on what `knock` caused.
pub(crate) fn knocked(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    of: (Sort, &str),
    knock: Arc<Knock>,
    make: Arc<MakeRules>,
) -> Sabotage<Lane> {
    dressed(turns_red, name, mistake, of, knock, None, make)
}

fn dressed(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    (sort, service): (Sort, &str),
    knock: Arc<Knock>,
    under: Option<(String, u16)>,
    make: Arc<MakeRules>,
) -> Sabotage<Lane> {
    let service = service.to_owned();
    let put_on: Arc<sabot_engine::PutOn<Lane>> =
        Arc::new(move |lane| Box::pin(put(lane, service.clone(), knock.clone(), under.clone(), make(lane))));
    sabotage(turns_red, name, mistake, sort, Nature::Symptom, put_on)
}

async fn put(
    lane: &Lane,
    service: String,
    knock: Arc<Knock>,
    under: Option<(String, u16)>,
    set: Arc<SetRules>,
) -> Put {
    let tallies: Arc<Mutex<Vec<Tally>>> = Arc::default();
    let kept = tallies.clone();
    let dress: Arc<Dress> = Arc::new(move |instance| {
        let (set, kept) = (set.clone(), kept.clone());
        Box::pin(async move {
            let tallies = set(instance).await?;
            kept.lock().unwrap_or_else(PoisonError::into_inner).extend(tallies);
            Ok(())
        })
    });
    if let Err(error) = lane.dress(&service, dress).await {
        lane.undress(&service).await.context("taking the rules off again")?;
        return Err(CannotTell::from(error));
    }
    Ok(Box::new(Dressed { service, knock, under, tallies }))
}

struct Dressed {
    service: String,
    knock: Arc<Knock>,
    under: Option<(String, u16)>,
    tallies: Arc<Mutex<Vec<Tally>>>,
}

/// How long one look may take: rules that delay or hang are looked at while they do.
const LOOK: Duration = Duration::from_secs(5);

impl Dressed {
    fn applied(&self) -> u64 {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Tally::applied).sum()
    }

    /// Knocks until a rule has acted: one on an outward wire acts only when the service next calls out.
    async fn knock_until_acted(&self, lane: &Lane, instance: &Instance, limit: Duration) -> Judgement {
        let deadline = tokio::time::Instant::now() + limit;
        while self.applied() == 0 {
            if tokio::time::Instant::now() >= deadline {
                return Err(CannotTell::new("no request was acted on"));
            }
            (self.knock)(lane, instance).await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Worn<Lane> for Dressed {
    fn landed<'a>(&'a self, lane: &'a Lane) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async move {
            let instance = lane.service(&self.service)?;
            let mut acted = Err(CannotTell::new("nobody has knocked"));
            if let Some((wire, status)) = &self.under {
                let answer = http::Rule::on(http::Match::any()).answer(http::Response::status(*status));
                let fault = instance.http(wire)?.set(answer);
                acted = self.knock_until_acted(lane, instance, LOOK / 2).await;
                fault.remove();
            }
            if acted.is_err() {
                // Without a fault from the start, or a rule that acts once the fault is over.
                self.knock_until_acted(lane, instance, LOOK).await?;
            }
            Ok(format!("the wire acted on {} messages of {}", self.applied(), self.service))
        })
    }

    fn undo<'a>(self: Box<Self>, lane: &'a Lane) -> BoxFuture<'a, Judgement> {
        Box::pin(async move { Ok(lane.undress(&self.service).await?) })
    }
}
