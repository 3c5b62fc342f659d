//! Where this track's sabotages are put: on the lane's copies of the registry and of the sources that declare kinds.

use crate::sabotage::edit::{Change, Which, edited, edited_all};
use sabot_contract::source::Constants;
use sabot_contract::{Entry, Place, Registry};
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
    let parts = parts(target, move |text, declared| declare(text, declared, &kind)).into_iter().take(1);
    edited_all(turns_red, name, mistake, parts.collect())
}

/// Takes away every line that declares `constant`; where none is named, the first of the first source.
pub(super) fn removed(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    target: &Target,
    constant: Option<&str>,
) -> Sabotage<Lane> {
    let sources = if constant.is_some() { usize::MAX } else { 1 };
    let constant = constant.map(str::to_owned);
    let parts = parts(target, move |text, declared| {
        let first = declared.first().map(|(_, first)| first);
        match constant.as_ref().or(first) {
            Some(constant) => each_of(text, declared, constant, |_| String::new()),
            None => text.to_owned(),
        }
    });
    edited_all(turns_red, name, mistake, parts.into_iter().take(sources).collect())
}

/// Gives the first kind of the first source another name wherever that declares it.
pub(super) fn renamed(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    target: &Target,
) -> Sabotage<Lane> {
    let parts = parts(target, |text, declared| match declared.first() {
        Some((_, first)) => {
            let renamed = format!("{first}_renamed");
            each_of(text, declared, first, |line| line.replace(first.as_str(), &renamed))
        }
        None => text.to_owned(),
    });
    edited_all(turns_red, name, mistake, parts.into_iter().take(1).collect())
}

/// What a source declares: the line, from one, and the kind.
type Declared = (usize, String);

/// A change of every source, told what it declares; one whose pattern is none declares nothing.
fn parts(
    target: &Target,
    change: impl Fn(&str, &[Declared]) -> String + Send + Sync + 'static,
) -> Vec<(Which, Arc<Change>)> {
    let change = Arc::new(change);
    let part = |source: &Source| {
        let (constants, change) = (Constants::new(&source.pattern).ok(), change.clone());
        let which = Which { names: source.files.clone(), extensions: source.extensions.clone(), deep: true };
        let change: Arc<Change> = Arc::new(move |text: &str| {
            change(text, &constants.as_ref().map(|constants| declared(constants, text)).unwrap_or_default())
        });
        (which, change)
    };
    target.contract.declared.iter().map(part).collect()
}

/// Everything that `text` declares, in the order of its lines.
fn declared(constants: &Constants, text: &str) -> Vec<Declared> {
    let names = constants.in_text("", text);
    let lines = |(name, places): (&str, &[Place])| {
        places.iter().filter_map(|place| Some((place.line?, name.to_owned()))).collect::<Vec<_>>()
    };
    let mut declared: Vec<_> = names.iter().flat_map(lines).collect();
    declared.sort();
    declared
}

/// The text with `change` made to each line that declares `kind`.
fn each_of(text: &str, declared: &[Declared], kind: &str, change: impl Fn(&str) -> String) -> String {
    let declares = |number| declared.iter().any(|(line, name)| *line == number && name == kind);
    let lines = text.split_inclusive('\n').zip(1..);
    lines.map(|(line, number)| if declares(number) { change(line) } else { line.to_owned() }).collect()
}

/// The text with the first line that declares something once more, declaring `kind`.
fn declare(text: &str, declared: &[Declared], kind: &str) -> String {
    let Some((_, first)) = declared.first() else { return text.to_owned() };
    each_of(text, &declared[..1], first, |line| line.to_owned() + &line.replace(first, kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sabot_contract::Email;

    #[test]
    fn a_kind_is_declared_as_the_first_one_is() {
        let constants = Constants::new(r#"^const \w+ = "([^"]+)"$"#).unwrap();
        let text = "// const A = \"no.kind\"\nconst A = \"a.made\"\nconst B = \"b.made\"\n";
        let declared = declared(&constants, text);
        let is = declare(text, &declared, "c.made");
        assert_eq!(is, text.replace("const B", "const A = \"c.made\"\nconst B"));
        let without = each_of(text, &declared, "b.made", |_| String::new());
        assert_eq!(without, text.replace("const B = \"b.made\"\n", ""));
        let renamed = each_of(text, &declared, "b.made", |line| line.replace("b.made", "d.made"));
        assert_eq!(renamed, text.replace("b.made", "d.made"));
        assert_eq!(
            each_of(text, &declared, "no.kind", |_| String::new()),
            text,
            "a comment declares nothing"
        );
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
