//! Aggregations: many samples to one for each group.

use super::{Labels, NAME, Sample, Untold, Value, World, evaluate, unsupported};
use promql_parser::parser::{AggregateExpr, LabelModifier};
use std::collections::BTreeMap;

pub(super) fn aggregate(aggregation: &AggregateExpr, world: &dyn World, at: f64) -> Result<Value, Untold> {
    let how = aggregation.op.to_string();
    let fold: fn(&[f64]) -> f64 = match how.as_str() {
        "max" => |values| values.iter().copied().fold(f64::NAN, f64::max),
        "min" => |values| values.iter().copied().fold(f64::NAN, f64::min),
        "sum" => |values| values.iter().sum(),
        "avg" => |values| values.iter().sum::<f64>() / count(values),
        "count" => count,
        "group" => |_| 1.0,
        _ => return Err(unsupported(format!("the aggregation `{how}`"))),
    };
    let Value::Vector(samples) = evaluate(&aggregation.expr, world, at)? else {
        return Err(Untold::Refused(format!("`{how}` of a scalar")));
    };
    let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
    for sample in samples {
        groups.entry(group(sample.labels, aggregation.modifier.as_ref())).or_default().push(sample.value);
    }
    let folded = groups.into_iter().map(|(labels, values)| Sample { labels, value: fold(&values) });
    Ok(Value::Vector(folded.collect()))
}

fn count(values: &[f64]) -> f64 {
    values.iter().map(|_| 1.0).sum()
}

/// The labels that a sample's group is known by.
fn group(mut labels: Labels, modifier: Option<&LabelModifier>) -> Labels {
    match modifier {
        None => Labels::new(),
        Some(LabelModifier::Include(kept)) => {
            labels.retain(|name, _| kept.labels.contains(name));
            labels
        }
        Some(LabelModifier::Exclude(dropped)) => {
            labels.retain(|name, _| name != NAME && !dropped.labels.contains(name));
            labels
        }
    }
}
