//! What a service counts, read from its Prometheus text.

use super::desk::delivery;
use sabot_engine::{Context as _, Judgement};
use sabot_target::{Instance, Lane};

/// The sum of the series called `name`, whatever their labels; `None` where there is none.
pub(crate) async fn metric(lane: &Lane, instance: &Instance, name: &str) -> Judgement<Option<f64>> {
    let delivery = delivery(lane);
    let what = || format!("reading {} of {}", delivery.metrics.path, instance.service());
    let request = lane.client().get(instance.url(&delivery.metrics.path));
    let answer = request.timeout(delivery.webhook.answers_within).send().await.context(what())?;
    Ok(sum(&answer.text().await.context(what())?, name))
}

fn sum(text: &str, name: &str) -> Option<f64> {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = match rest.strip_prefix('{') {
            Some(labels) => labels.split_once('}')?.1,
            None => rest.strip_prefix(' ')?,
        };
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
        assert_eq!(sum(text, "sent_total"), Some(5.0));
        assert_eq!(sum(text, "plain"), Some(4.0));
        assert_eq!(sum(text, "gone"), None);
    }
}
