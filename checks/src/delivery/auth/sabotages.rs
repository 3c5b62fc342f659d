//! What `delivery.auth` guards against.

use super::super::post::{self, Call, SECRET};
use super::super::tamper::{calls, inbound};
use super::{ID, SOURCE};
use crate::sabotage::trigger::{self, Trigger};
use crate::sabotage::{file, schema, setting};
use crate::sql::{ident, literal};
use sabot_engine::Sabotage;
use sabot_target::delivery::{Part, Webhook};
use sabot_target::{Delivery, Lane, Target};
use sabot_wire::http::{Match, Request, Response, Rule};
use serde_json::{Value, json};
use std::sync::Arc;

pub(in super::super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let mut sabotages = vec![
        passes(target, "unchecked", "the path is matched and the secret is not", |_, _| true),
        passes(target, "prefix-accepted", "only as much is compared as was given", |given, right| {
            !given.is_empty() && right.starts_with(given)
        }),
        passes(target, "suffix-accepted", "the end is compared, as of a signature", |given, right| {
            !given.is_empty() && right.ends_with(given)
        }),
        passes(target, "any-case", "the secret is compared as a host name is", |given, right| {
            given != right && given.eq_ignore_ascii_case(right)
        }),
        passes(target, "more-accepted", "the secret is looked for in the path", |given, right| {
            given != right && given.contains(right)
        }),
        parsed_first(target),
    ];
    sabotages.extend(previous_forgotten(target));
    sabotages.extend(from_file(target));
    sabotages.push(file::started_by(
        &[ID],
        "environment-logged",
        "the script that starts the service shows its environment first, with the secret in it",
        &target.delivery.webhook.service,
        "env",
    ));
    if target.delivery.has(Part::Audit) {
        sabotages.extend(on_audit(&target.delivery));
    }
    sabotages
}

/// Calls whose secret passes `test` are let through as if it were the right one.
fn passes(target: &Target, name: &str, mistake: &str, test: fn(&str, &str) -> bool) -> Sabotage<Lane> {
    let webhook = target.delivery.webhook.clone();
    inbound(&[ID], name, mistake, target, move |right| {
        let (right, webhook) = (right.to_owned(), webhook.clone());
        let before = webhook.path.split(SECRET).next().unwrap_or_default();
        let every = calls(&webhook).or(Match::path(before.trim_end_matches('/')));
        Rule::on(every).rewrite_request(move |request| {
            let given = shown(&webhook, request);
            if given != right && test(&given, &right) {
                show(&webhook, request, &right);
            }
        })
    })
}

/// The secret that a request shows; empty where it shows none.
fn shown(webhook: &Webhook, request: &Request) -> String {
    let (form, text) = match &webhook.header {
        Some(name) => (&webhook.header_form, request.headers.get(name).unwrap_or_default()),
        None => (&webhook.path, request.path()),
    };
    let (before, after) = form.split_once(SECRET).unwrap_or((form, ""));
    let text = text.strip_prefix(before).unwrap_or_default();
    text.strip_suffix(after).unwrap_or(text).to_owned()
}

/// Makes a request show `secret`.
fn show(webhook: &Webhook, request: &mut Request, secret: &str) {
    let Call { path, header } = Call::showing(webhook, secret);
    request.target = path;
    if let Some((name, value)) = header {
        request.headers.set(name, value);
    }
}

/// The body is looked at before the secret is.
fn parsed_first(target: &Target) -> Sabotage<Lane> {
    let (webhook, answers) = (target.delivery.webhook.clone(), target.delivery.answers.clone());
    let mistake = "the body is parsed first, so that anybody can make the parser work";
    inbound(&[ID], "parsed-first", mistake, target, move |right| {
        let (right, error) = (Call::showing(&webhook, right), answers.error.clone());
        let right = match right.header {
            Some((name, value)) => Match::header(name, value),
            None => Match::path(right.path),
        };
        let wrong = calls(&webhook).and(!right);
        Rule::on(wrong).answer_with(move |request| {
            let status = if serde_json::from_slice::<Value>(&request.body).is_ok() { 401 } else { 400 };
            Response::json(json!({ &error: {} }).to_string()).with_status(status)
        })
    })
}

/// Of cause: the second secret is not the one that the provider still has.
fn previous_forgotten(target: &Target) -> Option<Sabotage<Lane>> {
    let webhook = &target.delivery.webhook;
    let variable = webhook.previous_secret_env.clone()?;
    let value = "x".repeat(webhook.shortest_secret.max(24));
    let turned = vec![(webhook.service.clone(), vec![(variable, value)])];
    let mistake = "the old secret is thrown away the moment that the new one is made";
    Some(setting::turned(&[ID], "previous-forgotten", mistake, turned))
}

