//! The operators between two numbers.

use super::{Untold, unsupported};

/// An operator between two numbers.
#[derive(Clone, Copy)]
pub(super) enum Operator {
    /// It gives a number.
    Arithmetic(fn(f64, f64) -> f64),
    /// It keeps a sample, or drops it.
    Comparison(fn(f64, f64) -> bool),
}

impl Operator {
    pub(super) fn named(name: &str) -> Result<Self, Untold> {
        Ok(match name {
            "+" => Self::Arithmetic(|left, right| left + right),
            "-" => Self::Arithmetic(|left, right| left - right),
            "*" => Self::Arithmetic(|left, right| left * right),
            "/" => Self::Arithmetic(|left, right| left / right),
            // As in Go, and so in Rust: the sign is that of the left.
            "%" => Self::Arithmetic(|left, right| left % right),
            "^" => Self::Arithmetic(f64::powf),
            "==" => Self::Comparison(|left, right| left == right),
            "!=" => Self::Comparison(|left, right| left != right),
            ">" => Self::Comparison(|left, right| left > right),
            "<" => Self::Comparison(|left, right| left < right),
            ">=" => Self::Comparison(|left, right| left >= right),
            "<=" => Self::Comparison(|left, right| left <= right),
            _ => return Err(unsupported(format!("the operator `{name}`"))),
        })
    }

    /// The number that stands where `left` meets `right`, of which `kept` is the one that a comparison keeps; `None`
    /// where the comparison drops it.
    pub(super) fn apply(self, left: f64, right: f64, kept: f64, as_bool: bool) -> Option<f64> {
        match self {
            Self::Arithmetic(compute) => Some(compute(left, right)),
            Self::Comparison(holds) if as_bool => Some(f64::from(u8::from(holds(left, right)))),
            Self::Comparison(holds) => holds(left, right).then_some(kept),
        }
    }

    /// Whether what comes out is still the metric.
    pub(super) const fn keeps_name(self, as_bool: bool) -> bool {
        matches!(self, Self::Comparison(_)) && !as_bool
    }
}
