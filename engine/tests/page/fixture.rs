//! Records that hold everything that a page can show, and much of it.

use sabot_engine::{
    Attempt, Fact, Figure, Finding, Gauge, Level, Nature, Need, Outcome, Proof, Record, Red, Result, Rows,
    Series, Sort, Timeline, Verdict,
};
use time::macros::datetime;

/// What wants to be anything but text.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script></style></title><img src=x onerror=alert(2)>\" onload='alert(3)' \
    javascript:alert(4) &lt;b&gt; <!-- ]]> \u{0}\u{7}\u{1b}[31m\u{202e}evil\u{2066}\u{200f}\u{feff} {{7*7}} `${1}`";

const TRACKS: [(&str, [&str; 12]); 5] = [
    (
        "recovery",
        [
            "newest",
            "postgres.restore",
            "postgres.rto",
            "postgres.rpo",
            "mongo.restore",
            "mongo.rto",
            "mongo.rpo",
            "corrupt",
            "cleanup",
            "registry",
            "alert.prometheus",
            "alert.newrelic",
        ],
    ),
    (
        "delivery",
        [
            "roundtrip",
            "replay",
            "order",
            "storm",
            "early",
            "outage",
            "auth",
            "malformed",
            "batch",
            "cursor",
            "forwarder-crash",
            "bounce-after-delivery",
        ],
    ),
    (
        "propagation",
        [
            "schedule",
            "dead-letter",
            "unknown-kind",
            "skip-locked",
            "exclusive",
            "crash",
            "late",
            "polling",
            "fairness",
            "poison",
            "rolling-upgrade",
            "idempotency-key",
        ],
    ),
    (
        "readiness",
        [
            "envelope",
            "criticality",
            "latency",
            "cache",
            "secrets",
            "liveness",
            "matrix",
            "burst",
            "recovery",
            "cold",
            "warm",
            "hanging",
        ],
    ),
    (
        "contract",
        [
            "consumers",
            "orphans",
            "renderers",
            "propagates",
            "reasons",
            "audit-known",
            "ledger-classified",
            "email-implies-ledger",
            "languages",
            "enum",
            "check-constraint",
            "lookup-table",
        ],
    ),
];

/// Sixty checks of five tracks, with failures, doubts, skips and every kind of figure.
pub(crate) fn rich() -> Record {
    let mut record = Record::begin("prove", "the embedded platform");
    record.started_at = datetime!(2026-11-23 03:00:12 UTC);
    record.profile = facts(&[("lease", "2 s"), ("dispatch limit", "1 s"), ("polling", "100 ms")]);
    for (track, names) in TRACKS {
        for name in names {
            record.results.push(green(&format!("{track}.{name}"), record.results.len()));
        }
    }
    trouble(&mut record);
    figures(&mut record);
    proofs(&mut record);
    record.finish();
    record.finished_at = datetime!(2026-11-23 03:02:51 UTC);
    record.took_ms = 159_500;
    record
}

fn green(id: &str, index: usize) -> Result {
    Result {
        verdict: Verdict::Pass,
        level: if index % 5 == 4 { Level::Beyond } else { Level::Baseline },
        failure_mode: format!(
            "{id}: a promise that nobody looked at for a year is broken on the day it is needed"
        ),
        needs: vec![Need::Services, Need::Database, Need::Tool("mongodump".into())],
        examined: 3 + (index as u64 * 37) % 480,
        took_ms: 80 + (index as u64 * 1_337) % 21_000,
        facts: facts(&[("samples taken", "200"), ("longest wait", "12.4 ms")]),
        ..Result::blank(id)
    }
}

fn facts(pairs: &[(&str, &str)]) -> Vec<Fact> {
    pairs.iter().map(|(name, value)| Fact { name: (*name).into(), value: (*value).into() }).collect()
}

pub(crate) fn result<'a>(record: &'a mut Record, id: &str) -> &'a mut Result {
    record.results.iter_mut().find(|result| result.id == id).unwrap()
}

