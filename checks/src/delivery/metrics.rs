//! What a service counts, read from its Prometheus text.

use super::desk::delivery;
use sabot_engine::{Context as _, Judgement};
use sabot_target::{Instance, Lane};

/// The sum of the series called `name`, whatever their labels; `None` where there is none.
pub(crate) async fn metric(lane: &Lane, instance: &Instance, name: &str) -> Judgement<Option<f64>> {
    Ok(sum(&measured(lane, instance).await?, name, None))
}

/// The sum of those of them that have a label with this value.
pub(crate) async fn labelled(
    lane: &Lane,
    instance: &Instance,
    name: &str,
    (label, value): (&str, &str),
) -> Judgement<Option<f64>> {
    let label = format!("{label}=\"{value}\"");
    Ok(sum(&measured(lane, instance).await?, name, Some(&label)))
}

async fn measured(lane: &Lane, instance: &Instance) -> Judgement<String> {
    let delivery = delivery(lane);
    let what = || format!("reading {} of {}", delivery.metrics.path, instance.service());
    let request = lane.client().get(instance.url(&delivery.metrics.path));
    let answer = request.timeout(delivery.webhook.answers_within).send().await.context(what())?;
    answer.text().await.context(what())
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
