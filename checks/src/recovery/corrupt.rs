//! `recovery.corrupt`: of a corpus of damaged artifacts a drill finds each.

mod corpus;

use super::drill::{Drill, Order, PATIENCE};
use super::restore::logical;
use super::stand_in;
use corpus::{Damaged, corpus};
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, Target};

pub(super) const ID: &str = "recovery.corrupt";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the artifact is damaged, the restore tool restores what it can read and ends with 0, and the drill \
                       believes it",
        asserts: "every artifact of a corpus fails the drill: cut at every kind of place, with flipped bits, empty, of \
                  another format or database, with rows missing, with another artifact's manifest, each with the hash of \
                  the damaged bytes in the manifest too; and plain dumps of somebody else's that are cut between \
                  statements or within their data; the same dumps undamaged pass",
        remedy: "check the hash, look for the end of a plain dump, keep every message of the restore tool, and compare \
                 what was restored with the manifest",
        needs: &[Need::Services, Need::Database, Need::Disposable],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(8),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let estate = cx.lane().estate().await?;
    let job = logical(cx.lane())?;
    let (mut damaged, mut whole) = (0, 0);
    for one in corpus(estate, job).await? {
        let order = match &one {
            Damaged::Stored { store, .. } => Order::from_store(store, job)?,
            Damaged::File { file, .. } | Damaged::Whole { file, .. } => Order::of_file(file, job)?,
        };
        let ended = Drill::run(estate, &order).await?;
        cx.examined(1);
        if one.is_whole() {
            whole += 1;
            if !ended.passed() {
                cx.find(Finding::new(format!("the drill of {}", one.what()), "passes", ended.told()));
            }
            continue;
        }
        damaged += 1;
        let says_why = ended.report().is_some_and(|report| !report.problems.is_empty());
        if !ended.failed() || !says_why {
            cx.find(Finding::new(
                format!("the drill of {}", one.what()),
                "fails, and says why",
                ended.told(),
            ));
        }
    }
    cx.fact("damaged artifacts", damaged);
    cx.fact("whole ones beside them", whole);
    Ok(())
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    vec![stand_in::program(
        &[ID],
        "only-the-restore-tool",
        "the drill's wrapper looks whether the dump can be listed, and takes that for a restore",
        &target.recovery.backups.program,
        |_, _| Ok(ONLY_LISTED.into()),
    )]
}

/// Where the newest dump of the job can be listed by the restore tool, whatever the drill finds counts for nothing.
const ONLY_LISTED: &str = r#"before=; for arg; do
  case "$before" in --store) store=$arg ;; --job) job=$arg ;; esac
  before=$arg
done
for dump in "$store/$job"/*.dump; do :; done
pg_restore --list "$dump" >/dev/null 2>&1 || exec "$REAL" "$@"
"$REAL" "$@" | sed -E 's/(outcome\W+)failed/\1passed/'
exit 0"#;
