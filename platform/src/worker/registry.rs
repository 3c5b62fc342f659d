//! `sabot-worker kinds` and `contract`: the registries, to be read without a service that runs.

use std::io::Write as _;
use std::process::ExitCode;

use sabot_delivery::{Brevo, Declaration, Kinds, Provider as _};
use sabot_propagation::{Declared, RegistryError};
use serde::Serialize;

use super::settings::Format;
use crate::kind::{Kind, kinds};
use crate::propagation::registry;

/// Everything that is declared.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    delivery: Declaration<'a>,
    propagations: Vec<Declared>,
}

/// Prints it.
pub(super) fn print(format: Format) -> ExitCode {
    let kinds = kinds();
    let propagations = match propagations() {
        Ok(propagations) => propagations,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let printed = match format {
        Format::Json => {
            let delivery = Declaration::new(&Brevo, Some(&kinds));
            serde_json::to_string(&Whole { delivery, propagations })
        }
        Format::Text => Ok(text(&kinds, &propagations)),
    };
    print_text(printed)
}

/// Prints who consumes each kind, in the order of their declaration.
pub(super) fn print_contract() -> ExitCode {
    print_text(serde_json::to_string_pretty(&Kind::registry()))
}

fn print_text(printed: Result<String, serde_json::Error>) -> ExitCode {
    let Ok(printed) = printed else {
        eprintln!("error: the registry cannot be written as JSON");
        return ExitCode::FAILURE;
    };
    match writeln!(std::io::stdout(), "{}", printed.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// What the runner's own registry declares. Nothing is dispatched here, so nothing need be connected.
fn propagations() -> Result<Vec<Declared>, RegistryError> {
    let registry = registry(|_| async { Err("only declared".into()) })?;
    Ok(registry.kinds().cloned().collect())
}

fn text(kinds: &Kinds, propagations: &[Declared]) -> String {
    let event = |event: &sabot_delivery::DeclaredEvent| {
        format!(
            "event {:<16} {:<14} {}\n",
            event.event,
            event.classification.as_str(),
            event.spellings.join(", ")
        )
    };
    let kind = |kind: sabot_delivery::DeclaredKind<'_>| {
        let what = match (kind.emails, kind.renderer) {
            (false, _) => "no email",
            (true, true) => "email",
            (true, false) => "email, but no renderer",
        };
        format!("kind  {:<24} {what}\n", kind.kind)
    };
    let propagation = |declared: &Declared| {
        let newest = if declared.supersedes_within.is_empty() { "" } else { "; only a team's newest counts" };
        format!("propagation {:<18} {}{newest}\n", declared.kind, declared.does)
    };
    let (events, kinds) = (Brevo.declared().iter().map(event), kinds.declared().into_iter().map(kind));
    events.chain(kinds).chain(propagations.iter().map(propagation)).collect()
}
