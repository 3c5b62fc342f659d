//! The record as one page for people: a single file that needs no network, readable without its script.
//!
//! Everything that comes from the record is escaped by `maud`, stands in text or in quoted attributes, and never in
//! style or script; what no reader would see, or what would turn text around, is spelled out at the end.

mod attention;
mod checks;
mod figures;
mod findings;
mod headline;
mod matrix;
mod proofs;
mod tracks;
mod visible;
mod words;

use crate::Record;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// One page, drawn from the record alone.
pub fn html(record: &Record) -> String {
    let sentence = headline::sentence(record);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { "Sabot: " (sentence) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (headline::header(record, &sentence))
                main #main {
                    (tracks::section(record))
                    (attention::section(record))
                    (figures::section(record))
                    (checks::section(record))
                    (matrix::section(record))
                    (not_verified(record))
                }
                (footer(record))
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    visible::visible(page.into_string())
}

/// What the page may do: wear its own style and run its own script, and nothing else.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn not_verified(record: &Record) -> Markup {
    html! {
        section #open aria-labelledby="open-title" {
            h2 #open-title { "What was not verified" }
            @if record.not_verified.is_empty() {
                p.calm { "Nothing is left open: every chosen check came to a verdict." }
            } @else {
                ul.open {
                    @for line in &record.not_verified { li { (line) } }
                }
            }
        }
    }
}

fn footer(record: &Record) -> Markup {
    html! {
        footer {
            p {
                "Drawn by Sabot " (record.sabot) " from one record (" (record.format) ", version " (record.version)
                "). This page holds everything that it shows, and loads nothing."
            }
        }
    }
}
