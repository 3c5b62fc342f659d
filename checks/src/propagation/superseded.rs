//! `propagation.superseded`: an older change never comes to the downstream after a newer one of the same thing.

use super::cause::{on_queue, on_statements};
use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, applied, unavailable};
use super::queue::{Row, Subject, sketch};
use crate::held;
use crate::sabotage::trigger;
use crate::sql::ident;
use sabot_engine::{CannotTell, Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, Target};
use sabot_wire::http;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::timeout;

pub(super) const ID: &str = "propagation.superseded";

/// How often the runner looks for work while an older propagation is in flight.
const LOOKS: usize = 2;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "an upgrade fails and waits for an hour; the downgrade of the next minute goes through; then the \
                       upgrade is tried again, and the downstream has a tier that nobody pays for",
        asserts: "of two changes of one team that are due together only the newer is carried out; an older one that has \
                  failed and comes back after the newer was applied is done without a call; a newer one waits while an \
                  older is in flight, and follows it; and a team's only change is carried out, however many others there are",
        remedy: "ask for a newer propagation of the same thing after the claim, before the call; and hold a newer one back \
                 while an older is in flight",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(3),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// What the check has in hand.
struct Scene<'a, 'd> {
    cx: &'a Cx<'a, Lane>,
    desk: &'a Desk<'d>,
    downstream: StandIn<'d>,
    /// Whether the downstream does what it is asked.
    well: Arc<AtomicBool>,
    older: &'d str,
    newer: &'d str,
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    if !desk.kind()?.superseded {
        return Err(CannotTell::new(
            "the first kind of the target's description is one of which each counts",
        ));
    }
    let described = desk.propagation.downstream.clone();
    let well = Arc::new(AtomicBool::new(true));
    let answers = well.clone();
    let downstream = StandIn::answering(&desk, move |_| match answers.load(Ordering::SeqCst) {
        true => applied(&described),
        false => unavailable(),
    })?;
    let [.., older, newer] = desk.propagation.subject.tiers.as_slice() else {
        return Err(CannotTell::new("the target's description has no two tiers"));
    };
    let scene = Scene { cx, desk: &desk, downstream, well, older, newer };
    scene.together().await?;
    scene.comes_back().await?;
    scene.in_flight().await?;
    drop(scene);
    desk.clear().await
}

impl Scene<'_, '_> {
    /// The propagations of `ids` are applied, and the calls about `subject` asked for these tiers.
    async fn judge(&self, what: &str, subject: &Subject, ids: &[i64], tiers: &[&str]) -> Judgement {
        let rows = self.desk.awaited(ids, Row::is_applied).await?;
        self.cx.examined(ids.len());
        let unfinished = ids.iter().map(|id| rows.get(id)).find(|row| !row.is_some_and(Row::is_applied));
        if let Some(row) = unfinished {
            let finding =
                Finding::new(format!("{what}: a propagation"), "applied, or left as superseded", sketch(row));
            self.cx.find(finding.evidence(self.desk.last_lines()));
        }
        let calls = self.downstream.about(subject);
        let called: Vec<_> = calls.iter().map(|call| call.tier.as_deref().unwrap_or_default()).collect();
        if called != tiers {
            let finding =
                Finding::new(format!("{what}: the tiers asked for"), tiers.join(", "), called.join(", "));
            self.cx.find(finding.evidence(self.desk.last_lines()));
        }
        Ok(())
    }

    /// Two of one team, due at once; and another team's, which is older than theirs.
    async fn together(&self) -> Judgement {
        let [alone, subject] = [self.desk.subject().await?, self.desk.subject().await?];
        let ids = self
            .desk
            .insert(&[
                self.desk.due(&alone)?.tier(self.older),
                self.desk.due(&subject)?.tier(self.older),
                self.desk.due(&subject)?.tier(self.newer),
            ])
            .await?;
        self.judge("the only change of a team", &alone, &ids[..1], &[self.older]).await?;
        self.judge("two changes that are due together", &subject, &ids[1..], &[self.newer]).await
    }

    /// The older one fails, the newer one is applied, and the older one comes back.
    async fn comes_back(&self) -> Judgement {
        let subject = self.desk.subject().await?;
        self.well.store(false, Ordering::SeqCst);
        let older = self.desk.insert_one(self.desk.due(&subject)?.tier(self.older)).await?;
        let failed = self.desk.awaited(&[older], Row::is_waiting).await?;
        if !failed.get(&older).is_some_and(Row::is_waiting) {
            let told = sketch(failed.get(&older));
            return Err(CannotTell::new(format!("a propagation that the downstream refused is {told}")));
        }
        self.well.store(true, Ordering::SeqCst);
        let newer = self.desk.insert_one(self.desk.due(&subject)?.tier(self.newer)).await?;
        self.desk.awaited(&[newer], Row::is_applied).await?;
        self.desk.move_forward(&[older]).await?;
        let tiers = [self.older, self.newer];
        self.judge("a change that failed, and came back after a newer one", &subject, &[older, newer], &tiers)
            .await
    }

    /// The newer one comes while the older one's call is held.
    async fn in_flight(&self) -> Judgement {
        let (desk, subject) = (self.desk, self.desk.subject().await?);
        let runner = &desk.propagation.runner;
        let wire = desk.worker()?.http(&runner.downstream_wire)?;
        let path = desk.propagation.downstream.path_of(subject.resource);
        let (rule, mut hold) = http::Rule::on(http::Match::path(path)).hold_request();
        let rule = wire.set(rule);
        let older = desk.insert_one(desk.due(&subject)?.tier(self.older)).await?;
        let held = held::next(&mut hold, PATIENCE, "the runner called nobody").await?;
        let newer = desk.insert_one(desk.due(&subject)?.tier(self.newer)).await?;
        desk.looks(desk.worker()?, LOOKS).await?;
        self.cx.examined(1);
        if timeout(runner.poll, hold.next()).await.is_ok_and(|overtaken| overtaken.is_some()) {
            let what = "a newer change while an older one is in flight";
            self.cx.find(Finding::new(what, "waits for it", "was called beside it"));
        }
        held.release();
        rule.remove();
        let tiers = [self.older, self.newer];
        self.judge("a change that came while an older one was in flight", &subject, &[older, newer], &tiers)
            .await
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let marks = &propagation.marks;
    let rewritten = |name: &str, mistake: &str, find: &str, replace: String| {
        on_statements(&[ID], name, mistake, propagation, (&marks.supersede, find, replace))
    };
    let id = ident(&propagation.queue.id);
    let rewritten = [
        rewritten(
            "never",
            "nobody asks for a newer one: each change is carried out when its time comes",
            &marks.newer,
            "false".into(),
        ),
        rewritten(
            "always",
            "the newer one is told from the older by `>=`, and so each is newer than itself",
            &marks.newer,
            marks.newer.replace('>', ">="),
        ),
        rewritten(
            "overtakes",
            "a newer one is carried out at once, whatever is still in flight",
            &marks.in_flight,
            "false".into(),
        ),
    ];
    let fall = trigger::put(
        &[ID],
        "ids-that-fall",
        "ids no longer rise in the order of the changes: they come from several ranges, or are random",
        &on_queue(propagation, "BEFORE INSERT", format!("NEW.{id} := 1000000000000 - NEW.{id};")),
    );
    rewritten.into_iter().flatten().chain([fall]).collect()
}
