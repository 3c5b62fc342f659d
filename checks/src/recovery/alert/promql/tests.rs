//! The evaluator against what Prometheus documents, one row for each part of the language.

use super::{Labels, NAME, Sample, Untold, Value, World, evaluate};

/// `age{task="a",zone="x"} 10`, `age{task="b",zone="x"} 30`, `limit{task="a"} 20`, `limit{task="b"} 20`.
struct Few;

impl World for Few {
    fn samples(&self, name: &str, _: f64) -> Vec<Sample> {
        let all = [
            ("age", [("task", "a"), ("zone", "x")].as_slice(), 10.0),
            ("age", &[("task", "b"), ("zone", "x")], 30.0),
            ("limit", &[("task", "a")], 20.0),
            ("limit", &[("task", "b")], 20.0),
        ];
        let named = all.into_iter().filter(|(metric, ..)| *metric == name);
        let labelled = named.map(|(metric, labels, value)| {
            let labels = labels.iter().copied().chain([(NAME, metric)]);
            let labels: Labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            Sample { labels, value }
        });
        labelled.collect()
    }
}

fn value(expr: &str) -> Result<Value, Untold> {
    evaluate(&promql_parser::parser::parse(expr).unwrap(), &Few, 1000.0)
}

/// As Prometheus prints it.
fn told(expr: &str) -> String {
    match value(expr).unwrap() {
        Value::Scalar(value) => value.to_string(),
        Value::Vector(mut samples) => {
            samples.sort_by(|a, b| a.labels.cmp(&b.labels));
            let told = samples.iter().map(|sample| {
                let name = sample.labels.get(NAME).map_or("", String::as_str);
                let labels = sample.labels.iter().filter(|(label, _)| *label != NAME);
                let labels: Vec<_> = labels.map(|(label, value)| format!("{label}={value}")).collect();
                format!("{name}{{{}}} {}", labels.join(","), sample.value)
            });
            told.collect::<Vec<_>>().join("; ")
        }
    }
}

#[test]
fn each_part_of_the_subset_comes_to_what_prometheus_says() {
    for (expr, expected) in [
        ("time() - 10 * 2 ^ 3 / 4 % 3", "998"),
        ("-time()", "-1000"),
        ("1 > bool 2", "0"),
        ("vector(7)", "{} 7"),
        ("scalar(age{task=\"a\"})", "10"),
        ("scalar(age)", "NaN"),
        ("abs(age - 20)", "{task=a,zone=x} 10; {task=b,zone=x} 10"),
        ("age", "age{task=a,zone=x} 10; age{task=b,zone=x} 30"),
        ("{__name__=\"age\",task!=\"a\"}", "age{task=b,zone=x} 30"),
        ("age{task=~\"a|c\",none=\"\"}", "age{task=a,zone=x} 10"),
        ("time() - age > 980", "{task=a,zone=x} 990"),
        ("980 < time() - age", "{task=a,zone=x} 990"),
        ("age > 20", "age{task=b,zone=x} 30"),
        ("age > bool 20", "{task=a,zone=x} 0; {task=b,zone=x} 1"),
        ("age > on(task) limit", "{task=b} 30"),
        ("age - ignoring(zone) limit", "{task=a} -10; {task=b} 10"),
        ("age > limit", ""),
        ("age and on(task) (limit == 20)", "age{task=a,zone=x} 10; age{task=b,zone=x} 30"),
        ("age unless on(task) limit{task=\"a\"}", "age{task=b,zone=x} 30"),
        ("age{task=\"a\"} or age", "age{task=a,zone=x} 10; age{task=b,zone=x} 30"),
        ("age{task=\"none\"} or absent(age{task=\"none\"})", "{task=none} 1"),
        ("absent(age)", ""),
        ("absent(gone)", "{} 1"),
        ("max(age)", "{} 30"),
        ("min by (zone) (age)", "{zone=x} 10"),
        ("sum without (task) (age)", "{zone=x} 40"),
        ("count(age) + avg(age) * group(age)", "{} 22"),
        ("max(gone)", ""),
    ] {
        assert_eq!(told(expr), expected, "{expr}");
    }
}

#[test]
fn what_lies_outside_is_named_and_never_guessed() {
    for (expr, named) in [
        ("max_over_time(age[5m])", "the function `max_over_time`"),
        ("age offset 5m", "`offset`"),
        ("age * on(task) group_left limit", "`group_left`"),
        ("topk(1, age)", "the aggregation `topk`"),
        ("absent_over_time(age[1h])", "the function `absent_over_time`"),
        ("max(age) atan2 limit", "`atan2`"),
    ] {
        let error = value(expr).unwrap_err();
        assert!(
            matches!(error, Untold::Unsupported(_)) && error.to_string().contains(named),
            "{expr}: {error}"
        );
    }
    assert!(matches!(value("age > on(zone) limit{task=\"a\"}"), Ok(Value::Vector(none)) if none.is_empty()));
    assert!(matches!(value("age > on(zone) age"), Err(Untold::Refused(_))));
}
