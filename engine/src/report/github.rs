//! The record as annotations of GitHub Actions: workflow commands on standard output, each a line that GitHub puts
//! beside the step.
//!
//! GitHub shows ten errors, ten warnings and ten notices of a step and drops the rest in silence; so the last of each
//! says how many there are more. What fails is an error, what could not be told a warning, a skip that was allowed and a
//! failure that a baseline knows a notice.

use super::plain::{cut, tame};
use crate::{Outcome, Record, Result, Verdict};
use std::fmt;

/// So many of one level are shown of a step.
const MOST: usize = 10;

/// The most of one message, in bytes.
const MOST_OF_A_MESSAGE: usize = 4096;

/// Lines for standard output, each one annotation; empty when there is nothing to say.
pub fn github(record: &Record) -> String {
    let notes: Vec<_> = of_results(record).chain(of_proofs(record)).collect();
    [Level::Error, Level::Warning, Level::Notice].map(|level| of_level(&notes, level)).concat()
}

/// How loud an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
    Notice,
}

/// One annotation.
struct Note<'a> {
    level: Level,
    about: &'a str,
    message: String,
}

fn of_results(record: &Record) -> impl Iterator<Item = Note<'_>> {
    record.results.iter().filter_map(|result| {
        let reason = result.reason.as_deref().unwrap_or("no reason given");
        let (level, message) = match result.verdict {
            Verdict::Pass => return None,
            Verdict::Fail if result.is_known() => {
                (Level::Notice, format!("known from the baseline: {}", failed(result)))
            }
            Verdict::Fail => (Level::Error, failed(result)),
            Verdict::Unverified => (Level::Warning, format!("could not be verified: {reason}")),
            Verdict::Skipped if result.skip_allowed => {
                (Level::Notice, format!("was skipped, as allowed: {reason}"))
            }
            Verdict::Skipped => (Level::Warning, format!("was skipped: {reason}")),
        };
        Some(Note { level, about: &result.id, message })
    })
}

/// The first finding in full, and how many there are more.
fn failed(result: &Result) -> String {
    // What is new is what is to be read.
    let (new, known): (Vec<_>, Vec<_>) = result.findings.iter().partition(|finding| !finding.known);
    let findings = [new, known].concat();
    let Some((first, more)) = findings.split_first() else { return "failed".into() };
    let mut lines: Vec<_> = first
        .parts()
        .filter(|(name, _)| *name != "evidence")
        .map(|(name, value)| format!("{name}: {}", cut(value, MOST_OF_A_MESSAGE / 8)))
        .collect();
    if !more.is_empty() {
        lines.push(format!("… and {} more findings", more.len()));
    }
    lines.join("\n")
}

fn of_proofs(record: &Record) -> impl Iterator<Item = Note<'_>> {
    let proofs = record.proofs.iter().filter(|proof| !proof.outcome.is_good()).map(|proof| {
        let level = if proof.outcome == Outcome::Void { Level::Warning } else { Level::Error };
        let reason = proof.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let message = format!("{}{reason}\nit stands for: {}", proof.outcome, proof.mistake);
        Note { level, about: &proof.sabotage, message }
    });
    let unproven = record.unproven.iter().map(|id| Note {
        level: Level::Error,
        about: id,
        message: "unproven: no sabotage names it".into(),
    });
    proofs.chain(unproven)
}

fn of_level(notes: &[Note<'_>], level: Level) -> String {
    let notes: Vec<_> = notes.iter().filter(|note| note.level == level).collect();
    let shown = if notes.len() > MOST { MOST - 1 } else { notes.len() };
    let mut lines: String = notes[..shown].iter().map(|note| note.line()).collect();
    if let Some(first) = notes.get(shown) {
        let message =
            format!("{} more of this kind; the summary of the step has them all", notes.len() - shown);
        lines.push_str(&Note { level, about: first.about, message }.line());
    }
    lines
}

impl Note<'_> {
    fn line(&self) -> String {
        let title = property(&format!("sabot: {}", cut(self.about, 200)));
        let message = data(&cut(&self.message, MOST_OF_A_MESSAGE));
        format!("::{} title={title}::{message}\n", self.level)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        })
    }
}

/// The value of a command, as GitHub's runner decodes it.
fn data(text: &str) -> String {
    tame(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Finding;
    use crate::report::samples::{hostile, proved};

    fn record(verdict: Verdict, number: usize) -> Record {
        let mut record = Record::begin("run", "test");
        record.results =
            vec![Result { verdict, reason: Some("why".into()), ..Result::blank("a.one") }; number];
        record
    }

    #[test]
    fn each_verdict_has_its_level_and_a_pass_none() {
        let of = |verdict| github(&record(verdict, 1));
        assert_eq!(of(Verdict::Pass), "");
        assert_eq!(of(Verdict::Unverified), "::warning title=sabot%3A a.one::could not be verified: why\n");
        assert_eq!(of(Verdict::Skipped), "::warning title=sabot%3A a.one::was skipped: why\n");
        assert_eq!(of(Verdict::Fail), "::error title=sabot%3A a.one::failed\n");
        let mut allowed = record(Verdict::Skipped, 1);
        allowed.results[0].skip_allowed = true;
        assert_eq!(github(&allowed), "::notice title=sabot%3A a.one::was skipped, as allowed: why\n");
    }

    #[test]
    fn a_finding_is_one_line_that_decodes_to_itself() {
        let mut record = record(Verdict::Fail, 1);
        record.results[0].findings = vec![Finding::new("100 %", "a\nb", "c, d: e").remedy("mend"); 3];
        let expected = "::error title=sabot%3A a.one::subject: 100 %25%0Aexpected: a%0Ab%0Aobserved: c, d: e%0A\
                        remedy: mend%0A… and 2 more findings\n";
        assert_eq!(github(&record), expected);
    }

    #[test]
    fn no_more_than_are_shown_and_the_last_says_how_many_there_are_more() {
        for (number, lines) in [(10, 10), (11, 10), (10_000, 10)] {
            let drawn = github(&record(Verdict::Fail, number));
            assert_eq!(drawn.lines().count(), lines, "{number}");
            assert_eq!(drawn.contains("more of this kind"), number > 10);
        }
        assert!(github(&record(Verdict::Fail, 11)).contains("::2 more of this kind"));
    }

    #[test]
    fn nothing_that_a_target_says_is_a_command() {
        let drawn = github(&hostile());
        assert!(!drawn.is_empty());
        for line in drawn.lines() {
            let (command, message) = line[2..].split_once("::").unwrap();
            assert!(line.starts_with("::") && command.contains(" title=sabot%3A"), "{line}");
            assert!(!command.contains(',') && command.matches('=').count() == 1, "{line}");
            assert!(message.len() < 2 * MOST_OF_A_MESSAGE, "{}", message.len());
        }
    }

    #[test]
    fn a_proof_that_proves_nothing_is_annotated() {
        let drawn = github(&proved());
        assert!(drawn.contains("::error title=sabot%3A a.two/kept::survived"), "{drawn}");
        assert!(drawn.contains("::warning title=sabot%3A a.two/lost::void"), "{drawn}");
        assert!(drawn.contains("::error title=sabot%3A a.three::unproven"), "{drawn}");
        assert!(!drawn.contains("do-nothing"), "{drawn}");
    }
}
