//! Tests of the Markdown report.

use super::{LIMIT, markdown, markdown_within};
use crate::report::samples::{HOSTILE, full, hostile, many, proved, spoken};
use crate::{Finding, Record, Result, Verdict};

#[test]
fn the_counts_by_track_come_first() {
    let drawn = markdown(&full());
    let table = "| track | pass | fail | unverified | skipped |\n| --- | ---: | ---: | ---: | ---: |\n\
                 | readiness | 1 | · | · | · |\n| delivery | · | 1 | 1 | · |\n| recovery | · | · | · | 1 |\n";
    assert!(drawn.contains(table), "{drawn}");
    let places: Vec<_> =
        [table, "## What was not verified", "## Findings", "## Measured", "## Samples", "## Checks"]
            .map(|part| drawn.find(part).unwrap())
            .into();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn findings_are_folded_with_their_evidence_as_it_stands() {
    let drawn = markdown(&full());
    assert!(
        drawn.contains("<details><summary><b>delivery.replay</b> failed: 2 findings</summary>"),
        "{drawn}"
    );
    assert!(drawn.contains("\n<pre>line 1\nline 2</pre>\n"), "{drawn}");
    assert_eq!(drawn.matches("<details>").count(), drawn.matches("\n</details>\n").count());
}

#[test]
fn figures_are_tables() {
    let drawn = markdown(&full());
    assert!(drawn.contains("| `delivery.replay` | the time to restore | 75 s | 300 s | within |"), "{drawn}");
    assert!(
        drawn.contains("| `readiness.latency` | cold | ms | 200 | 100 | 190 | 198 | 500 | within |"),
        "{drawn}"
    );
    assert!(
        drawn.contains("| `readiness.latency` | warm | ms | 3 | 900 | 900 | 900 | 500 | **over** |"),
        "{drawn}"
    );
    assert!(drawn.contains("| the second | 60 s | 60.4 s |"), "{drawn}");
    assert!(
        drawn.contains("| id | delivered\\_at |\n| --- | --- |\n| 7 | 12:00 → **13:00** |\n| 8 | 12:01 |"),
        "{drawn}"
    );
}

#[test]
fn what_is_no_proof_comes_before_what_is() {
    let drawn = markdown(&proved());
    let kept = "| survived: it stayed green | `a.two/kept` | somebody forgot | sql + setting, cause |  |  | `a.two` |  | 1 |";
    let broken =
        "| proved | `a.one/broken` | somebody forgot | sql + setting, cause | `a.one` | `a.two` |  |  | 0 |";
    assert!(drawn.find(kept).unwrap() < drawn.find(broken).unwrap(), "{drawn}");
    assert!(drawn.contains("- `a.three` has no sabotage"), "{drawn}");
}

#[test]
fn ten_thousand_results_stay_within_what_github_shows() {
    let drawn = markdown(&many(10_000));
    assert!(drawn.len() <= LIMIT && drawn.len() > LIMIT / 2, "{}", drawn.len());
    assert!(drawn.starts_with("# Sabot") && drawn.contains("pieces were left out"), "the end says so");
    assert_eq!(drawn.matches("<details>").count(), drawn.matches("\n</details>\n").count());
    assert!(!markdown(&many(10)).contains("left out"));
    for limit in [0, 100, 5_000, 100_000] {
        assert!(markdown_within(&many(1_000), limit).len() <= limit.max(300), "{limit}");
    }
}

#[test]
fn a_check_with_thousands_of_findings_still_shows_some() {
    let mut record = Record::begin("run", "test");
    let findings = vec![Finding::new("row", "1", "2"); 5_000];
    record.results = vec![Result { verdict: Verdict::Fail, findings, ..Result::blank("a.one") }];
    let drawn = markdown(&record);
    assert_eq!(drawn.matches("**row**").count(), 10);
    assert!(drawn.contains("4990 more findings are in the JSON record"));
}

#[test]
fn hostile_text_stays_text() {
    let drawn = markdown(&hostile());
    assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "no control character");
    assert!(!drawn.contains('\u{202e}') && !drawn.contains("<script") && !drawn.contains("<img"));
    // What is preformatted ends only where we end it, and nothing is read in it but HTML.
    assert_eq!(drawn.matches("<pre>").count(), drawn.matches("</pre>").count());
    assert_eq!(drawn.matches("<details>").count(), drawn.matches("\n</details>\n").count());
    let read: String =
        drawn.split("<pre>").map(|part| part.split_once("</pre>").map_or(part, |(_, rest)| rest)).collect();
    for wrong in ["http://", "@everyone", "```", "\n::", "\n# head", "\n| --- | --- |\n# "] {
        assert!(!read.contains(wrong), "{wrong}");
    }
    assert!(!read.replace("\\]", "").contains("]("), "no link");
}

#[test]
fn no_text_adds_a_column_to_a_table() {
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    for text in HOSTILE {
        let mut record = Record::begin("run", "test");
        record.results = vec![spoken("a.one", text)];
        let drawn = markdown(&record);
        for (head, columns) in [("## Measured", 6), ("## Samples", 10), ("## Checks", 6)] {
            let table = drawn.split_once(head).unwrap().1.split("\n\n").nth(1).unwrap();
            assert!(table.lines().all(|line| cells(line) == columns), "{table}");
        }
    }
}
