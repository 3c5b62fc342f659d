//! Names in a JSON or YAML document, at a pointer.

use std::path::Path;

use super::SourceError;
use super::node::{Format, Key, Node, Value, parse};
use crate::nearest::choose;
use crate::{Names, Place};

/// The names at a pointer into a JSON or YAML document.
///
/// The pointer is one of RFC 6901 (`/kinds/0/name`; in a key `~1` stands for `/` and `~0` for `~`) in which `*` stands
/// for every element of a list, or every value of an object. It must lead somewhere in each of them. What it leads to
/// are the names:
///
/// | pointer | document | names |
/// | --- | --- | --- |
/// | `/kinds/*/kind` | `{"kinds": [{"kind": "a.b"}, {"kind": "c.d"}]}` | `a.b`, `c.d` |
/// | `/kinds/*` | `{"kinds": ["a.b", "c.d"]}`: a list | its texts: `a.b`, `c.d` |
/// | `/kinds/*` | `{"kinds": {"a.b": {}, "c.d": null}}`: an object | its *keys*: `a.b`, `c.d` |
/// | `/kinds/*/on` | `{"kinds": {"first": {"on": "a.b"}}}` | `a.b` |
///
/// A name is a text; a number, say, has to be quoted. An empty list or object has no names, and that is no error.
#[derive(Debug, Clone)]
pub struct Document {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Every,
    Key(String),
}

impl Document {
    /// Those at `pointer`.
    ///
    /// # Errors
    /// When it is no pointer.
    pub fn new(pointer: &str) -> Result<Self, SourceError> {
        let at = format!("the pointer `{pointer}`");
        let Some(steps) = pointer.strip_prefix('/') else {
            let remedy = "write one such as `/kinds/*/kind`";
            return Err(SourceError::new(at, "does not begin with `/`", remedy));
        };
        let step = |step: &str| match step {
            "*" => Step::Every,
            key => Step::Key(key.replace("~1", "/").replace("~0", "~")),
        };
        Ok(Self { steps: steps.split('/').map(step).collect() })
    }

    /// Every name in the document at `path`, which readers know as `name`; its ending says whether it is JSON or YAML.
    ///
    /// # Errors
    /// When the document cannot be read, or the pointer leads nowhere in it.
    pub fn read(&self, name: &str, path: &Path) -> Result<Names, SourceError> {
        let format = Format::of(name, path)?;
        self.of(name, &parse(name, &super::text(name, path)?, format)?)
    }

    /// The names of a document that has been read.
    pub(super) fn of(&self, name: &str, document: &Node) -> Result<Names, SourceError> {
        let mut walk = Walk { name, names: Names::default() };
        walk.follow(document, &self.steps, "")?;
        Ok(walk.names)
    }
}

/// A walk through one document.
struct Walk<'a> {
    name: &'a str,
    names: Names,
}

impl Walk<'_> {
    /// Goes the steps from `node`, to which `way` led.
    fn follow(&mut self, node: &Node, steps: &[Step], way: &str) -> Result<(), SourceError> {
        let Some((step, rest)) = steps.split_first() else { return self.arrive(node, way) };
        match (step, &node.value) {
            (Step::Every, Value::List(elements)) => {
                let mut numbered = elements.iter().enumerate();
                numbered
                    .try_for_each(|(index, element)| self.follow(element, rest, &format!("{way}/{index}")))
            }
            (Step::Every, Value::Object(entries)) if rest.is_empty() => {
                entries.iter().for_each(|(Key { line, text }, _)| self.add(text, *line));
                Ok(())
            }
            (Step::Every, Value::Object(entries)) => entries.iter().try_for_each(|(key, value)| {
                self.follow(value, rest, &format!("{way}/{}", escaped(&key.text)))
            }),
            (Step::Key(key), Value::Object(entries)) => {
                let keys = entries.iter().map(|(key, _)| key.text.as_str());
                match entries.iter().find(|(here, _)| here.text == *key) {
                    Some((_, value)) => self.follow(value, rest, &format!("{way}/{}", escaped(key))),
                    None => Err(self.lost(node, way, &format!("has no key {key:?}"), choose(key, keys))),
                }
            }
            (Step::Key(key), Value::List(elements)) => {
                let element = key.parse().ok().and_then(|index: usize| elements.get(index));
                let problem = format!("is a list of {} and has no element {key:?}", elements.len());
                let element = element.ok_or_else(|| {
                    self.lost(
                        node,
                        way,
                        &problem,
                        "write `*` for every element, or a number from 0".to_owned(),
                    )
                })?;
                self.follow(element, rest, &format!("{way}/{key}"))
            }
            (_, value) => {
                let problem = format!("is {}, and the pointer goes on", value.what());
                Err(self.lost(node, way, &problem, "shorten the pointer, or mend the document".to_owned()))
            }
        }
    }

    fn arrive(&mut self, node: &Node, way: &str) -> Result<(), SourceError> {
        let remedy = match &node.value {
            Value::Text(text) => {
                self.add(text, node.line);
                return Ok(());
            }
            Value::List(_) => "add `/*` to the pointer for its elements",
            Value::Object(_) => "add `/*` to the pointer for its keys, or the key that holds the name",
            Value::Other(_) => "quote it if it is a name",
        };
        Err(self.lost(node, way, &format!("is {} and no name", node.value.what()), remedy.to_owned()))
    }

    fn add(&mut self, text: &str, line: Option<usize>) {
        self.names.add(text, self.place(line));
    }

    fn place(&self, line: Option<usize>) -> Place {
        Place { within: self.name.to_owned(), line }
    }

    fn lost(&self, node: &Node, way: &str, problem: &str, remedy: String) -> SourceError {
        let here = if way.is_empty() { "the document".to_owned() } else { format!("`{way}`") };
        SourceError::new(self.place(node.line).to_string(), format!("{here} {problem}"), remedy)
    }
}

