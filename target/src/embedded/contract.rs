//! What the embedded platform promises about its kinds.

use crate::description::contract::{Contract, Founding, Ignored, Source};

pub(super) fn contract() -> Contract {
    Contract {
        declared: vec![
            Source {
                what: "the platform's kinds".into(),
                files: vec!["platform/src/kind.rs".into()],
                extensions: Vec::new(),
                pattern: r#"\b[A-Z]\w* = "(?<name>[^"]+)" =>"#.into(),
            },
            Source {
                what: "what the queue writes into the trail by itself".into(),
                files: vec!["tracks/propagation/src".into()],
                extensions: vec!["rs".into()],
                // Its statements name a kind as a column of what they select, outright or by cases.
                pattern: r"\b(?:SELECT|THEN|ELSE) '(?<name>[a-z_.]+)'".into(),
            },
        ],
        registry: "platform/contract.json".into(),
        founding: Some(Founding::default()),
        ignored: ["due", "leased", "scheduled"].map(state).to_vec(),
        ..Contract::default()
    }
}

fn state(name: &str) -> Ignored {
    Ignored { kind: name.into(), reason: "a state by which the queue's gauge counts its rows".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_file_that_is_named_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for name in contract().files() {
            assert!(root.join(name).exists(), "{name}");
        }
    }
}
