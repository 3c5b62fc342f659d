//! The law of order, in the judge's own words: what a set of events makes of a ledger row, whatever their order.

use super::desk::Row;
use super::event::documented;
use sabot_engine::{Cx, Finding};
use sabot_target::{Delivery, Lane};

/// What a ledger row must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) classification: String,
    /// Microseconds since 1970.
    pub(crate) delivered_at: Option<i64>,
}

impl Expected {
    /// As the provider's answer leaves it.
    pub(crate) fn accepted(delivery: &Delivery) -> Self {
        Self { classification: delivery.standing.accepted.clone(), delivered_at: None }
    }

    /// After these events, normalised name and milliseconds since 1970: the latest decides, of several at one time the
    /// most severe; delivered at the greatest time of those that stamp. Events outside the documented ones count for
    /// nothing.
    pub(crate) fn after(delivery: &Delivery, events: &[(&str, i64)]) -> Self {
        let known: Vec<_> =
            events.iter().filter_map(|(name, at)| Some((documented(delivery, name)?, *at))).collect();
        let rank = |word: &str| delivery.severity.iter().position(|severe| severe == word);
        let decides = known.iter().max_by_key(|(event, at)| {
            // The first of the list is the most severe.
            (*at, std::cmp::Reverse(rank(&event.classification).unwrap_or(usize::MAX)))
        });
        let Some((decides, _)) = decides else { return Self::accepted(delivery) };
        let stamps = known.iter().filter(|(event, _)| event.stamps).map(|(_, at)| at * 1000);
        Self { classification: decides.classification.clone(), delivered_at: stamps.max() }
    }

    pub(crate) fn is_met_by(&self, row: Option<&Row>) -> bool {
        row.is_some_and(|row| {
            row.classification.as_ref() == Some(&self.classification) && row.delivered_at == self.delivered_at
        })
    }

    /// Reports a row that is not so.
    pub(crate) fn judge(&self, cx: &Cx<'_, Lane>, subject: impl Into<String>, row: Option<&Row>) -> bool {
        let met = self.is_met_by(row);
        if !met {
            cx.find(Finding::new(subject, self.sketch(), sketch_row(row)));
        }
        met
    }

    pub(crate) fn sketch(&self) -> String {
        sketch(Some(&self.classification), self.delivered_at)
    }
}

/// A row on one line.
pub(crate) fn sketch_row(row: Option<&Row>) -> String {
    row.map_or_else(|| "no row".into(), |row| sketch(row.classification.as_deref(), row.delivered_at))
}

fn sketch(classification: Option<&(impl AsRef<str> + ?Sized)>, delivered_at: Option<i64>) -> String {
    let classification = classification.map_or("unclassified", AsRef::as_ref);
    match delivered_at {
        Some(at) => format!("{classification}, delivered at {}", clock(at)),
        None => format!("{classification}, without a time of delivery"),
    }
}

/// Microseconds since 1970 as RFC 3339.
pub(crate) fn clock(micros: i64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000);
    let text = time.ok().and_then(|time| time.format(&time::format_description::well_known::Rfc3339).ok());
    text.unwrap_or_else(|| format!("{micros} µs after 1970"))
}

/// Every order of `0..length`; keep `length` small.
pub(crate) fn permutations(length: usize) -> Vec<Vec<usize>> {
    if length == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(length - 1);
    let with_last = |order: &Vec<usize>| {
        (0..length)
            .map(|place| {
                let mut order = order.clone();
                order.insert(place, length - 1);
                order
            })
            .collect::<Vec<_>>()
    };
    shorter.iter().flat_map(with_last).collect()
}

/// Numbers that follow from a seed, so that what a run tried can be tried again (xorshift64*).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        // The state may be anything but zero.
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// One of `0..sides`; 0 where there is none.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(mixed).unwrap_or_default().checked_rem(sides).unwrap_or_default()
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.roll(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sabot_target::Target;
    use std::collections::BTreeSet;

    #[test]
    fn the_latest_event_decides_and_the_latest_delivery_stamps() {
        let delivery = Target::embedded().delivery;
        let after = |events: &[(&str, i64)]| Expected::after(&delivery, events);
        let bounced = after(&[("delivered", 1), ("hard_bounce", 3), ("delivered", 2)]);
        assert_eq!((bounced.classification.as_str(), bounced.delivered_at), ("bounced_hard", Some(2000)));
        assert_eq!(after(&[("delivered", 4), ("hard_bounce", 3)]).classification, "delivered");
        assert_eq!(after(&[("opened", 9)]), Expected::accepted(&delivery));
        assert_eq!(after(&[("opened", 9), ("deferred", 1)]).classification, "deferred");
    }

    #[test]
    fn a_tie_is_decided_by_severity_whatever_comes_first() {
        let delivery = Target::embedded().delivery;
        for events in [[("delivered", 5), ("spam", 5)], [("spam", 5), ("delivered", 5)]] {
            assert_eq!(Expected::after(&delivery, &events).classification, "delivered", "spam is a spelling");
        }
        for events in [[("delivered", 5), ("complaint", 5)], [("complaint", 5), ("delivered", 5)]] {
            assert_eq!(Expected::after(&delivery, &events).classification, "complaint");
        }
    }

    #[test]
    fn every_order_is_there_once() {
        for (length, count) in [(0, 1), (1, 1), (3, 6), (5, 120)] {
            let orders = permutations(length);
            assert_eq!(orders.len(), count);
            assert_eq!(orders.iter().collect::<BTreeSet<_>>().len(), count);
            assert!(orders.iter().all(|order| { order.iter().collect::<BTreeSet<_>>().len() == length }));
        }
    }

    #[test]
    fn dice_follow_from_their_seed_and_reach_every_side() {
        let rolled = |seed| {
            let mut dice = Dice::new(seed);
            (0..200).map(|_| dice.roll(6)).collect::<Vec<_>>()
        };
        assert_eq!(rolled(7), rolled(7));
        assert_ne!(rolled(7), rolled(8));
        assert_eq!(rolled(7).into_iter().collect::<BTreeSet<_>>().len(), 6);
        let mut items: Vec<_> = (0..20).collect();
        Dice::new(1).shuffle(&mut items);
        assert_ne!(items, (0..20).collect::<Vec<_>>());
        assert_eq!(items.into_iter().collect::<BTreeSet<_>>().len(), 20);
    }
}
