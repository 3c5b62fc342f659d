//! Any order, any duplicates: one row.

use std::sync::atomic::{AtomicI64, Ordering};

use proptest::prelude::*;
use sabot_delivery::{Brevo, Classification, DeclaredEvent, Provider as _};
use serde_json::Value;
use time::OffsetDateTime;

use crate::fixture::{Fixture, event, send, yesterday};

/// What a set of events comes to, said anew and apart from the SQL.
fn expected(events: &[(&DeclaredEvent, OffsetDateTime)]) -> (Classification, Option<OffsetDateTime>) {
    let latest = events.iter().map(|(_, time)| *time).max().unwrap();
    let at_once = events.iter().filter(|(_, time)| *time == latest).map(|(event, _)| event.classification);
    let decides =
        Classification::SEVERITY.into_iter().find(|severe| at_once.clone().any(|one| one == *severe));
    let stamped = events.iter().filter(|(event, _)| event.classification == Classification::Delivered);
    (decides.unwrap(), stamped.map(|(_, time)| *time).max())
}

type History = (Vec<(usize, i64)>, Vec<(prop::sample::Index, bool)>);

/// Events by their place in the declaration and their second, few enough for ties; an order with duplicates; and
/// whether neighbours go in one array.
fn histories() -> impl Strategy<Value = History> {
    let events = prop::collection::vec((0..Brevo.declared().len(), 0..3_i64), 1..7);
    (events, prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..8))
}

#[test]
fn any_order_with_any_duplicates_ends_in_the_same_row() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = runtime.block_on(Fixture::new());
    let receiver = {
        let _within = runtime.enter();
        fixture.receiver()
    };
    let next = AtomicI64::new(1);
    let config = ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |((events, repeats) in histories(), seed in any::<u64>())| {
        let id = next.fetch_add(1, Ordering::Relaxed);
        let message = format!("{id}@mailin.fr");
        let events: Vec<_> = events
            .iter()
            .map(|(which, second)| (&Brevo.declared()[*which], yesterday() + time::Duration::seconds(*second)))
            .collect();
        let mut sent: Vec<_> = events.clone();
        sent.extend(repeats.iter().map(|(index, _)| *index.get(&events)));
        shuffle(&mut sent, seed);
        // The ledger row appears somewhere among them.
        let appears = usize::try_from(seed).unwrap_or(0) % (sent.len() + 1);
        let row = runtime.block_on(async {
            for (n, (declared, time)) in sent.iter().enumerate() {
                if n == appears {
                    fixture.accepted(id, &message).await;
                }
                let one = event(declared.event, &message, *time);
                let body = if repeats.get(n).is_some_and(|(_, array)| *array) { Value::from(vec![one]) } else { one };
                assert_eq!(send(&receiver, &body).await.0, 200);
            }
            if appears == sent.len() {
                fixture.accepted(id, &message).await;
                send(&receiver, &event(sent[0].0.event, &message, sent[0].1)).await;
            }
            fixture.row(id).await
        });
        let (classification, delivered_at) = expected(&events);
        prop_assert_eq!((row.classification.as_str(), row.delivered_at), (classification.as_str(), delivered_at));
    });
}

/// Fisher and Yates, by a generator that a seed repeats.
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for place in (1..items.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(place, usize::try_from(seed >> 33).unwrap_or(0) % (place + 1));
    }
}
