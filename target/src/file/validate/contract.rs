//! Contract: where kinds are declared, and the registry of who consumes them.

use super::Validation;
use crate::description::Contract;
use crate::description::contract::Source;
use regex::Regex;

impl Validation<'_> {
    pub(super) fn contract(&mut self, contract: &Contract) {
        self.unless(!contract.declared.is_empty(), &["contract", "declared"], || {
            "no source of kinds is named; add a [[contract.declared]] with its files and its pattern".into()
        });
        for (place, source) in contract.declared.iter().enumerate() {
            self.source(&place.to_string(), source);
        }
        if contract.registry.is_empty() {
            self.wrong(
                &["contract", "registry"],
                "no registry is named; give the JSON or YAML document that is it",
            );
        } else {
            self.there(&["contract", "registry"], &contract.registry);
        }
        for (place, ignored) in contract.ignored.iter().enumerate() {
            self.unless(
                !ignored.reason.trim().is_empty(),
                &["contract", "ignored", &place.to_string(), "reason"],
                || format!("`{}` is passed over without a reason; say why it is no kind", ignored.kind),
            );
        }
        self.pointer(&["contract", "shown", "subject"], &contract.shown.subject);
        for body in &contract.shown.bodies {
            self.pointer(&["contract", "shown", "bodies"], body);
        }
        self.lasting(&["contract", "classified_within"], contract.classified_within);
        if let Some(founding) = &contract.founding {
            self.service(&["contract", "founding", "service"], &founding.service);
            self.secret(&["contract", "founding", "credential"], &founding.credential);
            self.url_path(&["contract", "founding", "path"], &founding.path);
        }
    }

    fn source(&mut self, place: &str, source: &Source) {
        let at = |key| ["contract", "declared", place, key];
        self.unless(!source.files.is_empty(), &at("files"), || {
            "no file is named; give those that declare kinds, or their folders".into()
        });
        for file in &source.files {
            self.there(&at("files"), file);
        }
        match Regex::new(&source.pattern) {
            Ok(pattern) => self.unless(pattern.captures_len() > 1, &at("pattern"), || {
                "the pattern has no group, so it names nothing; put the name into one, such as (?<name>[a-z.]+)".into()
            }),
            Err(error) => {
                let told = error.to_string();
                let last = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.wrong(&at("pattern"), format!("`{}` is no pattern ({last}); escape what is meant as it is", source.pattern));
            }
        }
    }
}