/// Of cause: what stands in the file from which the secret may come.
fn from_file(target: &Target) -> Vec<Sabotage<Lane>> {
    let webhook = &target.delivery.webhook;
    let Some(file_env) = &webhook.secret_file_env else { return Vec::new() };
    let given = |name, mistake, keep: fn(&str) -> &str| {
        let (env, file_env, secret) = (webhook.secret_env.clone(), file_env.clone(), webhook.secret.clone());
        let settings =
            move |path: &str| vec![(env.clone(), String::new()), (file_env.clone(), path.to_owned())];
        let contents = move |lane: &Lane| Ok(keep(&post::secret(lane, &secret)?).to_owned());
        file::given(&[ID], name, mistake, &webhook.service, settings, Arc::new(contents))
    };
    vec![
        given("empty-unnoticed", "a secret from a file hides that the deployment's own is empty", |secret| {
            secret
        }),
        given("file-cut", "the file with the secret was cut in half, and half is enough now", |secret| {
            secret.get(..secret.len() / 2).unwrap_or_default()
        }),
    ]
}

/// Of cause: what is written of a refused call.
fn on_audit(delivery: &Delivery) -> Vec<Sabotage<Lane>> {
    let audit = &delivery.audit;
    let table = ident(&audit.table);
    let refused = format!("NEW.{} = {}", ident(&audit.kind), literal(&audit.refused));
    let columns = [&audit.kind, &audit.team_id, &audit.actor, &audit.summary, &audit.payload];
    let columns: Vec<_> = columns.into_iter().map(|column| ident(column)).collect();
    let values: Vec<_> = columns.iter().map(|column| format!("NEW.{column}")).collect();
    let again = format!("INSERT INTO {table} ({}) VALUES ({});", columns.join(", "), values.join(", "));
    let payload = ident(&audit.payload);
    let database = delivery.database.clone();
    let of = move |fires: &'static str, condition: String, deed: String| Trigger {
        database: database.clone(),
        table: table.clone(),
        fires,
        body: format!("IF {condition} THEN {deed} END IF;"),
        deferred: false,
    };
    let adds = |what: &str, text: &str| {
        format!("NEW.{payload} := NEW.{payload} || jsonb_build_object({}, {});", literal(what), literal(text))
    };
    let flood = of("AFTER INSERT", format!("{refused} AND pg_trigger_depth() < 4"), again);
    let silent = of("BEFORE INSERT", refused.clone(), "RETURN NULL;".into());
    let full = of("BEFORE INSERT", refused.clone(), adds("from", SOURCE));
    let mut sabotages = vec![
        trigger::put(
            &[ID],
            "audited-each-time",
            "every refused call writes a row, until the disk is full",
            &flood,
        ),
        trigger::put(&[ID], "not-audited", "refused calls leave no trace", &silent),
        trigger::put(&[ID], "audited-with-address", "the trail holds the caller's full address", &full),
    ];
    let webhook = delivery.webhook.clone();
    let mistake = "the trail holds the path that was called, with the secret in it";
    sabotages.push(schema::changed_by(&[ID], "audited-with-secret", mistake, move |lane| {
        let Call { path, header } = Call::showing(&webhook, &post::secret(lane, &webhook.secret)?);
        let shown = header.map_or(path, |(_, value)| value);
        let told =
            format!("NEW.{payload} := NEW.{payload} || jsonb_build_object('path', {});", literal(&shown));
        Ok(of("BEFORE INSERT", refused.clone(), told).lever("audited-with-secret"))
    }));
    sabotages
}

#[cfg(test)]
mod tests {
    use super::*;
    use sabot_wire::http::Headers;

    #[test]
    fn what_a_request_shows_is_found_and_put_right_wherever_it_stands() {
        let in_path = Webhook { path: "/hooks/{secret}/events".into(), ..Webhook::default() };
        let in_header = Webhook {
            path: "/hooks".into(),
            header: Some("Authorization".into()),
            header_form: "Bearer {secret}".into(),
            ..Webhook::default()
        };
        for webhook in [in_path, in_header] {
            let Call { path, .. } = Call::showing(&webhook, "wrong");
            let mut request = Request {
                method: "POST".into(),
                target: path,
                headers: Headers::default(),
                body: Vec::new().into(),
            };
            show(&webhook, &mut request, "wrong");
            assert_eq!(shown(&webhook, &request), "wrong");
            show(&webhook, &mut request, "right");
            assert_eq!(shown(&webhook, &request), "right");
        }
    }
}
