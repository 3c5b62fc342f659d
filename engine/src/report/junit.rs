//! The record as JUnit XML, for whatever shows test results: Jenkins, GitLab, GitHub actions.
//!
//! A suite for each track, a case for each check. `fail` is a failure, `unverified` an error, `skipped` skipped: they
//! stay apart. Under `prove` a further suite holds each sabotage: one that survived, or was only collateral, is a
//! failure, a void one an error. The elements and attributes are those that Jenkins' xUnit plugin lays down
//! (`junit-10.xsd`), which has properties for suites only: facts are named `CHECK: FACT` there.

#[cfg(test)]
mod tests;

use super::plain::{cut, one_line, tame};
use super::text::seconds_of;
use crate::{Exit, Finding, Outcome, Proof, Record, Result, Verdict};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use std::io;

type Xml = Writer<Vec<u8>>;

/// The most of one text, in bytes: servers read the whole file into memory.
const MOST: usize = 64 * 1024;

/// The most of an attribute, in bytes: it is shown on one line.
const MOST_OF_A_LINE: usize = 1024;

/// One document, drawn from the record alone.
pub fn junit(record: &Record) -> String {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    match document(&mut xml, record) {
        Ok(()) => String::from_utf8_lossy(&xml.into_inner()).into_owned() + "\n",
        // Memory takes everything that is written to it.
        Err(error) => unreachable!("writing to memory: {error}"),
    }
}

/// One case: a check, a sabotage, or a check that no sabotage names.
struct Case<'a> {
    name: &'a str,
    took_ms: u64,
    came_to: CameTo,
}

/// What became of a case; all but a pass with a line, and failures with a text.
enum CameTo {
    Passed,
    Skipped(String),
    Error(String),
    Failure { kind: &'static str, message: String, text: String },
}

/// One suite.
struct Suite<'a> {
    name: &'a str,
    cases: Vec<Case<'a>>,
    /// Names and values.
    properties: Vec<(String, String)>,
    /// What is to be read beside the cases.
    output: String,
}

fn document(xml: &mut Xml, record: &Record) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let suites = suites(record);
    let total = |count: &dyn Fn(&Suite<'_>) -> usize| suites.iter().map(count).sum::<usize>().to_string();
    let attributes = [
        ("name", format!("sabot {}", record.command)),
        ("tests", total(&|suite| suite.cases.len())),
        ("failures", total(&|suite| suite.failures())),
        ("errors", total(&|suite| suite.errors())),
        ("time", seconds_of(record.took_ms)),
    ];
    let root = attributes.iter().fold(xml.create_element("testsuites"), |root, (name, value)| {
        root.with_attribute((*name, value.as_str()))
    });
    root.write_inner_content(|xml| suites.iter().try_for_each(|suite| suite.write(xml, record)))?;
    Ok(())
}

fn suites(record: &Record) -> Vec<Suite<'_>> {
    let mut suites: Vec<_> = record.tracks().into_iter().map(|track| suite_of(record, track)).collect();
    if record.command == "prove" {
        let proofs = record.proofs.iter().map(of_proof);
        let unproven = record.unproven.iter().map(|id| Case {
            name: id,
            took_ms: 0,
            came_to: failure("unproven", "no sabotage names it".into(), String::new()),
        });
        let cases = proofs.chain(unproven).collect();
        suites.push(Suite { name: "prove", cases, properties: Vec::new(), output: String::new() });
    }
    if let Some(first) = suites.first_mut() {
        first.properties.splice(0..0, of_the_run(record));
        if !record.not_verified.is_empty() {
            first.output = format!("what was not verified\n{}\n", record.not_verified.join("\n"));
        }
    }
    suites
}

/// What holds for the whole run; the format has a place for it in suites alone.
fn of_the_run(record: &Record) -> Vec<(String, String)> {
    let mut properties = vec![
        ("sabot".into(), record.sabot.clone()),
        ("target".into(), record.target.clone()),
        ("exit code".into(), Exit::of(record).code().to_string()),
    ];
    properties.extend(record.interrupted.map(|signal| ("interrupted by signal".into(), signal.to_string())));
    properties
        .extend(record.profile.iter().map(|fact| (format!("profile: {}", fact.name), fact.value.clone())));
    properties
}

fn suite_of<'a>(record: &'a Record, track: &'a str) -> Suite<'a> {
    let results = || record.results.iter().filter(move |result| result.track == track);
    let facts = results().flat_map(|result| {
        result.facts.iter().map(|fact| (format!("{}: {}", result.id, fact.name), fact.value.clone()))
    });
    let baseline = record.baseline.iter().flat_map(|baseline| {
        let known = baseline.known.iter().map(|known| (known, "known from the baseline"));
        known.chain(baseline.mended.iter().map(|mended| (mended, "green since the baseline")))
    });
    let baseline = baseline
        .filter(|(known, _)| results().any(|result| result.id == known.check))
        .map(|(known, what)| (format!("{}: {what}", known.check), known.subject.clone()));
    Suite {
        name: track,
        cases: results().map(of_result).collect(),
        properties: facts.chain(baseline).collect(),
        output: String::new(),
    }
}

fn of_result(result: &Result) -> Case<'_> {
    let reason = || result.reason.clone().unwrap_or_else(|| "no reason given".into());
    let came_to = match result.verdict {
        Verdict::Pass => CameTo::Passed,
        Verdict::Unverified => CameTo::Error(reason()),
        Verdict::Skipped if result.skip_allowed => CameTo::Skipped(format!("allowed: {}", reason())),
        Verdict::Skipped => CameTo::Skipped(reason()),
        Verdict::Fail if result.is_known() => {
            let first = result.findings.first().map_or_else(reason, Finding::line);
            CameTo::Skipped(format!("known from the baseline: {first}"))
        }
        Verdict::Fail => {
            let new = result.findings.iter().find(|finding| !finding.known);
            let message = new.map_or_else(reason, Finding::line);
            failure("fail", message, told(result))
        }
    };
    Case { name: &result.id, took_ms: result.took_ms, came_to }
}

