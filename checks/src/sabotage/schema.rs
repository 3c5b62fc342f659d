//! Sabotage of cause by `schema`: statements in the target's throwaway database.

use super::{Put, sabotage};
use futures_util::future::BoxFuture;
use sabot_engine::{CannotTell, Judgement, Nature, Sabotage, Sort, Worn};
use sabot_target::{Lane, SchemaLever};
use std::sync::Arc;

/// Changes the schema as `lever` says, and changes it back.
pub(crate) fn changed(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    lever: &SchemaLever,
) -> Sabotage<Lane> {
    let lever = lever.clone();
    changed_by(turns_red, name, mistake, move |_| Ok(lever.clone()))
}

/// As [`changed`], with what is known only on the lane, such as a credential.
pub(crate) fn changed_by(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    lever: impl Fn(&Lane) -> Judgement<SchemaLever> + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let put_on: Arc<sabot_engine::PutOn<Lane>> = Arc::new(move |lane| {
        let lever = lever(lane);
        Box::pin(async { put(lane, lever?).await })
    });
    sabotage(turns_red, name, mistake, Sort::Schema, Nature::Cause, put_on)
}

async fn put(lane: &Lane, lever: SchemaLever) -> Put {
    lane.database(&lever.database).await?.batch_execute(&lever.change).await?;
    Ok(Box::new(Changed(lever)))
}

struct Changed(SchemaLever);

impl Worn<Lane> for Changed {
    /// The catalogue says so, asked on a connection of its own.
    fn landed<'a>(&'a self, lane: &'a Lane) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async move {
            let client = lane.database(&self.0.database).await?;
            if client.query_one(&self.0.look, &[]).await?.try_get::<_, bool>(0)? {
                return Ok(format!("the catalogue of {} shows it", self.0.database));
            }
            Err(CannotTell::new(format!("the catalogue of {} does not show it", self.0.database)))
        })
    }

    fn undo<'a>(self: Box<Self>, lane: &'a Lane) -> BoxFuture<'a, Judgement> {
        Box::pin(async move { Ok(lane.database(&self.0.database).await?.batch_execute(&self.0.undo).await?) })
    }
}
