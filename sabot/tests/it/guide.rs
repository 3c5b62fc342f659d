//! The guide and the documents beside it: links lead somewhere, ids and commands exist, and every check has its promise.

mod markdown;

use super::program::{Output, sabot};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What ids begin with.
const TRACKS: [&str; 5] = ["recovery", "delivery", "propagation", "readiness", "contract"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every page of the guide, its table of contents aside.
fn pages() -> BTreeSet<PathBuf> {
    let mut pages = BTreeSet::new();
    let mut folders = vec![root().join("docs/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") && !path.ends_with("SUMMARY.md") {
                pages.insert(path);
            }
        }
    }
    pages
}

/// The guide, and what stands at the root for people to read.
fn documents() -> BTreeSet<PathBuf> {
    let beside = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/src/SUMMARY.md"];
    pages().into_iter().chain(beside.map(|name| root().join(name))).collect()
}

/// The ids of all checks, and those of all sabotages.
fn ids() -> (Vec<String>, BTreeSet<String>) {
    let output = sabot(&["list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&output.text).unwrap();
    let list = list.as_array().unwrap();
    let id = |of: &serde_json::Value| of["id"].as_str().unwrap().to_owned();
    let sabotages = list.iter().flat_map(|check| check["sabotages"].as_array().unwrap());
    (list.iter().map(id).collect(), sabotages.map(id).collect())
}

/// Whether it is written as an id is: a track, a dot, and nothing but what ids are made of.
fn is_written_as_an_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "./-".contains(c);
    let track = text.split_once('.').map(|(track, _)| track);
    track.is_some_and(|track| TRACKS.contains(&track)) && text.chars().all(allowed)
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let (mut followed, mut broken) = (0, Vec::new());
    for document in documents() {
        for (line, target) in markdown::links(&read(&document)) {
            if target.contains("://") {
                continue;
            }
            followed += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target.as_str(), ""));
            let leads_to = match file {
                "" => document.clone(),
                _ => document.parent().unwrap().join(file),
            };
            let found = leads_to.exists()
                && (anchor.is_empty() || markdown::anchors(&read(&leads_to)).contains(anchor));
            if !found {
                broken.push(format!("{}:{line}: {target}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
    assert!(followed > 40, "only {followed} links were read");
}

#[test]
fn every_page_is_in_the_table_of_contents_and_nothing_else_is() {
    let folder = root().join("docs/src");
    let links = markdown::links(&read(&folder.join("SUMMARY.md")));
    let named: Vec<_> = links.into_iter().map(|(_, target)| folder.join(target)).collect();
    let distinct: BTreeSet<_> = named.iter().cloned().collect();
    assert_eq!(named.len(), distinct.len(), "a page is there twice");
    assert_eq!(distinct, pages());
}

#[test]
fn every_id_that_is_mentioned_is_that_of_a_check_or_a_sabotage() {
    let (checks, sabotages) = ids();
    let known: BTreeSet<_> = checks.iter().chain(&sabotages).map(String::as_str).collect();
    let (mut mentioned, mut unknown) = (0, Vec::new());
    for document in documents() {
        let text = read(&document);
        let spans = markdown::spans(&text).into_iter().map(|(line, span)| (line, span.to_owned()));
        let commands = markdown::commands(&text).into_iter();
        let words = commands.flat_map(|(line, words)| words.into_iter().map(move |word| (line, word)));
        for (line, id) in spans.chain(words).filter(|(_, text)| is_written_as_an_id(text)) {
            mentioned += 1;
            if !known.contains(id.as_str()) {
                unknown.push(format!("{}:{line}: {id}", document.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "neither checks nor sabotages:\n{}", unknown.join("\n"));
    assert!(mentioned > 100, "only {mentioned} ids were read");
}

#[test]
fn every_check_stands_once_in_the_promises_of_the_readme() {
    let readme = read(&root().join("README.md"));
    let rows = readme.lines().skip_while(|line| *line != "| promise | checks |").skip(2);
    let mut promised = Vec::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [promise, checks] = cells[..] else { panic!("{row}\nhas more or fewer than two cells") };
        assert!(!promise.is_empty() && checks.contains('`'), "{row}\npromises nothing, or names no check");
        promised.extend(markdown::spans(checks).into_iter().map(|(_, id)| id.to_owned()));
    }
    let (mut checks, _) = ids();
    checks.sort_unstable();
    promised.sort_unstable();
    assert_eq!(promised, checks, "left: promised in README.md, right: the checks that there are");
}

#[test]
fn every_check_is_named_on_the_page_of_its_track() {
    for id in ids().0 {
        let track = id.split('.').next().unwrap();
        let page = root().join(format!("docs/src/{track}.md"));
        let text = read(&page);
        let named = markdown::spans(&text).iter().any(|(_, span)| *span == id);
        assert!(named, "{} does not say what {id} looks at", page.display());
    }
}

#[test]
fn every_command_that_is_shown_exists_with_its_flags() {
    let mut helps: BTreeMap<Vec<String>, Output> = BTreeMap::new();
    for document in documents() {
        for (line, words) in markdown::commands(&read(&document)) {
            let place = format!("{}:{line}: {}", document.display(), words.join(" "));
            // `sabot backup` and `sabot drill` have commands of their own.
            let depth = if ["backup", "drill"].contains(&words[1].as_str()) { 2 } else { 1 };
            let command: Vec<_> = words[1..].iter().take(depth).cloned().collect();
            let help = helps.entry(command.clone()).or_insert_with(|| {
                let args: Vec<_> = command.iter().map(String::as_str).chain(["--help"]).collect();
                sabot(&args)
            });
            assert_eq!(help.code, 0, "{place}\nthere is no such command");
            let known: BTreeSet<_> =
                help.text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect();
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                let name = flag.split('=').next().unwrap_or(flag);
                assert!(known.contains(name), "{place}\nthere is no flag {name}");
            }
        }
    }
    assert!(helps.len() > 5, "only {} commands were read", helps.len());
}
