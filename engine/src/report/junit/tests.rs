//! Tests of the JUnit report: read back, and held against the schema.

use super::{MOST, junit};
use crate::report::samples::{HOSTILE, full, hostile, proved};
use crate::{Record, Result, Verdict};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// An element as it was read back: its name, its attributes, and its own text.
#[derive(Debug, Default, Clone)]
struct Element {
    path: Vec<String>,
    attributes: BTreeMap<String, String>,
    text: String,
}

impl Element {
    fn begin(path: &[String], start: &BytesStart<'_>) -> Self {
        let attribute = |attribute: quick_xml::events::attributes::Attribute<'_>| {
            let name = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
            let value = std::str::from_utf8(&attribute.value).unwrap();
            (name, quick_xml::escape::unescape(value).unwrap().into_owned())
        };
        let attributes = start.attributes().map(|each| attribute(each.unwrap())).collect();
        Self { path: path.to_vec(), attributes, text: String::new() }
    }

    fn name(&self) -> &str {
        self.path.last().unwrap()
    }

    fn number(&self, attribute: &str) -> usize {
        self.attributes[attribute].parse().unwrap()
    }
}

/// Every element in the order in which they begin.
fn read(xml: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(xml);
    let mut path = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut elements: Vec<Element> = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                path.push(String::from_utf8(start.name().as_ref().to_vec()).unwrap());
                open.push(elements.len());
                elements.push(Element::begin(&path, &start));
            }
            Event::Empty(start) => {
                path.push(String::from_utf8(start.name().as_ref().to_vec()).unwrap());
                elements.push(Element::begin(&path, &start));
                path.pop();
            }
            Event::End(_) => {
                path.pop();
                open.pop();
            }
            Event::Text(text) => add(&mut elements, &open, &text.decode().unwrap()),
            Event::GeneralRef(reference) => {
                let text = format!("&{};", reference.decode().unwrap());
                add(&mut elements, &open, &quick_xml::escape::unescape(&text).unwrap());
            }
            Event::Eof => break,
            Event::Decl(_) => {}
            other => panic!("nothing else is written: {other:?}"),
        }
    }
    assert!(path.is_empty());
    elements
}

fn add(elements: &mut [Element], open: &[usize], text: &str) {
    if let Some(&at) = open.last() {
        elements[at].text.push_str(text);
    }
}

fn named<'a>(elements: &'a [Element], name: &str) -> Vec<&'a Element> {
    elements.iter().filter(|element| element.name() == name).collect()
}

/// What the schema lays down, looked at by hand, for machines without `xmllint`.
fn is_well_built(elements: &[Element]) {
    const PATHS: &[&str] = &[
        "testsuites",
        "testsuites/testsuite",
        "testsuites/testsuite/properties",
        "testsuites/testsuite/properties/property",
        "testsuites/testsuite/testcase",
        "testsuites/testsuite/testcase/skipped",
        "testsuites/testsuite/testcase/error",
        "testsuites/testsuite/testcase/failure",
        "testsuites/testsuite/system-out",
    ];
    for element in elements {
        assert!(PATHS.contains(&element.path.join("/").as_str()), "{:?}", element.path);
        let required: &[&str] = match element.name() {
            "testsuites" => &["errors", "failures", "name", "tests", "time"],
            "testsuite" => &["errors", "failures", "name", "skipped", "tests", "time", "timestamp"],
            "property" => &["name", "value"],
            "testcase" => &["classname", "name", "time"],
            "skipped" | "error" | "failure" => &["message", "type"],
            _ => &[],
        };
        assert_eq!(element.attributes.keys().collect::<Vec<_>>(), required, "{:?}", element.path);
    }
    for (total, of) in [("tests", "testcase"), ("failures", "failure"), ("errors", "error")] {
        let sum: usize = named(elements, "testsuite").iter().map(|suite| suite.number(total)).sum();
        assert_eq!((elements[0].number(total), named(elements, of).len()), (sum, sum), "{total}");
    }
}

