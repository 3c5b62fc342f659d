//! `delivery.auth`: only who knows a secret is heard, and a secret is told to nobody.

mod sabotages;
pub(super) mod wrong;

use super::desk::{Desk, Message};
use super::event::Event;
use super::law::{Expected, sketch_row};
use super::parts::looks_at;
use super::post::{self, Call, JSON, Reply};
use crate::leak::{Canaries, PIECE};
use crate::sql::ident;
use sabot_engine::{CannotTell, Check, Context as _, Cx, Finding, Judgement, Level, Need, Sharing};
use sabot_target::delivery::{Part, Webhook};
use sabot_target::{Instance, Lane, TargetError};
use std::time::Duration;
use tokio::time::Instant;
use wrong::{Wrong, wrong_calls};

pub(super) use sabotages::sabotages;

pub(super) const ID: &str = "delivery.auth";

/// Every line that is kept of a service's log.
const LOG_LINES: usize = 200;

/// The longest that the audit row of a refused call is awaited, and how often it is looked for.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "anybody who finds the webhook's address writes the ledger; or the secret stands in a log that \
                       everybody reads; or a deployment without a secret takes everything",
        asserts: "a call with no secret, a wrong one, a part of the right one, the right one in another case or with \
                  more around it is answered 401 whatever its body, and stores nothing; each of two valid secrets is \
                  taken; refused calls leave one audit row for a source and minute; no secret stands in it or in the \
                  log, nor the full address; a service whose secret is empty or short does not start",
        remedy: "compare the whole secret, in constant time, before the body is read, and refuse to start without one",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(30),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = &Desk::open(cx.lane()).await?;
    let webhook = &desk.delivery.webhook;
    let secret = post::secret(desk.lane, &webhook.secret)?;
    let messages = desk.messages(3).await?;
    // An instance of its own, which has not refused anybody yet.
    let instance = &desk.lane.further(&webhook.service, &Vec::new()).await?;
    let audit = looks_at(cx, Part::Audit, "audit rows of refused calls");
    let newest = if audit { newest_refusal(desk).await? } else { 0 };
    let wrong = wrong_calls(webhook, &secret);
    let Some((of_wrong, of_right)) = messages.split_first() else { return Ok(()) };
    for wrong in &wrong {
        refused(cx, desk, instance, wrong, of_wrong).await?;
    }
    untouched(cx, desk, of_wrong).await?;
    let previous = webhook.previous_secret.iter().map(|name| post::secret(desk.lane, name));
    let valid = std::iter::once(Ok(secret.clone())).chain(previous).collect::<Judgement<Vec<_>>>()?;
    for (secret, message) in valid.iter().zip(of_right) {
        taken(cx, desk, instance, secret, message).await?;
    }
    let tried = wrong.iter().map(|wrong| wrong.secret.clone()).filter(|tried| tried.len() >= PIECE);
    let canaries = Canaries::new(&valid.iter().cloned().chain(tried).collect::<Vec<_>>(), &[]);
    if audit {
        audited(cx, desk, newest, &canaries).await?;
    }
    not_told(cx, "the log", &instance.log(LOG_LINES).join("\n"), &canaries);
    starts(cx, desk, webhook, &secret).await?;
    cx.fact("wrong secrets tried", wrong.len());
    desk.clear(&messages).await
}

/// Refused with 401, whatever stands in the body.
async fn refused(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    instance: &Instance,
    Wrong { what, call, .. }: &Wrong,
    message: &Message,
) -> Judgement {
    let name = desk.delivery.documented.first().map_or("", |documented| documented.event.as_str());
    let event = Event::of(desk.delivery, name, message, desk.begun).json().to_string();
    let rubbish = "no event".to_owned();
    let large = "x".repeat(desk.delivery.webhook.event_limit + 1);
    for (of, body) in [("an event", event), ("what is no event", rubbish), ("what is too large", large)] {
        cx.examined(1);
        let reply = post::post(desk.lane, instance, call, JSON, body.into_bytes()).await?;
        if reply.status != 401 {
            cx.find(Finding::new(format!("{what}, with {of}: the answer"), "401", status(&reply)));
        }
    }
    Ok(())
}

/// The status alone: a body might repeat the path.
fn status(reply: &Reply) -> String {
    if reply.status == 0 { "no answer".into() } else { reply.status.to_string() }
}

async fn untouched(cx: &Cx<'_, Lane>, desk: &Desk<'_>, message: &Message) -> Judgement {
    let stored = desk.stored_of(message).await?.map_or(0, |stored| stored.len());
    let row = desk.row(message).await?;
    if stored > 0 || !Expected::accepted(desk.delivery).is_met_by(row.as_ref()) {
        let observed = format!("{stored} stored events; {}", sketch_row(row.as_ref()));
        cx.find(Finding::new("what refused calls stored", "nothing", observed));
    }
    Ok(())
}

