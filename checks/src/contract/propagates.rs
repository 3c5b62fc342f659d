//! `contract.propagates`: every kind that propagates maps to a value that the database's queue admits, and the reverse.

use super::entries::{Entries, list};
use super::tamper::in_registry;
use crate::propagation::kinds::{admitting, renaming};
use crate::sabotage::schema;
use crate::sql::ident;
use sabot_contract::Names;
use sabot_contract::source::postgres::{check_values, enum_values, lookup_values};
use sabot_engine::{Check, Context as _, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::propagation::DeclaredKinds;
use sabot_target::{Lane, Propagation, Target};
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::Client;

pub(super) const ID: &str = "contract.propagates";

/// The longest that the database may take to say what it admits.
const LIMIT: Duration = Duration::from_secs(5);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "an event is to change another system, and its propagation has a name that the queue refuses: the \
                       customer's request fails with it; or the queue has a kind that no event leads to",
        asserts: "each propagation that an entry of the registry names is a value that the database admits (of an enum, a \
                  check constraint or a lookup table), and each such value is named by an entry",
        remedy: "add the value by a migration before the code that writes it, and name it in the entry of each event that \
                 leads to it",
        needs: &[Need::Files, Need::Database],
        walks: Some("the propagations that the registry of kinds names, and those that the database admits"),
        sharing: Sharing::Lane,
        deadline: LIMIT,
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let (entries, propagation) = (Entries::read(cx.lane())?, &cx.lane().target().propagation);
    let client = cx.lane().database(&propagation.database).await.context("reaching the database")?;
    let values =
        timeout(LIMIT, values(&client, propagation)).await.context("asking for what the queue admits")??;
    for entry in entries.iter() {
        let Some(kind) = &entry.propagation else { continue };
        cx.examined(1);
        if !values.contains(kind) {
            let admitted = values.iter().map(|(value, _)| value).collect::<Vec<_>>().join(", ");
            let expected = format!("one of the queue's values: {admitted}");
            cx.find(Finding::new(entries.sketch(entry), expected, format!("the propagation `{kind}`")));
        }
    }
    for (value, places) in values.iter() {
        cx.examined(1);
        let named = entries.iter().filter(|entry| entry.propagation.as_deref() == Some(value)).count();
        if named == 0 {
            let subject = format!("the value `{value}` ({})", list(places));
            cx.find(Finding::new(subject, format!("named by an entry of {}", entries.document), "by none"));
        }
    }
    cx.fact("kinds that propagate", entries.iter().filter(|entry| entry.propagation.is_some()).count());
    cx.fact("values that the queue admits", values.len());
    Ok(())
}

async fn values(client: &Client, propagation: &Propagation) -> Judgement<Names> {
    Ok(match &propagation.declared {
        DeclaredKinds::Enum(name) => enum_values(client, &ident(name)).await?,
        DeclaredKinds::Constraint(name) => {
            check_values(client, &ident(&propagation.queue.table), name).await?
        }
        DeclaredKinds::Table { table, column } => lookup_values(client, &ident(table), column).await?,
    })
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let mut sabotages = vec![
        schema::changed(
            &[ID],
            "value-added",
            "a migration adds a kind of propagation, and no event says that it leads to it",
            &admitting(propagation),
        ),
        in_registry(
            &[ID],
            "maps-to-nothing",
            "one of several events is given the propagation's name with a slip of the pen",
            target,
            |registry| {
                if let Some(kind) = registry.kinds.iter_mut().find_map(|entry| entry.propagation.as_mut()) {
                    kind.push('s');
                }
            },
        ),
        in_registry(
            &[ID],
            "no-longer-named",
            "the events no longer say what they lead to, since the code does",
            target,
            |registry| registry.kinds.iter_mut().for_each(|entry| entry.propagation = None),
        ),
    ];
    let renamed = propagation.kinds.first().and_then(|kind| renaming(propagation, &kind.kind));
    if let Some(lever) = renamed {
        let mistake = "a migration renames the kind of propagation, and the registry keeps the old name";
        sabotages.push(schema::changed(&[ID], "value-renamed", mistake, &lever));
    }
    sabotages
}