/// What `xmllint` says against it; `None` where there is none, which is said aloud.
fn against_the_schema(xml: &str) -> Option<String> {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/junit/junit.xsd");
    let mut command = Command::new("xmllint");
    command.args(["--noout", "--nonet", "--huge", "--schema", schema, "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        // Not by a macro: the test harness would keep it to itself.
        let said = "LEFT OUT: there is no xmllint here (Debian: libxml2-utils); the schema was checked by hand alone";
        writeln!(std::io::stderr(), "{said}").unwrap();
        return None;
    };
    child.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { String::new() } else { said })
}

#[test]
fn it_keeps_to_the_schema() {
    for record in [full(), proved(), hostile(), Record::begin("run", "nothing")] {
        let xml = junit(&record);
        is_well_built(&read(&xml));
        if let Some(said) = against_the_schema(&xml) {
            assert_eq!(said, "");
        }
    }
    let wrong = junit(&full()).replace("<testcase name=", "<testcase names=");
    assert_ne!(against_the_schema(&wrong), Some(String::new()), "it does look");
}

#[test]
fn failed_unverified_and_skipped_stay_apart() {
    let elements = read(&junit(&full()));
    let suites = named(&elements, "testsuite");
    let counts: Vec<_> = suites
        .iter()
        .map(|suite| {
            let number = |attribute| suite.number(attribute);
            (suite.attributes["name"].as_str(), number("failures"), number("errors"), number("skipped"))
        })
        .collect();
    assert_eq!(counts, [("readiness", 0, 0, 0), ("delivery", 1, 1, 0), ("recovery", 0, 0, 1)]);
    let failure = named(&elements, "failure")[0];
    assert_eq!(failure.attributes["message"], "row 7: expected as it was, observed moved");
    for part in
        ["a replay moves the time", "evidence  line 1\nline 2", "subject   row 8", "remedy    keep it"]
    {
        assert!(failure.text.contains(part), "{part}: {}", failure.text);
    }
    assert_eq!(named(&elements, "error")[0].attributes["message"], "the connection was lost");
    let skipped = &named(&elements, "skipped")[0].attributes["message"];
    assert_eq!(skipped, "allowed: it needs cluster: there is none");
    assert!(named(&elements, "system-out")[0].text.contains("what was not verified\ndelivery.order: "));
}

#[test]
fn facts_are_properties() {
    let elements = read(&junit(&full()));
    let properties: BTreeMap<_, _> = named(&elements, "property")
        .iter()
        .map(|property| (property.attributes["name"].as_str(), property.attributes["value"].as_str()))
        .collect();
    assert_eq!(properties["readiness.latency: asked"], "15 times");
    assert_eq!((properties["exit code"], properties["profile: cache"]), ("1", "500 ms"));
}

#[test]
fn proofs_are_a_suite_of_their_own() {
    let elements = read(&junit(&proved()));
    let suite = *named(&elements, "testsuite").last().unwrap();
    assert_eq!(suite.attributes["name"], "prove");
    assert_eq!((suite.number("tests"), suite.number("failures"), suite.number("errors")), (5, 2, 1));
    let kinds: Vec<_> =
        named(&elements, "failure").iter().map(|failure| failure.attributes["type"].clone()).collect();
    assert_eq!(kinds, ["survived", "unproven"]);
}

#[test]
fn hostile_text_comes_back_as_it_was_said_but_for_what_xml_forbids() {
    for text in HOSTILE {
        let mut record = Record::begin("run", "test");
        let reason = Some((*text).to_owned());
        record.results = vec![Result { verdict: Verdict::Unverified, reason, ..Result::blank("a.one") }];
        let elements = read(&junit(&record));
        assert_eq!(elements.last().unwrap().text, super::tame(text));
        assert_eq!(elements.len(), 8, "testsuites, testsuite, properties with three, testcase, error");
    }
    let xml = junit(&hostile());
    assert!(xml.chars().all(|c| c == '\n' || c == '\t' || !c.is_control() && c != '\u{fffe}'));
    assert!(named(&read(&xml), "failure").iter().all(|failure| failure.text.len() <= MOST + 100));
}
