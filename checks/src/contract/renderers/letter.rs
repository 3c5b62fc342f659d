//! What an email shows to who reads it, taken from the request to the provider.

use sabot_target::contract::Shown;
use serde_json::Value;

/// See the module. Each text has the place where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Letter {
    subject: Option<(String, String)>,
    /// Each form of the content that is there.
    pub(super) bodies: Vec<(String, String)>,
}

impl Letter {
    /// What a request shows; none where it is no JSON.
    pub(super) fn read(request: &[u8], shown: &Shown) -> Option<Self> {
        let request: Value = serde_json::from_slice(request).ok()?;
        let text = |pointer: &String| {
            let text = match request.pointer(pointer)? {
                Value::String(text) => text.clone(),
                Value::Null => return None,
                // Values that the provider fills into a template of its own.
                other => other.to_string(),
            };
            Some((pointer.clone(), text))
        };
        Some(Self { subject: text(&shown.subject), bodies: shown.bodies.iter().filter_map(text).collect() })
    }

    /// The forms of the content in which `value` stands neither there nor in the subject.
    pub(super) fn without(&self, value: &str) -> Vec<(&str, &str)> {
        if self.subject.as_ref().is_some_and(|(_, subject)| shows(subject, value)) {
            return Vec::new();
        }
        let without = self.bodies.iter().filter(|(_, text)| !shows(text, value));
        without.map(|(place, text)| (place.as_str(), text.as_str())).collect()
    }

    /// Each of `placeholders` that is left, and where. One that is a word counts as a word only.
    pub(super) fn placeholders<'a>(&'a self, placeholders: &'a [String]) -> Vec<(&'a str, &'a str)> {
        let texts = self.subject.iter().chain(&self.bodies);
        let left = texts.flat_map(|(place, text)| {
            let left = placeholders.iter().filter(move |placeholder| is_left(text, placeholder));
            left.map(move |placeholder| (place.as_str(), placeholder.as_str()))
        });
        left.collect()
    }
}

/// Whether `value` stands in `text`: a number also with its digits grouped.
fn shows(text: &str, value: &str) -> bool {
    let grouped = || text.replace([',', '.', '\'', '\u{a0}', '\u{202f}'], "").contains(value);
    text.contains(value) || value.bytes().all(|byte| byte.is_ascii_digit()) && grouped()
}

fn is_left(text: &str, placeholder: &str) -> bool {
    if !placeholder.chars().all(char::is_alphabetic) {
        return text.contains(placeholder);
    }
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == placeholder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown() -> Shown {
        Shown {
            subject: "/subject".into(),
            bodies: ["/html", "/text", "/params"].map(String::from).to_vec(),
            placeholders: ["{{", "null"].map(String::from).to_vec(),
        }
    }

    fn letter(request: &Value) -> Letter {
        Letter::read(request.to_string().as_bytes(), &shown()).unwrap()
    }

    #[test]
    fn a_value_stands_in_the_subject_or_in_each_form() {
        let both = letter(&json!({ "subject": "Hello", "html": "<p>from ann</p>", "text": "from bob" }));
        assert_eq!(both.without("ann"), [("/text", "from bob")]);
        assert_eq!(both.without("Hello"), []);
        assert_eq!(both.without("eve").len(), 2);
        let template = letter(&json!({ "text": null, "params": { "total": 123_456 } }));
        assert_eq!((template.without("123456"), template.bodies.len()), (Vec::new(), 1));
        assert!(shows("123,456 resources", "123456") && !shows("a,b", "ab"));
    }

    #[test]
    fn what_was_not_filled_in_shows() {
        let left =
            letter(&json!({ "subject": "Dear {{ name }}", "html": "nullable", "text": "from null to pro" }));
        let placeholders = shown().placeholders;
        assert_eq!(left.placeholders(&placeholders), [("/subject", "{{"), ("/text", "null")]);
        assert_eq!(Letter::read(b"no", &shown()), None);
    }
}
