//! Records to draw in tests: one with everything that a run can hold, one of proofs, one of a hostile target, a big one.

use crate::{
    Attempt, Baseline, Fact, Figure, Finding, Gauge, Known, Level, Nature, Need, Outcome, Proof, Record, Red,
    Result, Rows, Series, Sort, Timeline, Verdict,
};

/// Every field of a record but those of proofs, each with something in it.
pub(crate) fn full() -> Record {
    let mut record = Record::begin("run", "the test target");
    record.profile = vec![fact("cache", "500 ms")];
    record.results = vec![
        Result {
            verdict: Verdict::Pass,
            level: Level::Beyond,
            needs: vec![Need::Files, Need::Tool("mongodump".into())],
            facts: vec![fact("asked", "15 times")],
            series: vec![series("cold"), Series { samples: vec![900.0; 3], ..series("warm") }],
            examined: 15,
            took_ms: 12_204,
            ..Result::blank("readiness.latency")
        },
        Result {
            verdict: Verdict::Fail,
            failure_mode: "a replay moves the time".into(),
            findings: vec![
                Finding::new("row 7", "as it was", "moved").evidence("line 1\nline 2").remedy("keep it"),
                Finding::new("row 8", "as it was", "gone").remedy("keep it"),
            ],
            figures: figures(),
            examined: 2,
            took_ms: 31,
            ..Result::blank("delivery.replay")
        },
        Result { reason: Some("the connection was lost".into()), ..Result::blank("delivery.order") },
        Result {
            verdict: Verdict::Skipped,
            reason: Some("it needs cluster: there is none".into()),
            skip_allowed: true,
            ..Result::blank("recovery.cluster")
        },
    ];
    record.finish();
    record.took_ms = 61_007;
    record
}

/// A proof with each sort of outcome that is told apart.
pub(crate) fn proved() -> Record {
    let mut record = Record::begin("prove", "the test target");
    record.results =
        ["a.one", "a.two", "a.three"].map(|id| Result { verdict: Verdict::Pass, ..Result::blank(id) }).into();
    record.proofs = vec![
        proof(
            "a.one/broken",
            Outcome::Proved,
            &[("a.one", true, Verdict::Fail), ("a.two", false, Verdict::Fail)],
        ),
        proof(
            "a.two/kept",
            Outcome::Survived,
            &[("a.two", true, Verdict::Pass), ("a.one", false, Verdict::Pass)],
        ),
        proof("a.two/lost", Outcome::Void, &[("a.two", true, Verdict::Unverified)]),
        proof("do-nothing", Outcome::NothingSurvived, &[("a.one", true, Verdict::Pass)]),
    ];
    record.unproven = vec!["a.three".into()];
    record.finish();
    record
}

/// What a target may say to whoever reads a report.
pub(crate) const HOSTILE: &[&str] = &[
    "<script>alert('1')</script><img src=x onerror=alert(1)>",
    "]]></failure></testcase><!-- --><![CDATA[",
    "\"' onmouseover=\"alert(1)\" x='",
    "line\n::error title=x::owned\n::stop-commands::x\n\r\n::set-output name=a::b",
    "100%0A::error::x, y: z",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\x08\x08",
    "nul \0 and \u{1} and \u{7f} and \u{85} and \u{fffe}",
    "\u{202e}desrever\u{2066}\u{200f}",
    "| a | b |\n| --- | --- |\n# head\n- [x](http://evil.test) ![y](http://evil.test/y.png) `code` ```\n</details></pre>",
    "a\\b\"} 1\n# TYPE x counter\nx{y=\"",
    "@everyone $x^2$ ~~gone~~ __bold__ &lt;b&gt; &#60;b&#62;",
];

/// Every text of a record hostile, and one of a mebibyte.
pub(crate) fn hostile() -> Record {
    let mut record = Record::begin("run", HOSTILE[0]);
    let long = "long <b> ".repeat(1 << 17);
    record.profile = vec![fact(HOSTILE[2], HOSTILE[1])];
    for (number, text) in HOSTILE.iter().copied().chain([long.as_str()]).enumerate() {
        record.results.push(Result { verdict: Verdict::Fail, ..spoken(&format!("a.{number}"), text) });
        record.results.push(spoken(&format!("b.{number}"), text));
    }
    let told = || HOSTILE.iter().map(|text| Known { check: "a.0".into(), subject: (*text).into() }).collect();
    record.baseline = Some(Baseline {
        started_at: record.started_at,
        sabot: env!("CARGO_PKG_VERSION").into(),
        known: told(),
        mended: told(),
    });
    record.finish();
    record
}

