//! What an expression reaches for beside the metric: names that other rules record, other metrics, unknown labels. Where
//! no synthetic series can stand for it, nothing can be told of the alert.

use super::super::promql::{NAME, matches, selectors};
use promql_parser::parser::{Expr, parse};
use sabot_target::recovery::Alerts;
use std::collections::{BTreeMap, BTreeSet};

/// The metric, and every name that one of `rules` records of it; each is the name that it records, and its expression.
pub(super) fn about<'a>(
    metric: &str,
    rules: &(impl Iterator<Item = (Option<&'a str>, &'a str)> + Clone),
) -> BTreeSet<String> {
    let mut names = BTreeSet::from([metric.to_owned()]);
    loop {
        let recorded = rules.clone().filter(|(_, expr)| asks(expr, &names));
        let more: Vec<_> = recorded.filter_map(|(name, _)| name.map(str::to_owned)).collect();
        let before = names.len();
        names.extend(more);
        if names.len() == before {
            return names;
        }
    }
}

/// Whether `expr` asks for one of `names`; what can't be parsed does where it holds one as a text.
pub(super) fn asks(expr: &str, names: &BTreeSet<String>) -> bool {
    match parse(expr) {
        Ok(expr) => selectors(&expr).iter().any(|(name, _)| names.contains(*name)),
        Err(_) => names.iter().any(|name| expr.contains(name.as_str())),
    }
}

/// What the rules of one group have recorded so far: only of those does an evaluation in order see what is current.
pub(super) struct Reach<'a> {
    alerts: &'a Alerts,
    stale: &'a BTreeSet<String>,
    recorded: BTreeMap<String, Option<String>>,
}

/// How far an expression can be seen through.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// The recorded name that it goes through, which Prometheus alone evaluates.
    pub(super) through: Option<String>,
    /// Why nothing can be told of it.
    pub(super) blind: Option<String>,
}

impl<'a> Reach<'a> {
    /// At the beginning of a group; `stale` is what [`about`] gave.
    pub(super) const fn new(alerts: &'a Alerts, stale: &'a BTreeSet<String>) -> Self {
        Self { alerts, stale, recorded: BTreeMap::new() }
    }

    /// A rule records `expr` as `name`.
    pub(super) fn recorded(&mut self, name: &str, expr: &Expr) {
        let blind = self.of(expr).blind;
        self.recorded.insert(name.to_owned(), blind);
    }

    /// How far `expr` can be seen through.
    pub(super) fn of(&self, expr: &Expr) -> Sight {
        let mut sight = Sight { through: None, blind: unknown_label(expr, self.alerts) };
        for (name, _) in selectors(expr).into_iter().filter(|(name, _)| *name != self.alerts.metric) {
            let blind = match self.recorded.get(name) {
                Some(blind) => {
                    sight.through = Some(name.to_owned());
                    blind.clone()
                }
                None if self.stale.contains(name) => {
                    Some(format!("it asks for `{name}`, which no rule before it in its group records"))
                }
                None => Some(format!("it asks for `{name}` too, of which nothing is known here")),
            };
            sight.blind = sight.blind.or(blind);
        }
        sight
    }
}

/// A matcher on a label that the description does not give the metric: whether anything carries it can't be told.
fn unknown_label(expr: &Expr, alerts: &Alerts) -> Option<String> {
    let known = |name: &str| {
        name == NAME || name == alerts.job_label || alerts.labels.iter().any(|(label, _)| label == name)
    };
    let of_metric = selectors(expr).into_iter().filter(|(name, _)| *name == alerts.metric);
    let mut matchers = of_metric.flat_map(|(_, matchers)| matchers);
    let unknown = matchers.find(|matcher| !known(&matcher.name) && !matches(matcher, &BTreeMap::new()))?;
    Some(format!(
        "it asks for `{unknown}`, and the target's description gives {} no label `{}`",
        alerts.metric, unknown.name
    ))
}
