//! Where this track's sabotages are put: on the lane's copies of the registry and of the sources that declare kinds.

use crate::sabotage::edit::{Change, Which, edited, edited_all};
use regex::{Captures, Regex};
use sabot_contract::{Entry, Registry};
use sabot_engine::Sabotage;
use sabot_target::contract::Source;
use sabot_target::{Lane, Target};
use std::sync::Arc;

/// Changes the registry.
pub(super) fn in_registry(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    target: &Target,
    change: impl Fn(&mut Registry) + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let which = Which::in_folders(std::slice::from_ref(&target.contract.registry), &[]);
    edited(turns_red, name, mistake, &which, move |text| rewritten(text, &change))
}

/// The document with the change in it, as JSON, which YAML includes; what is no registry stays as it is.
fn rewritten(text: &str, change: &dyn Fn(&mut Registry)) -> String {
    let Ok(was) = serde_saphyr::from_str::<Registry>(text) else { return text.to_owned() };
    let mut is = was.clone();
    change(&mut is);
    if is == was { text.to_owned() } else { serde_json::to_string_pretty(&is).unwrap_or_default() }
}

/// The first entry that emails.
pub(super) fn first_emailing(registry: &mut Registry) -> Option<&mut Entry> {
    registry.kinds.iter_mut().find(|entry| entry.email.is_some())
}

/// The first entry that nobody consumes.
pub(super) fn first_silent(registry: &mut Registry) -> Option<&mut Entry> {
    registry.kinds.iter_mut().find(|entry| entry.nobody.is_some())
}

/// Declares a kind more, as the first one of the first source is declared.
pub(super) fn added(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    target: &Target,
    kind: &str,
) -> Sabotage<Lane> {
    let kind = kind.to_owned();
    let parts = parts(target, move |text, pattern| declare(text, pattern, &kind)).into_iter().take(1);
    edited_all(turns_red, name, mistake, parts.collect())
}

/// Takes away every line that declares `kind`.
pub(super) fn removed(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    target: &Target,
    kind: &str,
) -> Sabotage<Lane> {
    let kind = kind.to_owned();
    let parts = parts(target, move |text, pattern| {
        let declares = |line: &&str| pattern.captures_iter(line).any(|found| name_of(&found) == kind);
        text.split_inclusive('\n').filter(|line| !declares(line)).collect()
    });
    edited_all(turns_red, name, mistake, parts)
}

/// Gives a kind another name wherever it is declared.
pub(super) fn renamed(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    target: &Target,
    (from, to): (&str, String),
) -> Sabotage<Lane> {
    let from = from.to_owned();
    let parts = parts(target, move |text, pattern| {
        let rename = |found: &Captures<'_>| match name_of(found) == from {
            true => found[0].replace(&from, &to),
            false => found[0].to_owned(),
        };
        pattern.replace_all(text, rename).into_owned()
    });
    edited_all(turns_red, name, mistake, parts)
}

/// A change of every source, with the source's pattern; one that is no pattern changes nothing.
fn parts(
    target: &Target,
    change: impl Fn(&str, &Regex) -> String + Send + Sync + 'static,
) -> Vec<(Which, Arc<Change>)> {
    let change = Arc::new(change);
    let part = |source: &Source| {
        let (pattern, change) = (Regex::new(&format!("(?m){}", source.pattern)).ok(), change.clone());
        let which = Which { names: source.files.clone(), extensions: source.extensions.clone(), deep: true };
        let change: Arc<Change> = Arc::new(move |text: &str| match &pattern {
            Some(pattern) => change(text, pattern),
            None => text.to_owned(),
        });
        (which, change)
    };
    target.contract.declared.iter().map(part).collect()
}

/// What a match names.
fn name_of<'a>(found: &Captures<'a>) -> &'a str {
    let group = found.name(Source::GROUP).or_else(|| found.iter().skip(1).flatten().next());
    group.map_or("", |group| group.as_str())
}

/// How lines begin that are comments.
const COMMENTS: [&str; 5] = ["//", "#", "*", "/*", "--"];

/// The text with the first line that declares something once more, declaring `kind`.
fn declare(text: &str, pattern: &Regex, kind: &str) -> String {
    let mut declared = false;
    let mut is = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        is.push_str(line);
        let comment = COMMENTS.iter().any(|begins| line.trim_start().starts_with(begins));
        if let Some(found) = pattern.captures(line).filter(|_| !declared && !comment) {
            is.push_str(&line.replace(name_of(&found), kind));
            declared = true;
        }
    }
    is
}

#[cfg(test)]
mod tests {
    use super::*;
    use sabot_contract::Email;

    #[test]
    fn a_kind_is_declared_as_the_first_one_is() {
        let pattern = Regex::new(r#"(?m)^const \w+ = "([^"]+)"$"#).unwrap();
        let text = "// const A = \"no.kind\"\nconst A = \"a.made\"\nconst B = \"b.made\"\n";
        let is = declare(text, &pattern, "c.made");
        assert_eq!(is, text.replace("const B", "const A = \"c.made\"\nconst B"));
    }

    #[test]
    fn the_registry_is_rewritten_and_what_is_none_stays() {
        let yaml = "kinds:\n  - kind: a.made\n    email: { fields: [name] }\n    ledger: true\n";
        let is = rewritten(yaml, &|registry| {
            let entry = first_emailing(registry).unwrap();
            entry.ledger = false;
        });
        let is: Registry = serde_json::from_str(&is).unwrap();
        let email = Some(Email { fields: vec!["name".into()] });
        assert_eq!(is.kinds, [Entry { kind: "a.made".into(), email, ..Entry::default() }]);
        assert_eq!(rewritten("[", &|registry| registry.kinds.clear()), "[");
    }
}