async fn taken(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    instance: &Instance,
    secret: &str,
    message: &Message,
) -> Judgement {
    cx.examined(1);
    let Some(documented) = desk.delivery.documented.first() else { return Ok(()) };
    let event = Event::of(desk.delivery, &documented.event, message, desk.begun).json().to_string();
    let call = Call::showing(&desk.delivery.webhook, secret);
    let reply = post::post(desk.lane, instance, &call, JSON, event.into_bytes()).await?;
    let row = desk.row(message).await?;
    let answers = &desk.delivery.answers;
    if !answers.is_taken(reply.status)
        || !Expected::after(desk.delivery, &[(&documented.event, desk.begun)]).is_met_by(row.as_ref())
    {
        let observed = format!("{}; {}", status(&reply), sketch_row(row.as_ref()));
        let expected = format!("{}, and it reaches the ledger", answers.told());
        cx.find(Finding::new("an event with a valid secret", expected, observed));
    }
    Ok(())
}

/// An audit row of a refused call.
struct Refusal {
    id: i64,
    text: String,
}

/// The id of the newest that is there already. All of those lie more than a minute back now, so that they hold nothing up.
async fn newest_refusal(desk: &Desk<'_>) -> Judgement<i64> {
    age_refusals(desk).await?;
    Ok(refusals(desk, 0).await?.into_iter().map(|row| row.id).max().unwrap_or_default())
}

async fn age_refusals(desk: &Desk<'_>) -> Judgement {
    let audit = &desk.delivery.audit;
    let update = format!(
        "UPDATE {} SET {created} = {created} - interval '1 hour' WHERE {} = $1",
        ident(&audit.table),
        ident(&audit.kind),
        created = ident(&audit.created_at),
    );
    desk.client.execute(&update, &[&audit.refused]).await.context("ageing audit rows")?;
    Ok(())
}

async fn refusals(desk: &Desk<'_>, after: i64) -> Judgement<Vec<Refusal>> {
    let audit = &desk.delivery.audit;
    let select = format!(
        "SELECT {id}, concat_ws(' ', {actor}, {summary}, {payload}::text) FROM {table} WHERE {kind} = $1 AND {id} > $2",
        id = ident(&audit.id),
        actor = ident(&audit.actor),
        summary = ident(&audit.summary),
        payload = ident(&audit.payload),
        table = ident(&audit.table),
        kind = ident(&audit.kind),
    );
    let rows =
        desk.client.query(&select, &[&audit.refused, &after]).await.context("reading the audit log")?;
    let read = |row: &tokio_postgres::Row| Ok(Refusal { id: row.try_get(0)?, text: row.try_get(1)? });
    rows.iter().map(read).collect::<Result<_, tokio_postgres::Error>>().context("reading the audit log")
}

async fn audited(cx: &Cx<'_, Lane>, desk: &Desk<'_>, after: i64, canaries: &Canaries) -> Judgement {
    let deadline = Instant::now() + PATIENCE;
    let rows = loop {
        let rows = refusals(desk, after).await?;
        if !rows.is_empty() || Instant::now() >= deadline {
            break rows;
        }
        tokio::time::sleep(POLL).await;
    };
    cx.examined(rows.len());
    // The calls may have gone on from one minute into the next.
    if !(1..=2).contains(&rows.len()) {
        let subject = "audit rows of refused calls from one source within a minute";
        cx.find(Finding::new(subject, "one", rows.len().to_string()));
    }
    for row in &rows {
        not_told(cx, "an audit row of a refused call", &row.text, canaries);
        if row.text.contains(SOURCE) {
            cx.find(Finding::new(
                "an audit row of a refused call",
                "the address masked",
                "it stands there in full",
            ));
        }
    }
    Ok(())
}

/// Where the check's calls come from.
const SOURCE: &str = "127.0.0.1";

fn not_told(cx: &Cx<'_, Lane>, place: &str, text: &str, canaries: &Canaries) {
    // Ids and digests are long runs of hex digits too; only credentials are looked for here.
    let leak = canaries.leaks(&[], text).into_iter().find(|leak| leak.what.contains("credential"));
    if let Some(leak) = leak {
        cx.find(Finding::new(place.to_owned(), "no secret, whole or in part", leak.what));
    }
}

/// With an empty or a short secret it does not start, whichever of the two it is.
async fn starts(cx: &Cx<'_, Lane>, desk: &Desk<'_>, webhook: &Webhook, secret: &str) -> Judgement {
    let short = secret.get(..webhook.shortest_secret.saturating_sub(1)).unwrap_or_default();
    let values = if short.is_empty() { vec![""] } else { vec!["", short] };
    let variables = std::iter::once(&webhook.secret_env).chain(&webhook.previous_secret_env);
    let mut settings = Vec::new();
    for variable in variables {
        settings.extend(values.iter().map(|value| (variable.clone(), *value)));
    }
    for (variable, value) in settings {
        cx.examined(1);
        let what = if value.is_empty() { "empty" } else { "short" };
        match desk.lane.further(&webhook.service, &vec![(variable.clone(), value.to_owned())]).await {
            Err(TargetError::NotAlive { .. }) => {}
            Err(error) => return Err(CannotTell::from(error)),
            Ok(instance) => {
                instance.stop().await;
                let subject = format!("a service whose {variable} is {what}");
                cx.find(Finding::new(subject, "refuses to start", "it starts and serves"));
            }
        }
    }
    Ok(())
}
