//! `sabot-worker kinds`: the registry, to be read without a service that runs.

use std::io::Write as _;
use std::process::ExitCode;

use sabot_delivery::{Brevo, Declaration, Kinds, Provider as _};

use super::settings::Format;
use crate::kind::kinds;

/// Prints it.
pub(super) fn print(format: Format) -> ExitCode {
    let kinds = kinds();
    let printed = match format {
        Format::Json => serde_json::to_string(&Declaration::new(&Brevo, Some(&kinds))),
        Format::Text => Ok(text(&kinds)),
    };
    let Ok(printed) = printed else {
        eprintln!("error: the registry cannot be written as JSON");
        return ExitCode::FAILURE;
    };
    match writeln!(std::io::stdout(), "{}", printed.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn text(kinds: &Kinds) -> String {
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
    let (events, kinds) = (Brevo.declared().iter().map(event), kinds.declared().into_iter().map(kind));
    events.chain(kinds).collect()
}
