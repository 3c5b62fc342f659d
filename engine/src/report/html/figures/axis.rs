//! Axes: where a value lies in percent of the width, and which values are worth a tick.

use crate::report::html::words::amount;
use maud::{Markup, html};

/// A logarithmic axis; places are in percent of its width.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    /// Added to each value first, so that zero has a place.
    shift: f64,
    /// Where it begins and ends, in percent of the drawing.
    span: (f64, f64),
}

/// Moments that people name, in seconds.
const MOMENTS: [f64; 12] =
    [1.0, 10.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0, 864_000.0, 2_592_000.0];

impl Axis {
    /// From `low` to `high`, both above zero, and at least a decade wide.
    pub(super) fn new(low: f64, high: f64) -> Self {
        let low = if low.is_finite() && low > 0.0 { low } else { 1e-3 };
        let high = if high.is_finite() { high.max(low * 10.0) } else { low * 10.0 };
        Self { low: low.log10(), high: high.log10(), shift: 0.0, span: (0.0, 100.0) }
    }

    /// From zero to `high` seconds, right of a margin for names.
    pub(super) fn from_zero(high: f64, margin: f64) -> Self {
        let high = if high.is_finite() { high.max(9.0) } else { 9.0 };
        Self { low: 0.0, high: (high + 1.0).log10(), shift: 1.0, span: (margin, 100.0) }
    }

    /// Where `value` lies; what is outside lies on the edge.
    pub(super) fn place(&self, value: f64) -> f64 {
        let shifted = value + self.shift;
        let log = if shifted > 0.0 { shifted.log10() } else { self.low };
        let share = ((log - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.span.0 + share * (self.span.1 - self.span.0)
    }

    /// The value at a share of the axis.
    pub(super) fn value(&self, share: f64) -> f64 {
        10_f64.powf(self.low + share * (self.high - self.low)) - self.shift
    }

    /// Powers of ten within the axis, with some between them where there are few.
    pub(super) fn decades(&self) -> Vec<f64> {
        #[expect(clippy::cast_possible_truncation, reason = "a logarithm is small")]
        let powers = self.low.floor() as i32..=self.high.ceil() as i32;
        let steps: &[f64] = match self.high - self.low {
            wide if wide > 2.4 => &[1.0],
            wide if wide > 1.2 => &[1.0, 3.0],
            _ => &[1.0, 2.0, 5.0],
        };
        let within = |value: &f64| (self.low..=self.high).contains(&value.log10());
        powers
            .flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)))
            .filter(within)
            .collect()
    }

    /// Moments within the axis that are not closer together than a label is wide.
    pub(super) fn moments(&self) -> Vec<f64> {
        let mut kept: Vec<f64> = vec![0.0];
        let high = self.value(1.0);
        for moment in MOMENTS.into_iter().filter(|moment| *moment <= high * 1.001) {
            if kept.last().is_none_or(|last| self.place(moment) - self.place(*last) > 12.0) {
                kept.push(moment);
            }
        }
        kept
    }
}

/// A place as an attribute: percent, two digits.
pub(super) fn percent(place: f64) -> String {
    format!("{place:.2}%")
}

/// On which side of its place a label stands, so that it stays within the drawing.
pub(super) const fn anchor(place: f64) -> &'static str {
    if place < 6.0 {
        "start"
    } else if place > 94.0 {
        "end"
    } else {
        "middle"
    }
}

/// A value with as much of its unit as a label has room for.
pub(super) fn brief(value: f64, unit: &str) -> String {
    let short: String = unit.chars().take(6).collect();
    amount(value, &short)
}

/// Lines with labels under them.
pub(super) fn ticks(axis: &Axis, values: &[f64], unit: &str, bottom: f64) -> Markup {
    html! {
        @for value in values {
            @let place = axis.place(*value);
            line.grid x1=(percent(place)) x2=(percent(place)) y1="0" y2=(bottom) {}
            text.tick x=(percent(place)) y=(bottom + 15.0) text-anchor=(anchor(place)) { (brief(*value, unit)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_between_the_edges_whatever_they_are() {
        let axis = Axis::new(1.0, 100.0);
        assert_eq!([axis.place(1.0), axis.place(10.0), axis.place(100.0)], [0.0, 50.0, 100.0]);
        assert_eq!([axis.place(0.0), axis.place(-3.0), axis.place(1e9)], [0.0, 0.0, 100.0]);
        assert_eq!(Axis::new(0.0, f64::INFINITY).place(f64::INFINITY), 100.0);
        let seconds = Axis::from_zero(99.0, 10.0);
        assert_eq!([seconds.place(0.0), seconds.place(99.0)], [10.0, 100.0]);
    }

    #[test]
    fn ticks_are_round_and_apart() {
        assert_eq!(Axis::new(1.0, 10.0).decades(), [1.0, 2.0, 5.0, 10.0]);
        assert_eq!(Axis::new(1.0, 100.0).decades(), [1.0, 3.0, 10.0, 30.0, 100.0]);
        assert_eq!(Axis::from_zero(86_400.0, 18.0).moments(), [0.0, 10.0, 60.0, 900.0, 14_400.0, 86_400.0]);
    }
}
