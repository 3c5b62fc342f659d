//! `docs/src/configuration.md` holds every key of the file with its meaning, default and an example, and the examples are right.

use super::WHOLE;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::path::Path;

/// The order in which they are told of.
const TABLES: [&str; 10] = [
    "target",
    "databases",
    "services",
    "stand_ins",
    "secrets",
    "readiness",
    "delivery",
    "propagation",
    "recovery",
    "contract",
];

/// What stands in the place of something else, so that it can't stand in [`WHOLE`].
const OTHERWISE: [&str; 6] = [
    "readiness.form = \"health-json\"",
    "propagation.without = [\"metrics\", \"bell\"]",
    "delivery.without = [\"forwarder\", \"audit\"]",
    "delivery.webhook.header = \"X-Hook-Token\"",
    "propagation.declared = { constraint = \"tasks_kind_check\" }",
    "propagation.declared = { table = { table = \"task_kinds\", column = \"name\" } }",
];

/// From here on the document is written by this test.
const MARK: &str = "<!-- From here on written by `SABOT_RENEW=1 cargo test -p sabot-target reference`. -->\n";

#[test]
fn the_reference_is_the_programs_own() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/configuration.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let (prose, written) = text.split_once(MARK).unwrap();
    let wanted = reference();
    if std::env::var_os("SABOT_RENEW").is_some() {
        std::fs::write(&file, format!("{prose}{MARK}{wanted}")).unwrap();
    } else {
        assert!(written == wanted, "renew it by: SABOT_RENEW=1 cargo test -p sabot-target reference");
    }
}

#[test]
fn every_key_of_the_schema_stands_in_the_reference_with_an_example() {
    let reference = reference();
    let schema = sabot_target::config_schema();
    let tables = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    let keys: Vec<_> =
        tables.filter_map(|table| table["properties"].as_object()).flat_map(Map::keys).collect();
    assert!(keys.len() > 250, "{} keys", keys.len());
    for key in keys {
        let found = [
            format!("| `{key}` |"),
            format!("`{{ {key} = "),
            format!("[{key}]`"),
            format!("[{key}."),
            format!(".{key}]`"),
        ];
        assert!(found.iter().any(|form| reference.contains(form)), "{key}");
    }
    let without: Vec<_> = reference.lines().filter(|line| line.ends_with("| |")).collect();
    assert!(without.is_empty(), "put an example into whole.toml: {without:#?}");
}

/// A table of keys for each table of the file, and an example of everything.
fn reference() -> String {
    let schema = sabot_target::config_schema();
    let texts = [&[WHOLE][..], &OTHERWISE].concat();
    let documents: Vec<Value> = texts.into_iter().map(|text| toml::from_str(text).unwrap()).collect();
    let mut writer = Writer { definitions: schema["$defs"].clone(), text: String::new() };
    assert_eq!(schema["properties"].as_object().unwrap().len(), TABLES.len(), "each table has its place");
    for table in TABLES {
        let property = &schema["properties"][table];
        writer.property(table, property, &below(&documents.iter().collect::<Vec<_>>(), table));
    }
    writer.text + "\n## An example of everything\n\n```toml\n" + WHOLE + "```\n"
}

struct Writer {
    definitions: Value,
    text: String,
}

/// What a key holds.
enum Shape {
    /// A table of these keys.
    Keys(Value),
    /// A table whose keys are names.
    Names(Value),
    /// A list of tables.
    List(Value),
    /// One of several tables of one key.
    Choice(Value),
    /// A value.
    Plain,
}

