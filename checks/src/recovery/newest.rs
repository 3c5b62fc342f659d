//! `recovery.newest`: a drill is of the newest backup, and says so when that one is bad, half-written, or not there.

use super::drill::{Drill, Order, PATIENCE, terms};
use super::restore::logical;
use super::shelf::{self, Stored};
use super::stand_in;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Estate, Job, Lane, Target};
use std::path::{Path, PathBuf};

pub(super) const ID: &str = "recovery.newest";

/// How long before the newest the other one was taken.
const EARLIER: time::Duration = time::Duration::hours(1);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "last night's backup is half a file, and the drill quietly restores the one before: green, and a day \
                       of data short when it counts",
        asserts: "of two artifacts the newer one is drilled; where it is damaged, or has no manifest yet, or the store \
                  holds none at all, the drill fails and says which, although an older one would restore; that older one, \
                  asked for by name, is drilled",
        remedy: "choose by the time in the manifest, and let nothing that is wrong with the newest pass over to an older \
                 one",
        needs: &[Need::Services, Need::Database, Need::Disposable],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(5),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let estate = cx.lane().estate().await?;
    let job = logical(cx.lane())?;
    let of = Of { cx, estate, job };
    let (store, newer, older) = of.two()?;
    let ended = Drill::run(estate, &Order::from_store(&store, job)?).await?;
    of.passes("the newest of two", &ended, &newer);
    let named = Order::from_store(&store, job)?.with(&["--artifact", &older.manifest.artifact]);
    of.passes("the older one, by its name", &Drill::run(estate, &named).await?, &older);
    newer.cut(newer.bytes()?.len() / 2)?;
    of.fails("the newest damaged, an older one whole", &store).await?;
    let (store, newer, _) = of.two()?;
    newer.lose_manifest()?;
    of.fails("the newest without a manifest, an older one whole", &store).await?;
    let empty = estate.scratch("empty")?;
    of.fails("an empty store", &empty).await
}

struct Of<'a, 'b> {
    cx: &'a Cx<'b, Lane>,
    estate: &'a Estate,
    job: &'a Job,
}

impl Of<'_, '_> {
    /// A store with two artifacts of the job: the newest, and one that was taken an hour before it.
    fn two(&self) -> Judgement<(PathBuf, Stored, Stored)> {
        let store = self.estate.scratch("two")?;
        let newer = shelf::copied(&self.estate.store(), &self.job.name, &store)?;
        let older = newer.duplicate(EARLIER)?;
        Ok((store, newer, older))
    }

    fn passes(&self, which: &str, ended: &super::drill::Ended, stored: &Stored) {
        let artifact = ended.report().and_then(|report| report.artifact.clone());
        self.cx.examined(1);
        if !ended.passed() || artifact.as_ref() != Some(&stored.manifest.artifact) {
            let observed = format!("{} of {}", ended.told(), artifact.unwrap_or_else(|| "nothing".into()));
            let expected = format!("passes, of {}", stored.manifest.artifact);
            self.cx.find(Finding::new(format!("the drill of {which}"), expected, observed));
        }
    }

    async fn fails(&self, which: &str, store: &Path) -> Judgement {
        terms(self.job)?;
        let ended = Drill::run(self.estate, &Order::from_store(store, self.job)?).await?;
        self.cx.examined(1);
        if !ended.failed() {
            self.cx.find(Finding::new(format!("the drill of {which}"), "fails, and says why", ended.told()));
        }
        Ok(())
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    vec![stand_in::program(
        &[ID],
        "falls-back",
        "the wrapper around the drill tries the artifact before when the newest does not restore",
        &target.recovery.backups.program,
        |_, _| Ok(FALLS_BACK.into()),
    )]
}

/// Drills what is asked for, and where that fails every other artifact of the store by its name.
const FALLS_BACK: &str = r#""$REAL" "$@" > "$HERE/first" && { cat "$HERE/first"; exit 0; }
before=; for arg; do
  case "$before" in --store) store=$arg ;; --job) job=$arg ;; esac
  before=$arg
done
for manifest in "$store/$job"/*.manifest.json; do
  artifact=$job/$(basename "$manifest" .manifest.json)
  "$REAL" "$@" --artifact "$artifact" > "$HERE/next" && { cat "$HERE/next"; exit 0; }
done
cat "$HERE/first"
exit 1"#;
