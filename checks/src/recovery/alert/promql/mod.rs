//! A small evaluator of PromQL: the subset that staleness rules use. What lies outside is named, never guessed.
//!
//! Literals, `time()`, `vector()`, `scalar()`, `abs()`, `absent()`, selectors with matchers, arithmetic, comparisons (with
//! `bool` too), `and`, `or`, `unless`, matching `on` and `ignoring` one to one, and `max`, `min`, `sum`, `count`, `avg`
//! and `group` with `by` and `without`. Semantics: <https://prometheus.io/docs/prometheus/latest/querying/operators/>.

mod aggregate;
mod binary;
mod operator;
mod selector;
#[cfg(test)]
mod tests;
mod value;

pub(super) use selector::{matches, selectors};
pub(super) use value::{Labels, NAME, Sample, Value};

use promql_parser::parser::{Call, Expr};

/// Why an expression could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Untold {
    /// Part of the language that is not evaluated here.
    #[error("it uses {0}, which is not evaluated here")]
    Unsupported(String),
    /// What Prometheus itself refuses when it evaluates it.
    #[error("it can't be evaluated: {0}")]
    Refused(String),
}

/// The series that there are at a time.
pub(super) trait World {
    /// The samples of the metric `name` at `at`, in seconds since 1970; their labels hold the name as well.
    fn samples(&self, name: &str, at: f64) -> Vec<Sample>;
}

/// What `expr` comes to in `world` at the time `at`.
pub(super) fn evaluate(expr: &Expr, world: &dyn World, at: f64) -> Result<Value, Untold> {
    match expr {
        Expr::NumberLiteral(number) => Ok(Value::Scalar(number.val)),
        Expr::Paren(inside) => evaluate(&inside.expr, world, at),
        // The parser gives this node to a minus alone.
        Expr::Unary(unary) => Ok(evaluate(&unary.expr, world, at)?.mapped(|value| -value)),
        Expr::VectorSelector(selector) => selector::select(selector, world, at).map(Value::Vector),
        Expr::Call(call) => function(call, world, at),
        Expr::Aggregate(aggregation) => aggregate::aggregate(aggregation, world, at),
        Expr::Binary(operation) => binary::operate(operation, world, at),
        Expr::Subquery(_) => Err(unsupported("a subquery")),
        Expr::MatrixSelector(_) => Err(unsupported("a range of samples")),
        Expr::StringLiteral(_) => Err(unsupported("a text")),
        Expr::Extension(_) => Err(unsupported("an extension of the language")),
    }
}

fn function(call: &Call, world: &dyn World, at: f64) -> Result<Value, Untold> {
    let name = call.func.name;
    let argument = || match call.args.args.as_slice() {
        [argument] => Ok(&**argument),
        _ => Err(unsupported(format!("the function `{name}` so"))),
    };
    let of_argument = || evaluate(argument()?, world, at);
    match name {
        "time" => Ok(Value::Scalar(at)),
        "vector" => match of_argument()? {
            Value::Scalar(value) => Ok(Value::Vector(vec![Sample { labels: Labels::new(), value }])),
            Value::Vector(_) => Err(Untold::Refused("`vector` of a vector".into())),
        },
        "scalar" => match of_argument()? {
            Value::Vector(samples) if samples.len() == 1 => Ok(Value::Scalar(samples[0].value)),
            Value::Vector(_) => Ok(Value::Scalar(f64::NAN)),
            Value::Scalar(_) => Err(Untold::Refused("`scalar` of a scalar".into())),
        },
        "abs" => Ok(of_argument()?.mapped(f64::abs)),
        "absent" => match of_argument()? {
            Value::Vector(samples) if !samples.is_empty() => Ok(Value::Vector(Vec::new())),
            Value::Vector(_) => {
                let labels = selector::told_by(argument()?);
                Ok(Value::Vector(vec![Sample { labels, value: 1.0 }]))
            }
            Value::Scalar(_) => Err(Untold::Refused("`absent` of a scalar".into())),
        },
        _ => Err(unsupported(format!("the function `{name}`"))),
    }
}

fn unsupported(what: impl Into<String>) -> Untold {
    Untold::Unsupported(what.into())
}
