//! Sabotage of symptom by `http`: a series left out of what a service measures.

use super::json;
use super::rules::{self, Knock, Place, SetRules};
use sabot_engine::{Sabotage, Sort};
use sabot_target::Lane;
use sabot_wire::http::{Match, Rule};
use std::sync::Arc;

/// Leaves `metric` out of what `service` measures at `path`.
pub(crate) fn left_out(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    (service, path): (&str, &str),
    metric: &str,
) -> Sabotage<Lane> {
    let place = Place { service, path, under: None };
    rules::http(turns_red, name, mistake, &place, without(path, metric))
}

/// As [`left_out`], of a series that is not there before something has happened: `knock` makes it happen, and asks for
/// `path`.
pub(crate) fn left_out_after(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    (service, path): (&str, &str),
    metric: &str,
    knock: Arc<Knock>,
) -> Sabotage<Lane> {
    let without = without(path, metric);
    rules::knocked(turns_red, name, mistake, (Sort::Http, service), knock, Arc::new(move |_| without.clone()))
}

fn without(path: &str, metric: &str) -> Arc<SetRules> {
    let (path, metric) = (path.to_owned(), metric.to_owned());
    json::inbound(move || {
        let metric = metric.clone();
        Rule::on(Match::path(&path)).rewrite_response(move |response| {
            let text = String::from_utf8_lossy(&response.body).into_owned();
            let kept: Vec<_> = text.lines().filter(|line| !line.starts_with(&metric)).collect();
            if kept.len() < text.lines().count() {
                response.body = (kept.join("\n") + "\n").into();
            }
        })
    })
}
