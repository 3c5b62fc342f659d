//! The registry as a JSON or YAML document.

use std::path::Path;

use super::node::{Format, parse, unreadable_json, unreadable_yaml};
use super::{Document, SourceError};
use crate::{Names, Registry};

/// The registry in the document at `path`, which readers know as `name`, and where each of its kinds stands.
///
/// ```yaml
/// kinds:
///   - kind: subscription.upgraded
///     email: {fields: [from, to]}
///     propagation: tier_elevation
///     ledger: true
///   - kind: resource.created
///     nobody: whoever made it was answered
/// ```
///
/// # Errors
/// When the document cannot be read, or is no registry: a key that is not of the format is an error too, for else a
/// slip of the pen would be a consumer that is not there.
pub fn read_registry(name: &str, path: &Path) -> Result<(Registry, Names), SourceError> {
    let format = Format::of(name, path)?;
    let text = super::text(name, path)?;
    let registry = match format {
        Format::Json => serde_json::from_str(&text).map_err(|error| unreadable_json(name, &error)),
        Format::Yaml => serde_saphyr::from_str(&text).map_err(|error| unreadable_yaml(name, &error)),
    }?;
    let names = Document::new("/kinds/*/kind")?.of(name, &parse(name, &text, format)?)?;
    Ok((registry, names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Email, Entry};

    fn read(file: &str, text: &str) -> Result<(Registry, Names), SourceError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        read_registry(file, &path)
    }

    #[test]
    fn yaml_and_json_are_the_same_registry_with_the_lines_of_its_kinds() {
        let yaml = "kinds:\n- kind: a.b\n  email: {fields: [to]}\n  propagation: p\n  ledger: true\n- kind: c.d\n  nobody: why\n";
        let (registry, names) = read("kinds.yml", yaml).unwrap();
        let mails = Entry {
            kind: "a.b".into(),
            email: Some(Email { fields: vec!["to".into()] }),
            propagation: Some("p".into()),
            ledger: true,
            nobody: None,
        };
        let silent = Entry { kind: "c.d".into(), nobody: Some("why".into()), ..Entry::default() };
        assert_eq!(registry, Registry { kinds: vec![mails, silent] });
        let lines =
            |names: &Names| -> Vec<_> { names.iter().map(|(_, places)| places[0].line.unwrap()).collect() };
        assert_eq!(lines(&names), [2, 6]);

        let json = serde_json::to_string_pretty(&registry).unwrap();
        let (again, names) = read("kinds.json", &json).unwrap();
        assert_eq!(again, registry);
        assert_eq!(lines(&names), [4, 14]);
    }

    #[test]
    fn what_is_not_of_the_format_is_named_with_its_line() {
        let says = |file, text| read(file, text).unwrap_err().to_string();
        let yaml = says("kinds.yaml", "kinds:\n- kind: a.b\n  ledgr: true\n");
        assert!(yaml.starts_with("kinds.yaml:3: ") && yaml.contains("ledgr"), "{yaml}");
        let json = says("kinds.json", "{\"kinds\": [\n{\"kind\": \"a\", \"ledgr\": true}]}");
        assert!(json.starts_with("kinds.json:2: ") && json.contains("ledgr"), "{json}");
        let yaml = says("kinds.yaml", "kinds:\n- ledger: true\n");
        assert!(yaml.contains("missing field `kind`"), "{yaml}");
        assert!(
            says("kinds.toml", "").contains("neither JSON nor YAML by its ending; give a file that ends")
        );
    }
}
