//! Operations with two sides: arithmetic, comparisons, and the three between sets.

use super::operator::Operator;
use super::value::nameless;
use super::{Labels, NAME, Sample, Untold, Value, World, evaluate, unsupported};
use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality};
use std::collections::BTreeSet;

pub(super) fn operate(operation: &BinaryExpr, world: &dyn World, at: f64) -> Result<Value, Untold> {
    let name = operation.op.to_string();
    let left = evaluate(&operation.lhs, world, at)?;
    let right = evaluate(&operation.rhs, world, at)?;
    let matching = Matching::of(operation.modifier.as_ref())?;
    if let Some(keep) = SetOperation::named(&name) {
        let (Value::Vector(left), Value::Vector(right)) = (left, right) else {
            return Err(Untold::Refused(format!("`{name}` with a scalar")));
        };
        return Ok(Value::Vector(keep.apply(left, right, &matching)));
    }
    let operator = Operator::named(&name)?;
    let as_bool = operation.modifier.as_ref().is_some_and(|modifier| modifier.return_bool);
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            let value = operator.apply(left, right, left, as_bool);
            value.map(Value::Scalar).ok_or_else(|| Untold::Refused("scalars compared without `bool`".into()))
        }
        (Value::Vector(samples), Value::Scalar(right)) => {
            Ok(each(samples, operator, as_bool, |value| operator.apply(value, right, value, as_bool)))
        }
        (Value::Scalar(left), Value::Vector(samples)) => {
            Ok(each(samples, operator, as_bool, |value| operator.apply(left, value, value, as_bool)))
        }
        (Value::Vector(left), Value::Vector(right)) => pairs(left, &right, operator, as_bool, &matching),
    }
}

/// A vector against a number.
fn each(samples: Vec<Sample>, operator: Operator, as_bool: bool, of: impl Fn(f64) -> Option<f64>) -> Value {
    let kept = samples
        .into_iter()
        .filter_map(|sample| Some(put(sample.labels, of(sample.value)?, operator, as_bool)));
    Value::Vector(kept.collect())
}

fn put(labels: Labels, value: f64, operator: Operator, as_bool: bool) -> Sample {
    if operator.keeps_name(as_bool) { Sample { labels, value } } else { nameless(labels, value) }
}

/// Two vectors, one sample of each side to one of the other.
fn pairs(
    left: Vec<Sample>,
    right: &[Sample],
    operator: Operator,
    as_bool: bool,
    matching: &Matching,
) -> Result<Value, Untold> {
    let twice = |samples: &[Sample]| {
        let keys: BTreeSet<_> = samples.iter().map(|sample| matching.key(&sample.labels)).collect();
        keys.len() < samples.len()
    };
    let matched = |sample: &&Sample| {
        let key = matching.key(&sample.labels);
        right.iter().any(|other| matching.key(&other.labels) == key)
    };
    let left_matched: Vec<_> = left.iter().filter(matched).cloned().collect();
    if twice(right) || twice(&left_matched) {
        return Err(Untold::Refused("several samples of one side match one of the other".into()));
    }
    let mut found = Vec::new();
    for sample in left {
        let key = matching.key(&sample.labels);
        let Some(other) = right.iter().find(|other| matching.key(&other.labels) == key) else { continue };
        if let Some(value) = operator.apply(sample.value, other.value, sample.value, as_bool) {
            found.push(put(matching.result(sample.labels), value, operator, as_bool));
        }
    }
    Ok(Value::Vector(found))
}

/// By which labels samples of two sides belong together.
struct Matching(Option<LabelModifier>);

impl Matching {
    fn of(modifier: Option<&BinModifier>) -> Result<Self, Untold> {
        let Some(modifier) = modifier else { return Ok(Self(None)) };
        if matches!(
            modifier.card,
            VectorMatchCardinality::ManyToOne(_) | VectorMatchCardinality::OneToMany(_)
        ) {
            return Err(unsupported("`group_left` or `group_right`"));
        }
        if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
            return Err(unsupported("`fill`"));
        }
        Ok(Self(modifier.matching.clone()))
    }

    fn key(&self, labels: &Labels) -> Labels {
        let takes = |name: &str| match &self.0 {
            Some(LabelModifier::Include(on)) => on.labels.iter().any(|label| label == name),
            Some(LabelModifier::Exclude(ignored)) => {
                name != NAME && !ignored.labels.iter().any(|label| label == name)
            }
            None => name != NAME,
        };
        labels
            .iter()
            .filter(|(name, _)| takes(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// The labels of what comes out of a pair.
    fn result(&self, labels: Labels) -> Labels {
        match &self.0 {
            None => labels,
            Some(_) => {
                let name = labels.get(NAME).cloned();
                let mut kept = self.key(&labels);
                kept.extend(
                    name.filter(|_| !matches!(self.0, Some(LabelModifier::Include(_))))
                        .map(|name| (NAME.into(), name)),
                );
                kept
            }
        }
    }
}

#[derive(Clone, Copy)]
enum SetOperation {
    And,
    Or,
    Unless,
}

impl SetOperation {
    fn named(name: &str) -> Option<Self> {
        match name {
            "and" => Some(Self::And),
            "or" => Some(Self::Or),
            "unless" => Some(Self::Unless),
            _ => None,
        }
    }

    fn apply(self, mut left: Vec<Sample>, mut right: Vec<Sample>, matching: &Matching) -> Vec<Sample> {
        let keys = |samples: &[Sample]| -> BTreeSet<Labels> {
            samples.iter().map(|sample| matching.key(&sample.labels)).collect()
        };
        let (of_left, of_right) = (keys(&left), keys(&right));
        match self {
            Self::And => left.retain(|sample| of_right.contains(&matching.key(&sample.labels))),
            Self::Unless => left.retain(|sample| !of_right.contains(&matching.key(&sample.labels))),
            Self::Or => {
                right.retain(|sample| !of_left.contains(&matching.key(&sample.labels)));
                left.append(&mut right);
            }
        }
        left
    }
}
