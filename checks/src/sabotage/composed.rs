//! Sabotages that compose: several defects that only together take a protection out.

use super::id;
use futures_util::future::BoxFuture;
use sabot_engine::{Judgement, Nature, Sabotage, Worn};
use sabot_target::Lane;
use std::sync::Arc;
use std::time::Duration;

/// Puts `parts` on in their order, and takes them off in the reverse. It is of cause when each of them is.
pub(crate) fn composed(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    parts: Vec<Sabotage<Lane>>,
) -> Sabotage<Lane> {
    let mut sorts: Vec<_> = parts.iter().flat_map(|part| part.sorts.clone()).collect();
    sorts.sort();
    sorts.dedup();
    let of_cause = parts.iter().all(|part| part.nature == Nature::Cause);
    let limit: Duration = parts.iter().map(|part| part.limit).sum();
    let parts = Arc::new(parts);
    Sabotage {
        id: id(turns_red, name),
        mistake: mistake.into(),
        sorts,
        nature: if of_cause { Nature::Cause } else { Nature::Symptom },
        turns_red: turns_red.to_vec(),
        limit,
        put_on: Arc::new(move |lane| {
            let parts = parts.clone();
            Box::pin(async move {
                let mut worn = Composed(Vec::new());
                for part in parts.iter() {
                    match (part.put_on)(lane).await {
                        Ok(part) => worn.0.push(part),
                        Err(error) => {
                            Box::new(worn).undo(lane).await?;
                            return Err(error);
                        }
                    }
                }
                Ok(Box::new(worn) as Box<dyn Worn<Lane>>)
            })
        }),
    }
}

struct Composed(Vec<Box<dyn Worn<Lane>>>);

impl Worn<Lane> for Composed {
    fn landed<'a>(&'a self, lane: &'a Lane) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async move {
            let mut seen = Vec::new();
            for part in &self.0 {
                seen.push(part.landed(lane).await?);
            }
            Ok(seen.join("; "))
        })
    }

    /// Every part is undone, also when one of them can't be.
    fn undo<'a>(self: Box<Self>, lane: &'a Lane) -> BoxFuture<'a, Judgement> {
        Box::pin(async move {
            let mut undone = Ok(());
            for part in self.0.into_iter().rev() {
                undone = undone.and(part.undo(lane).await);
            }
            undone
        })
    }
}