/// A key as it stands in a pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pointer: &str, yaml: &str) -> Result<Vec<String>, String> {
        let document = parse("kinds.yaml", yaml, Format::Yaml).unwrap();
        let names = Document::new(pointer).unwrap().of("kinds.yaml", &document);
        let shown = |(name, places): (&str, &[Place])| format!("{name} {}", places[0].line.unwrap());
        names.map(|names| names.iter().map(shown).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_star_stands_for_every_element_and_at_the_end_of_an_object_for_its_keys() {
        let list = "kinds:\n- kind: a.b\n- {kind: c.d}\n";
        assert_eq!(read("/kinds/*/kind", list).unwrap(), ["a.b 2", "c.d 3"]);
        assert_eq!(read("/kinds/1/kind", list).unwrap(), ["c.d 3"]);
        assert_eq!(read("/*", list).unwrap(), ["kinds 1"]);
        assert_eq!(read("/kinds/*", "kinds:\n- a.b\n- \"c.d\"\n").unwrap(), ["a.b 2", "c.d 3"]);
        let object = "a/b:\n  c.d:\n  'e.f': {on: x}\n";
        assert_eq!(read("/a~1b/*", object).unwrap(), ["c.d 2", "e.f 3"]);
        assert_eq!(read("/a~1b/e.f/on", object).unwrap(), ["x 3"]);
        assert_eq!(read("/*/*/on", "k:\n a: {on: x}\n b:\n  on: y\n").unwrap(), ["x 2", "y 4"]);
        assert!(read("/kinds/*", "kinds: []").unwrap().is_empty());
    }

    #[test]
    fn an_alias_is_named_where_its_text_stands() {
        assert_eq!(read("/kinds/*", "first: &a a.b\nkinds:\n- *a\n").unwrap(), ["a.b 1"]);
    }

    #[test]
    fn a_pointer_that_leads_nowhere_says_where_it_ends_and_the_nearest_key() {
        let says = |pointer, yaml| read(pointer, yaml).unwrap_err();
        let list = "kinds:\n- kind: a.b\n- kin: c.d\n";
        assert_eq!(
            says("/kinds/*/kind", list),
            "kinds.yaml:3: `/kinds/1` has no key \"kind\"; did you mean \"kin\"?"
        );
        assert_eq!(
            says("/kind/*", list),
            "kinds.yaml:1: the document has no key \"kind\"; did you mean \"kinds\"?"
        );
        assert_eq!(
            says("/kinds/kind", list),
            "kinds.yaml:2: `/kinds` is a list of 2 and has no element \"kind\"; write `*` for every element, or a \
             number from 0"
        );
        assert!(
            says("/kinds", list)
                .ends_with("`/kinds` is a list and no name; add `/*` to the pointer for its elements")
        );
        assert!(says("/kinds/0", list).contains("`/kinds/0` is an object and no name; add `/*`"));
        assert!(says("/kinds/0/kind/x", list).contains("`/kinds/0/kind` is a text, and the pointer goes on"));
        assert_eq!(
            says("/a/*", "a:\n- 404\n"),
            "kinds.yaml:2: `/a/0` is a number and no name; quote it if it is a name"
        );
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        let error = Document::new("kinds").unwrap_err().to_string();
        assert_eq!(error, "the pointer `kinds`: does not begin with `/`; write one such as `/kinds/*/kind`");
    }
}
