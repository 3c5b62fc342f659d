//! `delivery.forwarder-crash`: the worker is killed at each of its steps, and no email is lost or asked for more often
//! than that explains.

mod news;
mod sabotages;
mod step;

use super::outbox::{Entry, Mail, Outbox};
use news::{News, Told};
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sharing};
use sabot_target::brevo::Call;
use sabot_target::{Instance, Lane};
use sabot_wire::http::{Match, Rule};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use step::Step;

pub(super) use sabotages::sabotages;

pub(super) const ID: &str = "delivery.forwarder-crash";

/// Emails that two workers share in the end, and how long the provider takes for each: several looks for work.
const IN_COMPANY: usize = 8;
const SLOWLY: Duration = Duration::from_millis(250);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a pod is evicted between the provider's answer and our own row, or between the row and the \
                       send: the customer gets the email twice, or never",
        asserts: "the worker is killed with SIGKILL while its claim, its request to the provider, the answer, the \
                  insert of the ledger row, its commit and the move of the cursor are held, before and after each: \
                  after a restart the provider has taken each email once, there was at most one request more, and each \
                  request of an email had the same idempotency key, which no other email has; what the provider tells \
                  of each email, before its row is there or after, makes the ledger say that it was delivered, and \
                  under which message id, also where the answer that named it died with the worker; and two workers \
                  at once ask for each email once",
        remedy: "claim a row for a lease, send with a key that follows from the row and comes back in the events, write the \
                 ledger after the answer and move the cursor after the ledger",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(45),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// An email, and where the worker was killed over it.
struct Crashed {
    step: Step,
    told: Told,
    mail: Mail,
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let outbox = Outbox::open(cx.lane()).await?;
    let news = News::of(outbox.brevo);
    let mut crashes = Vec::new();
    for (step, told) in
        Step::ALL.map(|step| (step, Told::AtOnce)).into_iter().chain([(Step::Answer, Told::Afterwards)])
    {
        news.tell(told);
        let Some(mail) = step.crash(&outbox).await? else {
            cx.fact(format!("not killed {step}"), "the target has no such step");
            continue;
        };
        if (step, told) != (Step::LEASE_AWAITED, Told::AtOnce) {
            outbox.end_lease(&mail).await?;
        }
        outbox.restart().await?;
        cx.examined(1);
        let entered = outbox.entered(std::slice::from_ref(&mail)).await?;
        let lost = entered.is_empty() || outbox.taken(&mail) == 0;
        if told == Told::Afterwards && !lost {
            news.tell_now(&mail).await?;
        }
        crashes.push(Crashed { step, told, mail });
        if lost {
            // What one crash lost the next would not bring back.
            break;
        }
    }
    if !cx.is_red() {
        in_company(cx, &outbox).await?;
    }
    judge_all(cx, &outbox, &crashes).await
}

async fn judge_all(cx: &Cx<'_, Lane>, outbox: &Outbox<'_>, crashes: &[Crashed]) -> Judgement {
    let mails: Vec<_> = crashes.iter().map(|crashed| crashed.mail.clone()).collect();
    let mut expected = BTreeMap::new();
    for mail in &mails {
        expected.insert(mail.audit_id, news::expected(outbox, mail)?);
    }
    let entries = outbox.awaited(&mails, |entries| *entries == expected).await?;
    let (mut more, mut keys) = (0, BTreeSet::new());
    for crashed in crashes {
        let mail = &crashed.mail;
        let asked = outbox.asked(mail);
        more += asked.len().saturating_sub(1);
        let entry = (expected.get(&mail.audit_id), entries.get(&mail.audit_id));
        judge_one(cx, outbox, crashed, &asked, entry);
        let own: BTreeSet<_> = asked.iter().filter_map(key).collect();
        if let Some(shared) = own.iter().find(|key| keys.contains(*key)) {
            let observed = format!("two have {shared}");
            cx.find(Finding::new("the idempotency keys", "one for each email", observed));
        }
        keys.extend(own);
    }
    cx.fact("crashes", crashes.len());
    cx.fact("requests beyond the first", more);
    Ok(())
}

fn judge_one(
    cx: &Cx<'_, Lane>,
    outbox: &Outbox<'_>,
    Crashed { step, told, mail }: &Crashed,
    asked: &[Call],
    (expected, entry): (Option<&Entry>, Option<&Entry>),
) {
    let find = |what: &str, expected: &str, observed: String| {
        let finding = Finding::new(format!("killed {step}, {told}: {what}"), expected, observed);
        cx.find(finding.evidence(outbox.story(mail)).evidence(outbox.last_lines()));
    };
    if outbox.taken(mail) == 0 {
        let observed = format!("none; it was asked {} times", asked.len());
        find("emails that the provider took", "one", observed);
    }
    if entry.is_none() || entry != expected {
        find("the ledger", &sketch(expected), sketch(entry));
    }
    if asked.len() > 2 {
        find("requests to the provider", "at most two: one crash, one more", asked.len().to_string());
    }
    let keys: BTreeSet<_> = asked.iter().map(key).collect();
    if keys.len() > 1 || keys.contains(&None) {
        find("the idempotency keys of its requests", "one and the same", format!("{keys:?}"));
    }
}

fn sketch(entry: Option<&Entry>) -> String {
    let Some(Entry { classification, provider_id }) = entry else { return "no row".into() };
    let said = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
    format!("{}, {}", said(classification, "unclassified"), said(provider_id, "without its message's id"))
}

fn key(call: &Call) -> Option<String> {
    call.email.as_ref()?.idempotency_key.clone()
}

/// Two workers, and a provider that takes its time.
async fn in_company(cx: &Cx<'_, Lane>, outbox: &Outbox<'_>) -> Judgement {
    let further = outbox.lane.further(&outbox.forwarder().service, &Vec::new()).await?;
    let slowly = |worker: &Instance| {
        let rule = Rule::on(Match::path(&outbox.forwarder().send_path)).delay_response(SLOWLY);
        worker.http(&outbox.forwarder().provider_wire).map(|wire| wire.set(rule))
    };
    let slow = [slowly(outbox.worker()?)?, slowly(&further)?];
    let mails = outbox.cause(IN_COMPANY).await?;
    let entries = outbox.entered(&mails).await?;
    slow.iter().for_each(sabot_wire::http::RuleHandle::remove);
    further.stop().await;
    cx.examined(mails.len());
    for mail in &mails {
        let asked = outbox.asked(mail).len();
        if asked != 1 || !entries.contains_key(&mail.audit_id) {
            let entry = if entries.contains_key(&mail.audit_id) { "a row" } else { "no row" };
            let finding = Finding::new(
                format!("audit row {}, two workers at once", mail.audit_id),
                "one request, and a row in the ledger",
                format!("{asked} requests, and {entry}"),
            );
            cx.find(finding.evidence(outbox.story(mail)).evidence(outbox.last_lines()));
        }
    }
    Ok(())
}
