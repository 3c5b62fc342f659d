//! The JSON Schema of the record, drawn from the types that are written: it cannot say anything else than they do.

use crate::Record;
use schemars::schema_for;
use serde_json::Value;

/// The schema of a record of version [`VERSION`](crate::VERSION), in JSON Schema of 2020-12. Fields that it does not
/// know are allowed, for a newer Sabot may add some.
pub fn record_schema() -> Value {
    schema_for!(Record).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{full, hostile, proved};
    use boon::{Compiler, SchemaIndex, Schemas};

    fn compiled(schema: Value) -> (Schemas, SchemaIndex) {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource("record.json", schema).unwrap();
        let index = compiler.compile("record.json", &mut schemas).unwrap();
        (schemas, index)
    }

    fn problems(record: &Value) -> Option<String> {
        let (schemas, index) = compiled(record_schema());
        schemas.validate(record, index).err().map(|error| format!("{error:#}"))
    }

    #[test]
    fn what_is_written_keeps_to_the_schema() {
        for record in [full(), proved(), hostile()] {
            assert_eq!(problems(&serde_json::to_value(record).unwrap()), None);
        }
    }

    #[test]
    fn what_is_wrong_does_not() {
        let good = serde_json::to_value(full()).unwrap();
        let wrongs: [(&str, Value); 6] = [
            ("/format", "other".into()),
            ("/version", 2.into()),
            ("/started_at", "yesterday".into()),
            ("/results/0/verdict", "green".into()),
            ("/results/0/needs/0", "wire".into()),
            ("/results/1/figures/0/figure", "pie".into()),
        ];
        for (place, value) in wrongs {
            let mut wrong = good.clone();
            *wrong.pointer_mut(place).unwrap() = value;
            assert!(problems(&wrong).is_some(), "{place}");
        }
        let mut wrong = good.clone();
        wrong["results"][0].as_object_mut().unwrap().remove("examined");
        assert!(problems(&wrong).is_some(), "a field that is missing");
    }

    /// Calls `look` with each object of properties, wherever it stands.
    fn properties(schema: &Value, look: &mut impl FnMut(&str, &Value)) {
        if let Some(fields) = schema["properties"].as_object() {
            fields.iter().for_each(|(name, field)| look(name, field));
        }
        match schema {
            Value::Object(parts) => parts.values().for_each(|part| properties(part, look)),
            Value::Array(parts) => parts.iter().for_each(|part| properties(part, look)),
            _ => {}
        }
    }

    #[test]
    fn every_field_is_described_in_plain_words() {
        let mut described = Vec::new();
        properties(&record_schema(), &mut |name, field| {
            // The tag of a figure says what it is by its only value.
            let text = field["description"].as_str().or(field["const"].as_str()).unwrap_or_default();
            assert!(!text.is_empty() && !text.contains("[`"), "{name}: {text:?}");
            described.push(name.to_owned());
        });
        fn names(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(fields) => fields.iter().for_each(|(name, field)| {
                    found.push(name.clone());
                    names(field, found);
                }),
                Value::Array(items) => items.iter().for_each(|item| names(item, found)),
                _ => {}
            }
        }
        for record in [full(), proved()] {
            let mut written = Vec::new();
            names(&serde_json::to_value(record).unwrap(), &mut written);
            assert!(written.iter().all(|name| described.contains(name)), "{written:?}\n{described:?}");
        }
    }
}
