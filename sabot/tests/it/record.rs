//! The record that a run writes: complete, and without a credential even where the target showed one.

use super::program::sabot;
use sabot_engine::{Outcome, Record, VERSION};
use serde_json::Value;

/// How the credentials of the embedded platform begin; eight hex digits or more follow.
const PREFIXES: [&str; 5] = ["xkeysib-", "ast_", "api_", "wrk_", "prv_"];

/// From this many hex digits on it is a good part of a credential.
const LONG: usize = 20;

/// What looks like a credential: they are random, so they are known by their shape.
fn credential(text: &str) -> Option<&str> {
    let hex = |text: &str| text.bytes().take_while(u8::is_ascii_hexdigit).count();
    let after_prefix = PREFIXES.iter().find_map(|prefix| {
        let mut places = text.match_indices(prefix).map(|(at, _)| &text[at..]);
        places.find(|found| hex(&found[prefix.len()..]) >= 8)
    });
    let runs = || text.split(|character: char| !character.is_ascii_hexdigit());
    after_prefix.or_else(|| runs().find(|run| run.len() >= LONG))
}

/// Replaces each `%41` by what it stands for.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match digits.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every string that looks like a credential, as it stands or percent-decoded; commit ids are none.
fn credentials(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let decoded = percent_decoded(text);
            found.extend([text.as_str(), &decoded].into_iter().filter_map(credential).map(str::to_owned));
        }
        Value::Array(values) => values.iter().for_each(|value| credentials(value, found)),
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| *name != "commit") {
                found.extend(credential(name).map(str::to_owned));
                credentials(value, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn a_report_is_the_record_and_holds_no_credential() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("record.json");
    let shown = "*secrets/raw,*secrets/cut-in-half,*secrets/url-encoded";
    let report = format!("json={}", json.display());
    let output =
        sabot(&["prove", "readiness.secrets", "--sabotage", shown, "--named-only", "--report", &report]);
    assert_eq!(output.code, 0, "{}\n{}", output.text, output.errors);
    let text = std::fs::read_to_string(&json).unwrap();
    let record: Record = serde_json::from_str(&text).unwrap();
    assert_eq!((record.results.len(), record.version), (1, VERSION));
    let proved = record.proofs.iter().filter(|proof| proof.outcome == Outcome::Proved).count();
    assert_eq!(proved, 3, "each form of a credential was shown, and found: {}", output.text);
    let mut found = Vec::new();
    credentials(&serde_json::from_str(&text).unwrap(), &mut found);
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(credential(&output.text), None);
}

#[test]
fn a_credential_is_known_by_its_shape_in_every_form() {
    let found = |value: Value| {
        let mut found = Vec::new();
        credentials(&value, &mut found);
        !found.is_empty()
    };
    for text in ["key xkeysib-0123abcd", "api_deadbeef!", "%77%72%6B%5F01234567", "dsn 0123456789abcdef0123"]
    {
        assert!(found(serde_json::json!({"findings": [{"observed": text}]})), "{text}");
    }
    for text in ["xkeysib-[redacted]", "api_token", "f41ed2b", "100 %"] {
        assert!(!found(serde_json::json!([text])), "{text}");
    }
    assert!(!found(serde_json::json!({"commit": "0123456789abcdef0123456789abcdef01234567"})));
}
