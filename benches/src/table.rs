//! Figures side by side, and the goals that they are held against.

use crate::median;

/// The same quantity of several contenders, one value each round.
pub(crate) struct Table {
    unit: &'static str,
    figures: Vec<(String, Vec<f64>)>,
}

impl Table {
    /// An empty one.
    pub(crate) fn new(unit: &'static str) -> Self {
        Self { unit, figures: Vec::new() }
    }

    /// Adds the value of a round.
    pub(crate) fn add(&mut self, what: &str, value: f64) {
        match self.figures.iter_mut().find(|(name, _)| name == what) {
            Some((_, values)) => values.push(value),
            None => self.figures.push((what.to_owned(), vec![value])),
        }
    }

    /// The median.
    pub(crate) fn median(&self, what: &str) -> f64 {
        median(self.of(what).to_vec())
    }

    /// How one stands to another, within the rounds: the machine is not the same in all of them.
    pub(crate) fn ratio(&self, what: &str, to: &str) -> f64 {
        in_round(self.of(what), self.of(to))
    }

    /// The values, a round each.
    pub(crate) fn of(&self, what: &str) -> &[f64] {
        self.figures.iter().find(|(name, _)| name == what).map_or(&[], |(_, values)| values)
    }

    /// Prints medians, least and greatest values, and how `ours` stands to each.
    pub(crate) fn print(&self, title: &str, ours: &str) {
        println!("\n  {title}");
        for (what, values) in &self.figures {
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let digits = if most < 100.0 { 2 } else { 0 };
            println!(
                "  {what:<52} {:>9.digits$} {}   {:>21}   ours is {:>5.2} of it",
                median(values.clone()),
                self.unit,
                format!("{least:.digits$} to {most:.digits$}"),
                self.ratio(ours, what),
            );
        }
    }
}

/// The median of the ratios of values that were taken in the same round.
pub(crate) fn in_round(values: &[f64], to: &[f64]) -> f64 {
    median(values.iter().zip(to).map(|(value, to)| value / to).collect())
}

/// What is to be reached.
pub(crate) struct Goal {
    what: String,
    value: f64,
    bound: Bound,
}

enum Bound {
    AtLeast(f64),
    Below(f64),
}

impl Goal {
    /// The value is to be this or more.
    pub(crate) fn at_least(bound: f64, what: impl Into<String>, value: f64) -> Self {
        Self { what: what.into(), value, bound: Bound::AtLeast(bound) }
    }

    /// The value is to be less than this.
    pub(crate) fn below(bound: f64, what: impl Into<String>, value: f64) -> Self {
        Self { what: what.into(), value, bound: Bound::Below(bound) }
    }

    /// A value that could not be taken reaches nothing.
    fn met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.value >= bound,
            Bound::Below(bound) => self.value < bound,
        }
    }

    /// One line.
    pub(crate) fn print(&self) {
        let (word, bound) = match self.bound {
            Bound::AtLeast(bound) => ("at least", bound),
            Bound::Below(bound) => ("below", bound),
        };
        let met = if self.met() { "met" } else { "MISSED" };
        let digits = if bound >= 1000.0 { 0 } else { 2 };
        println!("  {met:<7} {:<72} {:>9.digits$}, {word} {bound:.digits$}", self.what, self.value);
    }
}