fn trouble(record: &mut Record) {
    let replay = result(record, "delivery.replay");
    replay.verdict = Verdict::Fail;
    replay.failure_mode =
        "the provider repeats an event, and the time of delivery moves to now: nobody can tell any more when it arrived".into();
    let evidence = "POST /webhooks/brevo/[redacted] 200\n{\"ok\":true,\"matched\":true}\n".repeat(40);
    replay.findings = (1..=7)
        .map(|row| {
            Finding::new(
                format!("the ledger row of message {row}"),
                "byte for byte as it was: delivered_at 2026-11-22T09:14:07Z",
                "delivered_at 2026-11-23T03:00:41Z",
            )
            .evidence(evidence.clone())
            .evidence("x".repeat(4_000))
            .remedy("take the time from the event (ts_epoch), and the greatest of those seen, never from the receiver's clock")
        })
        .collect();
    let rto = result(record, "recovery.mongo.rto");
    rto.verdict = Verdict::Fail;
    rto.findings = vec![
        Finding::new("the drill of orders", "at most 3 min", "4 min 12 s")
            .remedy("restore with several jobs"),
    ];
    let newrelic = result(record, "recovery.alert.newrelic");
    newrelic.verdict = Verdict::Unverified;
    newrelic.reason = Some(
        "the condition lies beyond the provider's documented bounds: it refuses it or it cannot fire".into(),
    );
    for id in ["contract.languages", "readiness.cold"] {
        let skipped = result(record, id);
        skipped.verdict = Verdict::Skipped;
        skipped.reason = Some("`mongod` is not on the PATH, nor built by `make setup`".into());
        skipped.skip_allowed = id == "readiness.cold";
    }
}

fn figures(record: &mut Record) {
    let gauge =
        |name: &str, value, limit| Figure::Gauge(Gauge { name: name.into(), unit: "s".into(), value, limit });
    result(record, "recovery.postgres.rto").figures = vec![
        gauge("RTO of platform, restored from its dump", 12.04, 300.0),
        gauge("RTO of customers, from a base backup", 201.0, 300.0),
    ];
    result(record, "recovery.postgres.rpo").figures = vec![gauge("RPO of platform", 97_200.0, 108_000.0)];
    result(record, "recovery.mongo.rto").figures =
        vec![gauge("RTO of orders", 252.0, 180.0), gauge("RTO of sessions", 0.9, 180.0)];
    result(record, "readiness.latency").series =
        ["api: cold", "api: warm, brevo hanging", "worker: cold", "provisioner: cold"]
            .iter()
            .enumerate()
            .map(|(index, name)| series(name, 2.0 + 3.0 * index as f64 * index as f64))
            .collect();
    result(record, "propagation.schedule").figures = vec![timeline(0.0), timeline(400.0)];
    result(record, "delivery.replay").figures = vec![rows(true), rows(false)];
}

/// Samples with a long tail, the same at each run.
fn series(name: &str, centre: f64) -> Series {
    let samples = (1..=200)
        .map(|step| {
            let uniform = (f64::from(step) * 0.618_034).fract().clamp(0.001, 0.999);
            centre * (1.0 + 0.25 * (uniform / (1.0 - uniform)).ln()).exp() / std::f64::consts::E
        })
        .collect();
    Series { name: name.into(), unit: "ms".into(), p95_limit: 80.0, samples }
}

fn timeline(late: f64) -> Figure {
    let waits = [60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0, 57_600.0, 86_400.0];
    let mut expected = 0.0;
    let mut attempts = vec![Attempt { name: "attempt 1".into(), expected: 0.0, observed: 0.0 }];
    for (index, wait) in waits.into_iter().enumerate() {
        expected += wait;
        let off = if index % 3 == 1 { late } else { 0.01 };
        attempts.push(Attempt { name: format!("attempt {}", index + 2), expected, observed: expected + off });
    }
    Figure::Timeline(Timeline { name: "the attempts of a row at the defaults".into(), attempts })
}

fn rows(changed: bool) -> Figure {
    let row = |message: usize, state: &str| {
        vec![format!("message {message}"), format!("{state} 2026-11-22T09:14:0{message}Z"), "2".into()]
    };
    let before: Vec<_> = (1..=6).map(|message| row(message, "delivered")).collect();
    let mut after = before.clone();
    if changed {
        after[1] = row(2, "bounced_hard");
        after[3][2] = "4".into();
        after.remove(5);
        after.push(row(7, "accepted"));
    }
    Figure::Rows(Rows {
        name: "the ledger and its stored events, before and after 235 events came again".into(),
        columns: ["message", "ledger", "stored events"].map(String::from).to_vec(),
        before,
        after,
    })
}

/// Five sabotages of each of sixty checks, most of them proved, and the one that does nothing.
fn proofs(record: &mut Record) {
    let ids: Vec<_> = record.results.iter().map(|result| result.id.clone()).collect();
    for (index, id) in ids.iter().enumerate() {
        for (number, name) in
            ["setting-lost-a-zero", "trigger-dropped", "answer-too-early", "clock-of-the-receiver", "killed"]
                .into_iter()
                .enumerate()
        {
            record.proofs.push(proof(&ids, index, &format!("{id}/{name}"), outcome(index * 5 + number)));
        }
    }
    let mut nothing = proof(&ids, 0, "do-nothing", Outcome::NothingSurvived);
    nothing.mistake = "none: it must come out survived, or red would mean nothing".into();
    nothing.turns_red.clone_from(&ids);
    nothing.matrix.iter_mut().for_each(|red| red.named = true);
    record.proofs.push(nothing);
    record.unproven = vec!["contract.enum".into()];
}

