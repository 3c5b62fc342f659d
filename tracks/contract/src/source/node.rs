//! A JSON or YAML document as a tree whose keys and values know their lines.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::SourceError;

/// A value, and the line where it begins if that is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) line: Option<usize>,
    pub(super) value: Value,
}

/// What a document holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Neither a text, a list nor an object: what it is.
    Other(&'static str),
    Text(String),
    List(Vec<Node>),
    /// Keys in the order of the document, each with its line.
    Object(Vec<(Key, Node)>),
}

/// A key, and the line where it stands if that is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) line: Option<usize>,
    pub(super) text: String,
}

impl Value {
    /// What it is, for messages.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Other(what) => what,
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Yaml,
}

impl Format {
    /// By the ending of the file.
    pub(super) fn of(name: &str, path: &Path) -> Result<Self, SourceError> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("json") => Ok(Self::Json),
            Some("yaml" | "yml") => Ok(Self::Yaml),
            _ => Err(SourceError::new(
                name,
                format!("{} is neither JSON nor YAML by its ending", path.display()),
                "give a file that ends with .json, .yaml or .yml",
            )),
        }
    }
}

/// The tree of a text. YAML 1.2 holds JSON, so that one parser tells the lines of both; what it does not take of JSON
/// (a surrogate pair, say) is read without lines.
pub(super) fn parse(name: &str, text: &str, format: Format) -> Result<Node, SourceError> {
    // By YAML 1.2 `on` and `y` are texts.
    let options = serde_saphyr::options! { strict_booleans: true };
    let yaml = serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options).map(Node::from);
    match format {
        Format::Yaml => yaml.map_err(|error| unreadable_yaml(name, &error)),
        Format::Json => {
            serde_json::from_str::<IgnoredAny>(text).map_err(|error| unreadable_json(name, &error))?;
            let without_lines = || serde_json::from_str::<Spanned<Value>>(text).map(Node::from);
            yaml.or_else(|_| without_lines().map_err(|error| unreadable_json(name, &error)))
        }
    }
}

/// What stands before the place where a text cannot be read.
pub(super) fn unreadable_yaml(name: &str, error: &serde_saphyr::Error) -> SourceError {
    let line = error.location().map(|location| format!(":{}", location.line())).unwrap_or_default();
    let why = error.without_snippet().to_string();
    SourceError::new(format!("{name}{line}"), format!("is no such YAML ({why})"), "mend the file")
}

pub(super) fn unreadable_json(name: &str, error: &serde_json::Error) -> SourceError {
    let at = format!("{name}:{}", error.line());
    SourceError::new(at, format!("is no such JSON ({error})"), "mend the file")
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self { line: line(&spanned), value: spanned.value }
    }
}

/// Where it is written; of an alias that is at its anchor. The parser's unknown line is zero.
fn line<T>(spanned: &Spanned<T>) -> Option<usize> {
    usize::try_from(spanned.defined.line()).ok().filter(|line| *line > 0)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other("null"))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Value, E> {
        Ok(Value::Other("binary"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(value) = list.next_element::<Spanned<Value>>()? {
            nodes.push(value.into());
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some((key, value)) = object.next_entry::<Spanned<String>, Spanned<Value>>()? {
            nodes.push((Key { line: line(&key), text: key.value }, value.into()));
        }
        Ok(Value::Object(nodes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(line: usize, value: Value) -> Node {
        Node { line: Some(line), value }
    }

    fn key(line: usize, text: &str) -> Key {
        Key { line: Some(line), text: text.to_owned() }
    }

    #[test]
    fn keys_and_values_know_their_lines_in_both_formats() {
        let b = |line, word| vec![node(line, Value::Text("b".into())), node(word, Value::Other("a number"))];
        let yaml = parse("f", "# first\na:\n  - b\n  - 5\n", Format::Yaml).unwrap();
        assert_eq!(yaml.value, Value::Object(vec![(key(2, "a"), node(3, Value::List(b(3, 4))))]));
        let json = parse("f", "{\n\t\"a\":\n\t[\"b\",\n5]}", Format::Json).unwrap();
        assert_eq!(json.value, Value::Object(vec![(key(2, "a"), node(3, Value::List(b(3, 4))))]));
    }

    #[test]
    fn what_only_a_reader_of_json_takes_is_read_without_lines() {
        let json = parse("f", r#"{"a": "\ud83d\ude00"}"#, Format::Json).unwrap();
        let Value::Object(nodes) = json.value else { panic!("{json:?}") };
        assert_eq!((nodes[0].0.text.as_str(), &nodes[0].1.value), ("a", &Value::Text("😀".into())));
    }

    #[test]
    fn what_is_yaml_but_not_json_is_no_json() {
        let error = parse("f.json", "{\n\"a\": 1,\n}", Format::Json).unwrap_err();
        assert!(error.to_string().starts_with("f.json:3: is no such JSON (key must be a string"), "{error}");
        let error = parse("f.yaml", "a: 1\nb: [\n", Format::Yaml).unwrap_err();
        assert!(error.to_string().starts_with("f.yaml:"), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}
