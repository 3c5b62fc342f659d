//! What the prelude says of a collection: its options and indexes, brought into one form.

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::fmt;

/// The metadata of one collection, or view.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    /// `collection`, `view` or `timeseries`, where it is said.
    pub(super) kind: Option<String>,
    /// Its options, such as a validator, in one form.
    pub(super) options: String,
    /// Its indexes, each in one form.
    pub(super) indexes: Vec<String>,
}

impl Metadata {
    /// Reads the JSON of a prelude. None at all is what older tools write for a collection without options or indexes.
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let raw: Raw = serde_json::from_str(text)?;
        let Raw { mut options, indexes, kind } = raw;
        // Old servers have it in the options, and new ones refuse it, so that the restore drops it.
        options.remove("autoIndexId");
        let kind = kind.or_else(|| {
            let of = |name| options.contains_key(name);
            of("viewOn").then_some("view").or(of("timeseries").then_some("timeseries")).map(str::to_owned)
        });
        let indexes = indexes.into_iter().map(RawIndex::normal).collect();
        Ok(Self { kind, options: normal(Value::Object(options)).to_string(), indexes })
    }

    /// Whether documents of this name must follow. Those of a time series come under another one.
    pub(super) fn has_documents(&self) -> bool {
        !matches!(self.kind.as_deref(), Some("view" | "timeseries"))
    }
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    options: Map<String, Value>,
    #[serde(default)]
    indexes: Vec<RawIndex>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct RawIndex {
    key: Ordered,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl RawIndex {
    fn normal(self) -> String {
        let Self { key, mut rest } = self;
        // Where it was, and how it was built: neither is restored.
        for passing in ["ns", "background"] {
            rest.remove(passing);
        }
        let key: Vec<_> = key.0.into_iter().map(|(name, value)| json!([name, normal(value)])).collect();
        json!({ "key": key, "rest": normal(Value::Object(rest)) }).to_string()
    }
}

/// An object whose order means something: an index on (a, b) is none on (b, a).
struct Ordered(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Ordered;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the fields of an index")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                if fields.is_empty() {
                    return Err(de::Error::custom("an index without fields"));
                }
                Ok(Ordered(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// The same number is written in several ways (`1`, `{"$numberInt":"1"}`, `{"$numberDouble":"1.0"}`): one for all.
fn normal(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(normal).collect(),
        Value::Object(fields) => number(&fields).unwrap_or_else(|| {
            Value::Object(fields.into_iter().map(|(name, value)| (name, normal(value))).collect())
        }),
        Value::Number(number) => json!(number.as_f64()),
        other => other,
    }
}

fn number(fields: &Map<String, Value>) -> Option<Value> {
    let mut all = fields.iter();
    let (Some((name, Value::String(text))), None) = (all.next(), all.next()) else { return None };
    let is_number = matches!(name.as_str(), "$numberInt" | "$numberLong" | "$numberDouble");
    // Beyond 2^53 a long stays as it is written.
    let whole = text.parse::<f64>().ok().filter(|number| is_number && number.abs() < 9e15)?;
    Some(json!(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(text: &str) -> String {
        let text = format!(r#"{{"options":{{}},"indexes":[{text}],"type":"collection"}}"#);
        Metadata::parse(&text).unwrap().indexes.remove(0)
    }

    #[test]
    fn what_means_the_same_is_the_same() {
        let canonical = r#"{"v":{"$numberInt":"2"},"key":{"a":{"$numberInt":"1"},"b":{"$numberDouble":"-1.0"}},"name":"ab"}"#;
        let relaxed = r#"{"name":"ab","ns":"shop.shoes","background":true,"key":{"a":1,"b":-1},"v":2}"#;
        assert_eq!(index(canonical), index(relaxed));
    }

    #[test]
    fn what_means_something_else_is_not() {
        let plain = index(r#"{"key":{"a":1,"b":1},"name":"x"}"#);
        let others = [
            r#"{"key":{"b":1,"a":1},"name":"x"}"#,
            r#"{"key":{"a":1,"b":-1},"name":"x"}"#,
            r#"{"key":{"a":1,"b":1},"name":"y"}"#,
            r#"{"key":{"a":1,"b":1},"name":"x","unique":true}"#,
            r#"{"key":{"a":1,"b":1},"name":"x","partialFilterExpression":{"a":{"$gt":{"$numberInt":"5"}}}}"#,
        ];
        for other in others {
            assert_ne!(plain, index(other), "{other}");
        }
    }

    #[test]
    fn a_view_has_no_documents() {
        let parse = |text| Metadata::parse(text).unwrap();
        assert!(parse(r#"{"indexes":[]}"#).has_documents() && parse("").has_documents());
        assert!(!parse(r#"{"type":"view"}"#).has_documents());
        assert!(!parse(r#"{"options":{"viewOn":"shoes","pipeline":[]}}"#).has_documents());
        assert!(!parse(r#"{"options":{"timeseries":{"timeField":"t"}}}"#).has_documents());
        assert!(Metadata::parse("{").is_err() && Metadata::parse(r#"{"indexes":[{"key":{}}]}"#).is_err());
    }
}