impl Writer {
    /// Follows references, and what may also be left out.
    fn resolved(&self, schema: &Value) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap();
            return self.resolved(&self.definitions[name]);
        }
        let not_null = |choice: &&Value| choice["type"] != "null";
        if let Some(choice) = schema["anyOf"].as_array().and_then(|choices| choices.iter().find(not_null)) {
            return self.resolved(choice);
        }
        schema.clone()
    }

    fn shape(&self, schema: &Value) -> Shape {
        let schema = self.resolved(schema);
        if schema["properties"].is_object() {
            return Shape::Keys(schema);
        }
        if schema["additionalProperties"].is_object() {
            return Shape::Names(schema["additionalProperties"].clone());
        }
        if schema["items"].is_object() && matches!(self.shape(&schema["items"]), Shape::Keys(_)) {
            return Shape::List(schema["items"].clone());
        }
        let choices = schema["oneOf"].as_array();
        if choices.is_some_and(|choices| choices.iter().any(|choice| choice["properties"].is_object())) {
            return Shape::Choice(schema);
        }
        Shape::Plain
    }

    /// The tables below the key at `path`.
    fn property(&mut self, path: &str, property: &Value, examples: &[&Value]) {
        let meaning = meaning(property).or_else(|| meaning(&self.resolved(property))).unwrap_or_default();
        match self.shape(property) {
            Shape::Keys(schema) => self.table(&format!("[{path}]"), path, &meaning, &schema, examples),
            Shape::List(items) => {
                let schema = self.resolved(&items);
                let all: Vec<_> = examples.iter().filter_map(|list| list.as_array()).flatten().collect();
                self.table(&format!("[[{path}]]"), path, &meaning, &schema, &all);
            }
            Shape::Names(values) => {
                let entries: Vec<_> =
                    examples.iter().filter_map(|names| names.as_object()).flatten().collect();
                let all: Vec<_> = entries.iter().map(|(_, value)| *value).collect();
                match self.shape(&values) {
                    Shape::Keys(schema) => {
                        let path = format!("{path}.NAME");
                        self.table(&format!("[{path}]"), &path, &meaning, &schema, &all);
                    }
                    Shape::Choice(schema) => {
                        self.heading(&format!("[{path}]"), &meaning);
                        self.text += "| key | meaning | default | example |\n| --- | --- | --- | --- |\n";
                        self.row(
                            "NAME",
                            &format!("One of {}.", choices(&schema)),
                            "required",
                            all.first().copied(),
                        );
                        self.choices(&format!("{path}.NAME"), &schema, &all);
                    }
                    Shape::Names(_) | Shape::List(_) | Shape::Plain => {
                        self.heading(&format!("[{path}]"), &meaning);
                        let shown =
                            entries.first().map(|(name, value)| format!("`{name} = {}`", inline(value)));
                        let _ = writeln!(self.text, "Names and values, such as {}.", shown.unwrap());
                    }
                }
            }
            Shape::Choice(schema) => {
                self.heading(&format!("[{path}]"), &meaning);
                self.choices(path, &schema, examples);
            }
            Shape::Plain => {}
        }
    }

    fn heading(&mut self, title: &str, meaning: &str) {
        let level = if title.contains('.') { "###" } else { "##" };
        let _ = writeln!(self.text, "\n{level} `{title}`\n\n{meaning}\n");
    }

    fn table(&mut self, title: &str, path: &str, meaning: &str, schema: &Value, examples: &[&Value]) {
        self.heading(title, meaning);
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
        let keys = schema["properties"].as_object().unwrap();
        self.text += "| key | meaning | default | example |\n| --- | --- | --- | --- |\n";
        for (key, property) in keys {
            let there = match self.shape(property) {
                Shape::Plain => None,
                Shape::List(_) => Some(format!("A list of tables: `[[{path}.{key}]]`.")),
                Shape::Choice(schema) => Some(format!("One of {}.", choices(&schema))),
                Shape::Keys(_) | Shape::Names(_) => Some(format!("A table: `[{path}.{key}]`.")),
            };
            let own = meaning_of(property, &self.resolved(property));
            let default = match &property["default"] {
                _ if required.contains(&&Value::from(key.as_str())) => "required".into(),
                Value::Null => "none".into(),
                _ if matches!(self.shape(property), Shape::Keys(_)) => "as there".into(),
                value => format!("`{}`", inline(value)),
            };
            let shown = below(examples, key).first().copied().or(Some(&property["default"]));
            let shown = if there.is_some() && default == "as there" { Some(&Value::Null) } else { shown };
            match there {
                Some(there) if shown.is_none_or(Value::is_null) => {
                    let _ = writeln!(self.text, "| `{key}` | {own} {there} | {default} | see there |");
                }
                there => self.row(key, &[own, there.unwrap_or_default()].join(" "), &default, shown),
            }
        }
        for (key, property) in keys {
            let default = Some(&property["default"]).filter(|default| !default.is_null());
            let examples: Vec<_> = below(examples, key).into_iter().chain(default).collect();
            self.property(&format!("{path}.{key}"), property, &examples);
        }
    }

    fn row(&mut self, key: &str, meaning: &str, default: &str, example: Option<&Value>) {
        let example = example.filter(|value| !value.is_null()).map(|value| format!("`{}` ", inline(value)));
        let cell = |text: &str| text.trim().replace('|', "\\|");
        let example = example.unwrap_or_default();
        let _ = writeln!(
            self.text,
            "| `{key}` | {} | {} | {}|",
            cell(meaning),
            cell(default),
            example.replace('|', "\\|")
        );
    }

    /// The keys of each choice.
    fn choices(&mut self, path: &str, schema: &Value, examples: &[&Value]) {
        for choice in schema["oneOf"].as_array().into_iter().flatten() {
            let Some((name, inner)) = choice["properties"].as_object().and_then(|keys| keys.iter().next())
            else {
                continue;
            };
            let shown = below(examples, name);
            let meaning = meaning(choice).unwrap_or_default();
            let path = format!("{path}.{name}");
            match self.shape(inner) {
                Shape::Keys(schema) => self.table(&format!("[{path}]"), &path, &meaning, &schema, &shown),
                Shape::List(_) => self.property(&path, inner, &shown),
                Shape::Names(_) | Shape::Choice(_) | Shape::Plain => {
                    let shown = shown.first().map(|value| inline(value)).unwrap();
                    let _ = writeln!(self.text, "\n- `{{ {name} = {shown} }}`: {meaning}");
                }
            }
        }
    }
}

/// What each of `examples` has at `key`.
fn below<'a>(examples: &[&'a Value], key: &str) -> Vec<&'a Value> {
    examples.iter().filter_map(|example| example.get(key)).filter(|value| !value.is_null()).collect()
}

fn meaning(schema: &Value) -> Option<String> {
    let text = schema["description"].as_str()?.replace('\n', " ");
    // What leads to code leads nowhere here.
    let mut plain = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("](") {
        let (before, name) = before.rsplit_once('[').unwrap_or((before, ""));
        plain += before;
        plain += name;
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    Some(plain + rest)
}

fn meaning_of(property: &Value, resolved: &Value) -> String {
    meaning(property).or_else(|| meaning(resolved)).unwrap_or_default()
}

fn choices(schema: &Value) -> String {
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    let names = choices.filter_map(|choice| choice["properties"].as_object()?.keys().next());
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A value as TOML writes it within a line.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(entries) if entries.is_empty() => "{}".into(),
        Value::Object(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
