//! What the send API asks of a body.
//!
//! Fields: <https://developers.brevo.com/reference/send-transac-email>, and django-anymail's `backends/brevo.py`, which
//! sends them; that a text alone is refused and that header values are ASCII strings: its `docs/esps/brevo.rst`.

use super::record::Email;
use super::refusal::Refusal;
use serde_json::{Map, Value};

type Fields = Map<String, Value>;

/// The body as an object.
pub(super) fn object(body: &[u8]) -> Result<Fields, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) | Err(_) => Err(Refusal::new(400, "bad_request", "the body is not a JSON object")),
    }
}

/// What the body asks for, as far as it can be read.
pub(super) fn email(fields: &Fields) -> Email {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let list = |name: &str| fields.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let header = |name: &str| fields.get("headers").and_then(|headers| text(headers.get(name)));
    Email {
        sender: fields.get("sender").and_then(|sender| text(sender.get("email"))),
        to: list("to").iter().filter_map(|to| text(to.get("email"))).collect(),
        subject: text(fields.get("subject")),
        html: text(fields.get("htmlContent")),
        tags: list("tags").iter().filter_map(|tag| text(Some(tag))).collect(),
        template_id: fields.get("templateId").and_then(Value::as_u64),
        custom: header("X-Mailin-custom"),
        idempotency_key: header("idempotencyKey"),
    }
}

/// Refuses what the API refuses.
pub(super) fn check(fields: &Fields, email: &Email, key_is_uuid: bool) -> Result<(), Refusal> {
    if fields.contains_key("messageVersions") {
        return Err(Refusal::new(400, "invalid_parameter", "messageVersions is beyond this simulator"));
    }
    let templated = email.template_id.is_some();
    check_sender(fields, email, templated)?;
    check_recipients(fields, email)?;
    if !templated && email.subject.as_deref().unwrap_or_default().is_empty() {
        return Err(Refusal::missing("subject"));
    }
    if !templated && email.html.as_deref().unwrap_or_default().is_empty() {
        return Err(Refusal::missing("htmlContent"));
    }
    let tags = fields.get("tags").is_none_or(|tags| {
        tags.as_array().is_some_and(|tags| !tags.is_empty() && tags.iter().all(Value::is_string))
    });
    if !tags {
        return Err(Refusal::invalid("tags"));
    }
    check_headers(fields)?;
    match &email.idempotency_key {
        Some(key) if key_is_uuid && !is_uuid(key) => Err(Refusal::invalid("idempotencyKey")),
        _ => Ok(()),
    }
}

/// The domain of the sender, in lower case.
pub(super) fn sender_domain(email: &Email) -> Option<String> {
    let (_, domain) = email.sender.as_deref()?.rsplit_once('@')?;
    Some(domain.to_ascii_lowercase())
}

fn check_sender(fields: &Fields, email: &Email, templated: bool) -> Result<(), Refusal> {
    let Some(sender) = fields.get("sender") else {
        return if templated { Ok(()) } else { Err(Refusal::missing("sender")) };
    };
    match &email.sender {
        Some(address) if is_address(address) => Ok(()),
        None if sender.get("id").is_some_and(Value::is_u64) => Ok(()),
        _ => Err(Refusal::invalid("sender")),
    }
}

fn check_recipients(fields: &Fields, email: &Email) -> Result<(), Refusal> {
    let given = match fields.get("to") {
        None => return Err(Refusal::missing("to")),
        Some(Value::Array(to)) if to.is_empty() => return Err(Refusal::missing("to")),
        Some(Value::Array(to)) => to.len(),
        Some(_) => return Err(Refusal::invalid("to")),
    };
    if email.to.len() == given && email.to.iter().all(|address| is_address(address)) {
        return Ok(());
    }
    Err(Refusal::invalid("email in to"))
}

fn check_headers(fields: &Fields) -> Result<(), Refusal> {
    match fields.get("headers") {
        None => Ok(()),
        Some(Value::Object(headers))
            if headers.values().all(|value| value.as_str().is_some_and(str::is_ascii)) =>
        {
            Ok(())
        }
        Some(_) => Err(Refusal::invalid("headers")),
    }
}

/// Whether this could be an address; the API's own rule is not documented.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain = |character: char| !character.is_whitespace() && !character.is_control() && character != '@';
    !local.is_empty()
        && domain.contains('.')
        && !domain.starts_with('.')
        && text.chars().filter(|c| *c != '@').all(plain)
        && !local.contains('@')
}

/// Whether this is a UUID in its usual form.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.concat().bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole() -> Value {
        json!({
            "sender": {"email": "noreply@example.com", "name": "Platform"},
            "to": [{"email": "ada@example.com"}],
            "subject": "Welcome",
            "htmlContent": "<p>hello</p>",
            "tags": ["team.created"],
            "headers": {"idempotencyKey": "6e8bc430-9c3a-51d9-b1a6-8a1c2f7b9d10"},
        })
    }

    fn verdict(body: &Value) -> Result<(), &'static str> {
        let fields = object(body.to_string().as_bytes()).map_err(|refusal| refusal.code)?;
        check(&fields, &email(&fields), true).map_err(|refusal| refusal.code)
    }

    fn with(name: &str, value: Value) -> Value {
        let mut body = whole();
        body[name] = value;
        body
    }

    fn without(name: &str) -> Value {
        let mut body = whole();
        body.as_object_mut().unwrap().remove(name);
        body
    }

    #[test]
    fn a_whole_body_is_taken_and_read() {
        assert_eq!(verdict(&whole()), Ok(()));
        let read = email(whole().as_object().unwrap());
        assert_eq!(
            (read.to.as_slice(), read.tags.as_slice()),
            (&["ada@example.com".into()][..], &["team.created".into()][..])
        );
        assert_eq!(sender_domain(&read).unwrap(), "example.com");
    }

    #[test]
    fn what_lacks_is_missing() {
        for name in ["sender", "to", "subject", "htmlContent"] {
            assert_eq!(verdict(&without(name)), Err("missing_parameter"), "{name}");
        }
        let mut text_only = without("htmlContent");
        text_only["textContent"] = json!("hello");
        assert_eq!(verdict(&text_only), Err("missing_parameter"), "a text alone is refused");
        assert_eq!(verdict(&with("to", json!([]))), Err("missing_parameter"));
    }

    #[test]
    fn a_template_brings_its_own_sender_subject_and_content() {
        assert_eq!(verdict(&json!({"templateId": 1, "to": [{"email": "ada@example.com"}]})), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_invalid() {
        let wrong = [
            ("sender", json!({"email": "nobody"})),
            ("sender", json!("noreply@example.com")),
            ("to", json!([{"email": "ada@example.com"}, {"email": "a b@example.com"}])),
            ("to", json!([{"email": "ada@bob@example.com"}])),
            ("to", json!([{"name": "ada"}])),
            ("to", json!("ada@example.com")),
            ("tags", json!("team.created")),
            ("tags", json!([1])),
            ("headers", json!({"X-Mailin-custom": 7})),
            ("headers", json!({"X-Mailin-custom": "é"})),
            ("headers", json!({"idempotencyKey": "b52dbf-81dd-4a08-b807-085c"})),
        ];
        for (name, value) in wrong {
            assert_eq!(verdict(&with(name, value.clone())), Err("invalid_parameter"), "{name} {value}");
        }
    }

    #[test]
    fn no_json_object_is_a_bad_request() {
        for body in ["", "{", "[]", "null", "\u{0}"] {
            assert_eq!(object(body.as_bytes()).unwrap_err().code, "bad_request", "{body:?}");
        }
    }
}
