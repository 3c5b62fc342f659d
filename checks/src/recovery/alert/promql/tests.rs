//! The evaluator against what Prometheus documents, one row for each part of the language.

use super::{Labels, NAME, Sample, Untold, Value, World, evaluate};

/// `age{job="a",zone="x"} 10`, `age{job="b",zone="x"} 30`, `limit{job="a"} 20`, `limit{job="b"} 20`.
struct Few;

impl World for Few {
    fn samples(&self, name: &str, _: f64) -> Vec<Sample> {
        let all = [
            ("age", [("job", "a"), ("zone", "x")].as_slice(), 10.0),
            ("age", &[("job", "b"), ("zone", "x")], 30.0),
            ("limit", &[("job", "a")], 20.0),
            ("limit", &[("job", "b")], 20.0),
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
        ("scalar(age{job=\"a\"})", "10"),
        ("scalar(age)", "NaN"),
        ("abs(age - 20)", "{job=a,zone=x} 10; {job=b,zone=x} 10"),
        ("age", "age{job=a,zone=x} 10; age{job=b,zone=x} 30"),
        ("{__name__=\"age\",job!=\"a\"}", "age{job=b,zone=x} 30"),
        ("age{job=~\"a|c\",none=\"\"}", "age{job=a,zone=x} 10"),
        ("time() - age > 980", "{job=a,zone=x} 990"),
        ("980 < time() - age", "{job=a,zone=x} 990"),
        ("age > 20", "age{job=b,zone=x} 30"),
        ("age > bool 20", "{job=a,zone=x} 0; {job=b,zone=x} 1"),
        ("age > on(job) limit", "{job=b} 30"),
        ("age - ignoring(zone) limit", "{job=a} -10; {job=b} 10"),
        ("age > limit", ""),
        ("age and on(job) (limit == 20)", "age{job=a,zone=x} 10; age{job=b,zone=x} 30"),
        ("age unless on(job) limit{job=\"a\"}", "age{job=b,zone=x} 30"),
        ("age{job=\"a\"} or age", "age{job=a,zone=x} 10; age{job=b,zone=x} 30"),
        ("age{job=\"none\"} or absent(age{job=\"none\"})", "{job=none} 1"),
        ("absent(age)", ""),
        ("absent(gone)", "{} 1"),
        ("max(age)", "{} 30"),
        ("min by (zone) (age)", "{zone=x} 10"),
        ("sum without (job) (age)", "{zone=x} 40"),
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
        ("age * on(job) group_left limit", "`group_left`"),
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
    assert!(matches!(value("age > on(zone) limit{job=\"a\"}"), Ok(Value::Vector(none)) if none.is_empty()));
    assert!(matches!(value("age > on(zone) age"), Err(Untold::Refused(_))));
}