fn outcome(index: usize) -> Outcome {
    match index {
        57 => Outcome::Survived,
        133 => Outcome::SurvivedFlaky,
        201 => Outcome::Collateral,
        44 | 260 => Outcome::Void,
        _ => Outcome::Proved,
    }
}

fn proof(ids: &[String], own: usize, sabotage: &str, outcome: Outcome) -> Proof {
    let red = |(index, id): (usize, &String)| {
        let named = index == own && !outcome.is_nothing();
        let besides = outcome != Outcome::NothingSurvived && (index * 31 + own * 17).is_multiple_of(41);
        let verdict = match outcome {
            Outcome::Proved if named => Verdict::Fail,
            Outcome::Void if named => Verdict::Unverified,
            _ if besides && !named => Verdict::Fail,
            _ => Verdict::Pass,
        };
        let finding = (verdict == Verdict::Fail).then(|| {
            Finding::new("the ledger row", "as it was", "moved").remedy("take the time from the event")
        });
        Red { check: id.clone(), named, verdict, finding, reason: None }
    };
    Proof {
        sabotage: sabotage.into(),
        mistake: "somebody copied the setting from another service and lost a zero on the way".into(),
        sorts: vec![Sort::Setting, Sort::Sql],
        nature: if own % 4 == 3 { Nature::Symptom } else { Nature::Cause },
        turns_red: vec![ids[own].clone()],
        outcome,
        reason: (!outcome.is_good()).then(|| "the wire counted no rewrite within 5 s".into()),
        landed: (outcome != Outcome::Void).then(|| "the wire counted 12 rewrites".into()),
        matrix: ids
            .iter()
            .enumerate()
            .filter(|(index, _)| (index + own) % 7 != 1 || *index == own)
            .map(red)
            .collect(),
        took_ms: 4_200,
    }
}

/// Text that fits nowhere.
pub(crate) fn long() -> String {
    "unbroken".repeat(60)
}

/// A record every text of which is `text`.
pub(crate) fn all_of(text: &str) -> Record {
    let own = || text.to_owned();
    let finding = || Finding::new(text, text, text).evidence(text).remedy(text);
    let mut record = Record::begin(text, text);
    record.sabot = own();
    record.format = own();
    record.profile = facts(&[(text, text)]);
    record.unproven = vec![own()];
    record.not_verified = vec![own()];
    for verdict in [Verdict::Fail, Verdict::Unverified, Verdict::Skipped, Verdict::Pass] {
        record.results.push(Result {
            verdict,
            track: own(),
            failure_mode: own(),
            needs: vec![Need::Tool(own().into())],
            reason: Some(own()),
            findings: vec![finding(); 6],
            facts: facts(&[(text, text)]),
            series: vec![Series { name: own(), unit: own(), p95_limit: 5.0, samples: vec![1.0, 2.0, 30.0] }],
            figures: every_figure(text),
            ..Result::blank(text)
        });
    }
    for outcome in [Outcome::Proved, Outcome::Survived, Outcome::Void, Outcome::NothingProved] {
        record.proofs.push(Proof {
            mistake: own(),
            turns_red: vec![own()],
            reason: Some(own()),
            landed: Some(own()),
            matrix: [Verdict::Fail, Verdict::Pass]
                .map(|verdict| Red {
                    check: own(),
                    named: true,
                    verdict,
                    finding: Some(finding()),
                    reason: Some(own()),
                })
                .to_vec(),
            ..proof(&[own()], 0, text, outcome)
        });
    }
    record
}

fn every_figure(text: &str) -> Vec<Figure> {
    let own = || text.to_owned();
    vec![
        Figure::Gauge(Gauge { name: own(), unit: own(), value: 1.0, limit: 0.0 }),
        Figure::Timeline(Timeline {
            name: own(),
            attempts: vec![Attempt { name: own(), expected: -1.0, observed: 1e300 }; 70],
        }),
        Figure::Rows(Rows {
            name: own(),
            columns: vec![own()],
            before: vec![vec![own()], vec![]],
            after: vec![vec![own(), own()], vec![own()], vec![own()]],
        }),
    ]
}

/// Ten thousand results, one in fifty a failure.
pub(crate) fn large() -> Record {
    let mut record = rich();
    let (pattern, failed) = (record.results[0].clone(), result(&mut record, "recovery.mongo.rto").clone());
    record.results = (0..10_000)
        .map(|index| {
            let like = if index % 50 == 7 { &failed } else { &pattern };
            let track = format!("track-{}", index % 9);
            Result { id: format!("{track}.check-{index}"), track, ..like.clone() }
        })
        .collect();
    record.proofs.clear();
    record.unproven.clear();
    record
}
