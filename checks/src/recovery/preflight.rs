//! `recovery.preflight`: what a restore will lack is named before it starts.

use super::drill::{Drill, Ended, Order, PATIENCE};
use super::restore::logical;
use super::{shelf, stand_in};
use sabot_engine::{Check, Context as _, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_recovery::manifest::Content;
use sabot_recovery::report::{Class, Phase};
use sabot_target::{Lane, Target};

pub(super) const ID: &str = "recovery.preflight";

/// An extension that no server has.
const EXTENSION: &str = "sabot_no_such_extension";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "on the new server the restore runs for an hour and then fails: an extension was never installed \
                       there, or the disk is full",
        asserts: "an artifact whose extension the server does not have, by its manifest or in a dump without one, and one \
                  that needs more room than there is, fail the drill with a problem that names it, before the restore \
                  begins",
        remedy: "compare the extensions of the artifact with pg_available_extensions, and its size with the room, before \
                 the restore tool is started",
        needs: &[Need::Services, Need::Database, Need::Disposable],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(3),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let estate = cx.lane().estate().await?;
    let job = logical(cx.lane())?;
    let store = estate.scratch("preflight")?;
    let mut stored = shelf::copied(&estate.store(), &job.name, &store)?;
    stored.amend(|manifest| {
        if let Content::Yes { databases, .. } = &mut manifest.content {
            for database in databases {
                database.extensions.insert(EXTENSION.into(), "1.0".into());
            }
        }
    })?;
    let ended = Drill::run(estate, &Order::from_store(&store, job)?).await?;
    named(cx, "an artifact whose manifest names an extension that is not there", &ended, EXTENSION);
    let mut stored = shelf::copied(&estate.store(), &job.name, &store)?;
    stored.amend(|manifest| manifest.source_bytes = 1 << 60)?;
    let ended = Drill::run(estate, &Order::from_store(&store, job)?).await?;
    named(cx, "an artifact of an exbibyte", &ended, "");
    let dump = store.join("of-somebody-else.sql");
    std::fs::write(&dump, plain()).context("writing a dump")?;
    let ended = Drill::run(estate, &Order::of_file(&dump, job)?).await?;
    named(cx, "somebody else's dump that creates an extension that is not there", &ended, EXTENSION);
    Ok(())
}

/// What `pg_dump` writes of a database with one table and this extension.
fn plain() -> String {
    format!(
        "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 15.0\n-- Dumped by pg_dump version 15.0\n\n\
         SET client_encoding = 'UTF8';\n\nCREATE EXTENSION IF NOT EXISTS {EXTENSION} WITH SCHEMA public;\n\n\
         CREATE TABLE public.one (id integer);\n\nCOPY public.one (id) FROM stdin;\n1\n\\.\n\n\
         --\n-- PostgreSQL database dump complete\n--\n\n"
    )
}

fn named(cx: &Cx<'_, Lane>, which: &str, ended: &Ended, name: &str) {
    let problems = ended.report().map(|report| report.problems.as_slice()).unwrap_or_default();
    let told = problems.iter().any(|problem| {
        problem.class == Class::Preflight && format!("{} {}", problem.subject, problem.message).contains(name)
    });
    cx.examined(1);
    if !ended.failed() || !told || ended.began(Phase::Restore) {
        let when =
            if ended.began(Phase::Restore) { "after the restore had begun" } else { "no restore was begun" };
        let expected = "fails with a problem of preflight that names it, before the restore begins";
        cx.find(Finding::new(format!("the drill of {which}"), expected, format!("{}; {when}", ended.told())));
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    vec![stand_in::program(
        &[ID],
        "only-the-dump",
        "the drill's wrapper fetches the dump alone and restores that: what the manifest knows is not looked at",
        &target.recovery.backups.program,
        |_, _| Ok(ONLY_THE_DUMP.into()),
    )]
}

/// Drills the newest file of the job as a dump of somebody else.
const ONLY_THE_DUMP: &str = r#"before=; for arg; do
  case "$before" in --store) store=$arg ;; --job) job=$arg ;; esac
  before=$arg
done
[ -n "$job" ] || exec "$REAL" "$@"
for dump in "$store/$job"/*.dump; do :; done
command=$1 engine=$2; shift 2
rest=; skip=
for arg; do
  [ -n "$skip" ] && { skip=; shift; continue; }
  shift
  case "$arg" in --store|--job) skip=1 ;; *) set -- "$@" "$arg" ;; esac
done
exec "$REAL" "$command" "$engine" --file "$dump" "$@""#;