/// A result that says `text` wherever it can say anything.
pub(crate) fn spoken(id: &str, text: &str) -> Result {
    let rows = Rows {
        name: text.into(),
        columns: vec![text.into()],
        before: vec![vec![text.into()]],
        after: vec![vec![format!("{text}!")]],
    };
    let attempts = vec![Attempt { name: text.into(), expected: 1.0, observed: 2.0 }];
    Result {
        failure_mode: text.into(),
        reason: Some(text.into()),
        findings: vec![Finding::new(text, text, text).evidence(text).remedy(text)],
        facts: vec![fact(text, text)],
        series: vec![Series { unit: text.into(), ..series(text) }],
        figures: vec![
            Figure::Gauge(Gauge { name: text.into(), unit: text.into(), value: 1.0, limit: 2.0 }),
            Figure::Timeline(Timeline { name: text.into(), attempts }),
            Figure::Rows(rows),
        ],
        ..Result::blank(id)
    }
}

/// A record of `number` results with findings, facts and series.
pub(crate) fn many(number: usize) -> Record {
    let mut record = Record::begin("run", "the test target");
    record.results = (0..number)
        .map(|n| Result {
            verdict: if n % 3 == 0 { Verdict::Fail } else { Verdict::Pass },
            took_ms: 7,
            ..spoken(
                &format!("track-{}.check-{n}", n % 5),
                "ordinary text of an ordinary length, more or less",
            )
        })
        .collect();
    record.finish();
    record
}

fn figures() -> Vec<Figure> {
    let attempt = |name: &str, expected, observed| Attempt { name: name.into(), expected, observed };
    let attempts = vec![attempt("the first", 0.0, 0.0), attempt("the second", 60.0, 60.4)];
    vec![
        Figure::Gauge(Gauge {
            name: "the time to restore".into(),
            unit: "s".into(),
            value: 75.0,
            limit: 300.0,
        }),
        Figure::Timeline(Timeline { name: "the attempts of a row".into(), attempts }),
        Figure::Rows(Rows {
            name: "the ledger, before and after a replay".into(),
            columns: vec!["id".into(), "delivered_at".into()],
            before: vec![vec!["7".into(), "12:00".into()], vec!["8".into(), "12:01".into()]],
            after: vec![vec!["7".into(), "13:00".into()], vec!["8".into(), "12:01".into()]],
        }),
    ]
}

fn series(name: &str) -> Series {
    Series {
        name: name.into(),
        unit: "ms".into(),
        p95_limit: 500.0,
        samples: (1..=200).map(f64::from).collect(),
    }
}

fn fact(name: &str, value: &str) -> Fact {
    Fact { name: name.into(), value: value.into() }
}

/// A proof with these cells: check, whether it is named, and what it came to.
pub(crate) fn proof(sabotage: &str, outcome: Outcome, cells: &[(&str, bool, Verdict)]) -> Proof {
    let red = |&(check, named, verdict): &(&str, bool, Verdict)| Red {
        check: check.into(),
        named,
        verdict,
        finding: (verdict == Verdict::Fail).then(|| Finding::new("row", "whole", "broken")),
        reason: (verdict == Verdict::Unverified).then(|| "it could not tell".into()),
    };
    Proof {
        sabotage: sabotage.into(),
        mistake: "somebody forgot".into(),
        sorts: vec![Sort::Sql, Sort::Setting],
        nature: Nature::Cause,
        turns_red: cells.iter().filter(|cell| cell.1).map(|cell| cell.0.into()).collect(),
        outcome,
        reason: (!outcome.is_good()).then(|| "it stayed green".into()),
        landed: Some("the wire counted it".into()),
        matrix: cells.iter().map(red).collect(),
        took_ms: 1500,
    }
}
