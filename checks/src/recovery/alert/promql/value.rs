//! What an expression comes to: a number, or a set of labelled numbers.

use std::collections::BTreeMap;

/// The labels of a sample.
pub(crate) type Labels = BTreeMap<String, String>;

/// The label that holds a metric's name.
pub(crate) const NAME: &str = "__name__";

/// One labelled number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A number without labels.
    Scalar(f64),
    /// An instant vector.
    Vector(Vec<Sample>),
}

impl Value {
    /// With `change` on every number; what is computed is no longer the metric, so the name goes.
    pub(super) fn mapped(self, change: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Scalar(value) => Self::Scalar(change(value)),
            Self::Vector(samples) => {
                let changed = samples.into_iter().map(|sample| nameless(sample.labels, change(sample.value)));
                Self::Vector(changed.collect())
            }
        }
    }
}

/// A sample that was computed.
pub(super) fn nameless(mut labels: Labels, value: f64) -> Sample {
    labels.remove(NAME);
    Sample { labels, value }
}
