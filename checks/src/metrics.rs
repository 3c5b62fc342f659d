//! What a service counts, in Prometheus text.

use sabot_engine::{Context as _, Judgement};
use sabot_target::{Instance, Lane};
use std::time::Duration;

/// The longest that a service may take to show what it counts.
const LIMIT: Duration = Duration::from_secs(5);

/// What a service counted when it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Measured(String);

impl Measured {
    /// Asks `instance` at `path`.
    pub(crate) async fn read(lane: &Lane, instance: &Instance, path: &str) -> Judgement<Self> {
        let what = || format!("reading {path} of {}", instance.service());
        let request = lane.client().get(instance.url(path));
        let answer = request.timeout(LIMIT).send().await.context(what())?;
        Ok(Self(answer.text().await.context(what())?))
    }

    /// The sum of the series called `name`, whatever their labels; `None` where there is none.
    pub(crate) fn sum(&self, name: &str) -> Option<f64> {
        sum(&self.0, name, None)
    }

    /// The sum of those of them that have a label with this value.
    pub(crate) fn labelled(&self, name: &str, (label, value): (&str, &str)) -> Option<f64> {
        sum(&self.0, name, Some(&format!("{label}=\"{value}\"")))
    }
}

fn sum(text: &str, name: &str, label: Option<&str>) -> Option<f64> {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(labelled) => labelled.split_once('}')?,
            None => ("", rest.strip_prefix(' ')?),
        };
        if label.is_some_and(|label| labels.split(',').all(|one| one.trim() != label)) {
            return None;
        }
        value.split_whitespace().next()?.parse::<f64>().ok()
    });
    values.reduce(|sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_name_are_added_and_others_left_out() {
        let text = "# HELP sent Mail.\nsent_total{to=\"a\"} 2\nsent_total{to=\"b\"} 3 17000\nsent_total_more 9\nplain 4\n";
        assert_eq!(sum(text, "sent_total", None), Some(5.0));
        assert_eq!(sum(text, "plain", None), Some(4.0));
        assert_eq!(sum(text, "gone", None), None);
    }

    #[test]
    fn a_label_chooses_among_series() {
        let text = "sent{by=\"x\",to=\"a\"} 2\nsent{by=\"y\", to=\"a\"} 3\nsent{to=\"ab\"} 7\nsent 9\n";
        assert_eq!(sum(text, "sent", Some("to=\"a\"")), Some(5.0));
        assert_eq!(sum(text, "sent", Some("to=\"c\"")), None);
    }
}
