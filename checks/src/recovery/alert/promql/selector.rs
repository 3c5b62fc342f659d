//! Selectors: which samples they take, and which selectors an expression holds.

use super::{Labels, NAME, Sample, Untold, World, unsupported};
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{Expr, VectorSelector};

/// The samples that `selector` takes.
pub(super) fn select(selector: &VectorSelector, world: &dyn World, at: f64) -> Result<Vec<Sample>, Untold> {
    if selector.offset.is_some() || selector.at.is_some() {
        return Err(unsupported("`offset` or `@`"));
    }
    if !selector.matchers.or_matchers.is_empty() {
        return Err(unsupported("`or` between matchers"));
    }
    let name = name(selector).ok_or_else(|| unsupported("a selector without a metric's name"))?;
    let mut samples = world.samples(name, at);
    samples
        .retain(|sample| selector.matchers.matchers.iter().all(|matcher| matches(matcher, &sample.labels)));
    Ok(samples)
}

/// Whether `labels` are as `matcher` asks; a label that is not there is empty.
pub(crate) fn matches(matcher: &Matcher, labels: &Labels) -> bool {
    matcher.is_match(labels.get(&matcher.name).map_or("", String::as_str))
}

/// The metric that `selector` names.
fn name(selector: &VectorSelector) -> Option<&str> {
    let by_matcher = || {
        let mut named = selector.matchers.matchers.iter().filter(|matcher| matcher.name == NAME);
        named.find(|matcher| matcher.op == MatchOp::Equal).map(|matcher| matcher.value.as_str())
    };
    selector.name.as_deref().or_else(by_matcher)
}

/// The labels of what `absent` gives: those that its selector pins.
pub(super) fn told_by(expr: &Expr) -> Labels {
    let Expr::VectorSelector(selector) = expr else { return Labels::new() };
    let matchers = selector.matchers.matchers.iter();
    let pinned = matchers.filter(|matcher| matcher.op == MatchOp::Equal && matcher.name != NAME);
    pinned.map(|matcher| (matcher.name.clone(), matcher.value.clone())).collect()
}

/// Every selector in `expr`: the metric's name and the matchers.
pub(crate) fn selectors(expr: &Expr) -> Vec<(&str, &[Matcher])> {
    let mut found = Vec::new();
    collect(expr, &mut found);
    found
}

fn collect<'a>(expr: &'a Expr, found: &mut Vec<(&'a str, &'a [Matcher])>) {
    let mut take = |selector: &'a VectorSelector| {
        found.extend(name(selector).map(|name| (name, selector.matchers.matchers.as_slice())));
    };
    match expr {
        Expr::VectorSelector(selector) => take(selector),
        Expr::MatrixSelector(range) => take(&range.vs),
        Expr::Aggregate(aggregation) => {
            collect(&aggregation.expr, found);
            if let Some(parameter) = &aggregation.param {
                collect(parameter, found);
            }
        }
        Expr::Unary(unary) => collect(&unary.expr, found),
        Expr::Binary(operation) => {
            collect(&operation.lhs, found);
            collect(&operation.rhs, found);
        }
        Expr::Paren(inside) => collect(&inside.expr, found),
        Expr::Subquery(subquery) => collect(&subquery.expr, found),
        Expr::Call(call) => call.args.args.iter().for_each(|argument| collect(argument, found)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}
