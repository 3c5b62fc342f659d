//! What a restore will need, looked for before it starts.

use super::form::Form;
use super::script::Script;
use super::session::QUICK;
use super::stand::Stand;
use crate::drill::course::{Course, Stopped};
use crate::drill::input::Input;
use crate::manifest::{Content, Manifest};
use crate::report::Class;
use crate::tool::major_of;
use sabot_sandbox::postgres::Installation;
use std::collections::BTreeSet;

/// How many bytes a restore takes, about: what the source had and a fifth more, else a multiple of the artifact. What
/// has to be fetched first comes on top.
pub(super) fn needed(input: &Input, form: Option<Form>) -> u64 {
    let grown = match input.manifest() {
        Some(manifest) => manifest.source_bytes.saturating_add(manifest.source_bytes / 5),
        None => input.bytes().saturating_mul(form.map_or(8, Form::growth)),
    };
    let copy = if input.local_path().is_some() { 0 } else { input.bytes() };
    grown.saturating_add(copy)
}

/// The server to restore into: of the artifact's own major version where that is installed, else the newest.
pub(super) fn installation(
    course: &Course,
    manifest: Option<&Manifest>,
    physical: bool,
) -> Result<Option<Installation>, Stopped> {
    let Some(wanted) = manifest.and_then(|manifest| major_of(&manifest.server_version)) else {
        return Ok(Installation::on_path());
    };
    let own = Installation::on_path().filter(|own| own.version.major == wanted);
    let own = own.or_else(|| Installation::of_major(wanted).ok());
    // Data files fit no other version; a dump fits every newer one.
    let newest = Installation::find().ok().filter(|newest| !physical && newest.version.major > wanted);
    match own.or(newest) {
        Some(found) => Ok(Some(found)),
        None => {
            let others: Vec<_> = Installation::all().iter().map(|one| one.version.to_string()).collect();
            let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
            let message = format!(
                "the artifact comes from PostgreSQL {wanted}, installed is {others}; install postgresql-{wanted}"
            );
            Err(course.stop(Class::Preflight, "version", message))
        }
    }
}

/// What the text of a dump needs, and whether it has an end.
pub(super) async fn script(course: &Course, stand: &Stand, script: &Script, manifest: Option<&Manifest>) {
    let source = script.server_version.as_deref().and_then(major_of);
    if let Some(source) = source.filter(|source| *source > stand.major) {
        let message = format!(
            "the dump comes from PostgreSQL {source}, the server is {}; install postgresql-{source}",
            stand.major
        );
        course.problem(Class::Preflight, "version", message);
    }
    for tablespace in &script.tablespaces {
        let message =
            "the dump makes this tablespace, which lies outside of the sandbox; dump with --no-tablespaces";
        course.problem(Class::Preflight, format!("tablespace {tablespace}"), message);
    }
    let mut extensions = script.extensions.clone();
    extensions.extend(of_manifest(manifest));
    missing(course, stand, &extensions).await;
}

/// The extensions that a manifest names.
pub(super) fn of_manifest(manifest: Option<&Manifest>) -> BTreeSet<String> {
    match manifest.map(|manifest| &manifest.content) {
        Some(Content::Yes { databases, .. }) => {
            databases.iter().flat_map(|database| database.extensions.keys().cloned()).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Names every extension that the server does not have.
pub(super) async fn missing(course: &Course, stand: &Stand, extensions: &BTreeSet<String>) {
    if extensions.is_empty() {
        return;
    }
    let available = async {
        let session = stand.open(&stand.maintenance).await?;
        let rows = session.rows("SELECT name::text FROM pg_available_extensions", &[], QUICK).await?;
        Ok::<BTreeSet<String>, String>(rows.iter().filter_map(|row| row.try_get(0).ok()).collect())
    };
    match available.await {
        Ok(available) => {
            for extension in extensions.difference(&available) {
                let message = format!(
                    "this extension is needed and not installed beside PostgreSQL {}; install its package",
                    stand.major
                );
                course.problem(Class::Preflight, format!("extension {extension}"), message);
            }
        }
        Err(error) => course.problem(Class::Preflight, "extensions", error),
    }
}