/// Everything that a failed check has to say.
fn told(result: &Result) -> String {
    let mut text = format!("{}\n", result.failure_mode);
    for finding in &result.findings {
        for (name, value) in finding.parts() {
            text.push_str(&format!("\n{name:<9} {}", cut(value, MOST / 4)));
        }
        if finding.known {
            text.push_str("\nknown from the baseline");
        }
        text.push('\n');
    }
    if let Some(reason) = &result.reason {
        text.push_str(&format!("\nbesides, it could not tell: {reason}\n"));
    }
    text
}

fn of_proof(proof: &Proof) -> Case<'_> {
    let reason = || proof.reason.clone().unwrap_or_else(|| proof.outcome.to_string());
    let came_to = match proof.outcome {
        Outcome::Proved | Outcome::NothingSurvived => CameTo::Passed,
        Outcome::Void => CameTo::Error(reason()),
        Outcome::Survived | Outcome::SurvivedFlaky => failure("survived", reason(), of_the_mistake(proof)),
        Outcome::Collateral => failure("collateral", reason(), of_the_mistake(proof)),
        Outcome::NothingProved => failure("nothing-proved", reason(), of_the_mistake(proof)),
    };
    Case { name: &proof.sabotage, took_ms: proof.took_ms, came_to }
}

fn of_the_mistake(proof: &Proof) -> String {
    format!("it stands for: {}\nit must turn red: {}", proof.mistake, proof.turns_red.join(", "))
}

fn failure(kind: &'static str, message: String, text: String) -> CameTo {
    CameTo::Failure { kind, message, text }
}

impl Suite<'_> {
    fn failures(&self) -> usize {
        self.count(|came_to| matches!(came_to, CameTo::Failure { .. }))
    }

    fn errors(&self) -> usize {
        self.count(|came_to| matches!(came_to, CameTo::Error(_)))
    }

    fn count(&self, of: fn(&CameTo) -> bool) -> usize {
        self.cases.iter().filter(|case| of(&case.came_to)).count()
    }

    fn write(&self, xml: &mut Xml, record: &Record) -> io::Result<()> {
        let skipped = self.count(|came_to| matches!(came_to, CameTo::Skipped(_)));
        let took = self.cases.iter().map(|case| case.took_ms).sum();
        let attributes = [
            ("name", self.name.to_owned()),
            ("tests", self.cases.len().to_string()),
            ("failures", self.failures().to_string()),
            ("errors", self.errors().to_string()),
            ("skipped", skipped.to_string()),
            ("time", seconds_of(took)),
            ("timestamp", timestamp(record)),
        ];
        let suite = attributes.iter().fold(xml.create_element("testsuite"), |suite, (name, value)| {
            suite.with_attribute((*name, line(value).as_str()))
        });
        suite.write_inner_content(|xml| {
            self.write_properties(xml)?;
            self.cases.iter().try_for_each(|case| case.write(xml, self.name))?;
            if !self.output.is_empty() {
                xml.create_element("system-out").write_text_content(text(&self.output))?;
            }
            Ok(())
        })?;
        Ok(())
    }

    fn write_properties(&self, xml: &mut Xml) -> io::Result<()> {
        if self.properties.is_empty() {
            return Ok(());
        }
        xml.create_element("properties").write_inner_content(|xml| {
            self.properties.iter().try_for_each(|(name, value)| {
                let property = xml.create_element("property");
                let property = property.with_attribute(("name", line(name).as_str()));
                property.with_attribute(("value", line(value).as_str())).write_empty().map(drop)
            })
        })?;
        Ok(())
    }
}

impl Case<'_> {
    fn write(&self, xml: &mut Xml, suite: &str) -> io::Result<()> {
        let case = xml
            .create_element("testcase")
            .with_attribute(("name", line(self.name).as_str()))
            .with_attribute(("classname", line(suite).as_str()))
            .with_attribute(("time", seconds_of(self.took_ms).as_str()));
        let (element, kind, message, content) = match &self.came_to {
            CameTo::Passed => return case.write_empty().map(drop),
            CameTo::Skipped(reason) => ("skipped", "skipped", reason, None),
            CameTo::Error(reason) => ("error", "unverified", reason, Some(reason)),
            CameTo::Failure { kind, message, text } => ("failure", *kind, message, Some(text)),
        };
        case.write_inner_content(|xml| {
            let told = xml.create_element(element);
            let told =
                told.with_attribute(("type", kind)).with_attribute(("message", line(message).as_str()));
            match content {
                Some(content) => told.write_text_content(text(content)).map(drop),
                None => told.write_empty().map(drop),
            }
        })?;
        Ok(())
    }
}

/// When the run began, as the format has it: UTC, without a zone, to the second.
fn timestamp(record: &Record) -> String {
    let at = record.started_at.to_offset(time::UtcOffset::UTC);
    format!("{}T{:02}:{:02}:{:02}", at.date(), at.hour(), at.minute(), at.second())
}

/// A value for an attribute, still to be escaped.
fn line(value: &str) -> String {
    cut(&one_line(value), MOST_OF_A_LINE).into_owned()
}

/// A text, escaped.
fn text(value: &str) -> BytesText<'static> {
    BytesText::new(&cut(&tame(value), MOST)).into_owned()
}
