//! Sabotage of cause by `setting`: a legitimate setting with a bad value that its validator lets through.

use super::{Put, sabotage};
use futures_util::future::BoxFuture;
use sabot_engine::{CannotTell, Context as _, Judgement, Nature, Sabotage, Sort, Worn};
use sabot_target::{Lane, Overrides};
use std::sync::Arc;

/// Restarts services with settings turned; undone by a restart with the ordinary ones.
pub(crate) fn turned(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    services: Vec<(String, Overrides)>,
) -> Sabotage<Lane> {
    turned_by(turns_red, name, mistake, move |_| services.clone())
}

/// As [`turned`], with values that are known only on the lane, such as a credential.
pub(crate) fn turned_by(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    services: impl Fn(&Lane) -> Vec<(String, Overrides)> + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let put_on = move |lane: &Lane| {
        let services = services(lane);
        async move { services }
    };
    let put_on = Arc::new(put_on);
    sabotage(
        turns_red,
        name,
        mistake,
        Sort::Setting,
        Nature::Cause,
        Arc::new(move |lane| {
            let put_on = put_on.clone();
            Box::pin(async move { put(lane, put_on(lane).await).await })
        }),
    )
}

async fn put(lane: &Lane, services: Vec<(String, Overrides)>) -> Put {
    for (service, overrides) in &services {
        if let Err(error) = lane.turn(service, overrides.clone()).await {
            for (service, _) in &services {
                lane.turn(service, Overrides::new()).await.context("turning it back")?;
            }
            return Err(CannotTell::from(error));
        }
    }
    Ok(Box::new(Turned(services)))
}

struct Turned(Vec<(String, Overrides)>);

impl Worn<Lane> for Turned {
    /// The setting is read back from where the system keeps it for the running process.
    fn landed<'a>(&'a self, lane: &'a Lane) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async move {
            for (service, overrides) in &self.0 {
                let pid = lane.service(service)?.pid().await;
                let pid = pid.ok_or_else(|| CannotTell::new(format!("{service} does not run")))?;
                let environment = std::fs::read(format!("/proc/{pid}/environ"))
                    .context(format!("reading the environment of {service}"))?;
                for (name, value) in overrides {
                    let wanted = format!("{name}={value}");
                    if !environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes()) {
                        return Err(CannotTell::new(format!("{service} runs without {wanted}")));
                    }
                }
            }
            let read: Vec<_> = self.0.iter().map(|(service, overrides)| sketch(service, overrides)).collect();
            Ok(format!("the running process has {}", read.join("; ")))
        })
    }

    fn undo<'a>(self: Box<Self>, lane: &'a Lane) -> BoxFuture<'a, Judgement> {
        Box::pin(async move {
            for (service, _) in &self.0 {
                lane.turn(service, Overrides::new()).await?;
            }
            Ok(())
        })
    }
}

fn sketch(service: &str, overrides: &Overrides) -> String {
    let settings: Vec<_> = overrides.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{service}: {}", settings.join(" "))
}
