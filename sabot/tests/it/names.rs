//! Names come from the target: no string literal of the judges equals one of the default target's names.

use sabot_target::propagation::DeclaredKinds;
use sabot_target::{Contract, Delivery, Propagation, Recovery, Target};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every name of the default target that a check could be tempted to write out.
fn names() -> BTreeSet<String> {
    let target = Target::embedded();
    let readiness = &target.readiness;
    let (shape, words) = (&readiness.shape, &readiness.words);
    let mut names: BTreeSet<String> = [
        &readiness.path,
        &readiness.live_path,
        &readiness.unauthorised,
        &shape.overall,
        &shape.service,
        &shape.commit,
        &shape.rows,
        &shape.name,
        &shape.status,
        &shape.latency,
        &shape.error,
        &shape.checked_at,
        &words.ok,
        &words.degraded,
        &words.failed,
    ]
    .into_iter()
    .cloned()
    .collect();
    names.extend(
        target.databases.iter().flat_map(|database| [&database.name, &database.migrate_env]).cloned(),
    );
    names.extend(target.stand_ins.iter().map(|(name, _)| name.clone()));
    names.extend(target.secrets.iter().map(|(name, _)| name.clone()));
    let levers = &readiness.levers;
    let turned = [&levers.critical, &levers.period, &levers.time_limit, &levers.commit];
    names.extend(turned.into_iter().flatten().map(|lever| lever.env.clone()));
    names.extend(levers.off.iter().flat_map(|(_, variables)| variables).cloned());
    for service in &target.services {
        names.insert(service.name.clone());
        names.extend(service.command.iter().chain([&service.listen_env, &service.alive_path]).cloned());
        names.extend(service.env.iter().map(|(name, _)| name.clone()));
        names.extend(service.wires.iter().map(|wire| wire.name.clone()));
    }
    for row in &readiness.matrix {
        names.insert(row.dependency.clone());
    }
    names.extend(delivery_names(&target.delivery));
    names.extend(propagation_names(&target.propagation));
    names.extend(recovery_names(&target.recovery));
    names.extend(contract_names(&target.contract));
    // What is not there (a database without a migration) is named by nothing.
    names.remove("");
    names
}

/// Words so common that they mean other things too: readiness renames a field to `error`, SQL comes in `raw` form, a report
/// says that a row is `applied`, a dependency is `critical`.
const COMMON: [&str; 5] = ["applied", "critical", "error", "events", "raw"];

/// Every name in the description of delivery.
fn delivery_names(delivery: &Delivery) -> Vec<String> {
    let Delivery { webhook, answers, payload, ledger, events, audit, cursor, .. } = delivery;
    let Delivery { declared, forwarder, overdue, metrics, marks, standing, .. } = delivery;
    let single = [
        [&delivery.provider, &delivery.database, &standing.accepted, &standing.dropped].to_vec(),
        [&webhook.path, &webhook.secret, &webhook.secret_env].to_vec(),
        webhook.previous_secret.iter().chain(&webhook.previous_secret_env).collect(),
        webhook.secret_file_env.iter().collect(),
        [&answers.ok, &answers.matched, &answers.event, &answers.skipped, &answers.accepted].to_vec(),
        [&answers.invalid, &answers.error, &answers.error_code, &answers.error_message].to_vec(),
        [&payload.event, &payload.message_id, &payload.recipient, &payload.link, &payload.reason].to_vec(),
        payload.times.iter().chain(payload.further.iter().map(|(name, _)| name)).collect(),
        [&ledger.table, &ledger.audit_id, &ledger.sent_at, &ledger.provider, &ledger.provider_id].to_vec(),
        [&ledger.recipient, &ledger.template_kind, &ledger.classification, &ledger.delivered_at].to_vec(),
        [&events.table, &events.recipient_digest, &events.event, &events.event_time, &events.raw].to_vec(),
        [&events.link, &events.received_at, &events.once].to_vec(),
        [&audit.table, &audit.id, &audit.kind, &audit.team_id, &audit.actor, &audit.summary].to_vec(),
        [&audit.payload, &audit.created_at, &audit.recipient, &audit.refused].to_vec(),
        [&cursor.table, &cursor.name, &cursor.position, &cursor.row].to_vec(),
        [&declared.path, &declared.events, &declared.stamps, &declared.spellings, &declared.severity]
            .to_vec(),
        [&forwarder.send_path, &forwarder.answered_id, &forwarder.idempotency_key].to_vec(),
        [&forwarder.recipient, &forwarder.claims.table, &forwarder.claims.due_at, &forwarder.poll_env]
            .to_vec(),
        [&forwarder.lease_env, &forwarder.send_limit_env, &forwarder.retry_env].to_vec(),
        forwarder.registry.iter().filter(|word| word.starts_with("sabot")).collect(),
        forwarder.kinds.iter().map(|kind| &kind.kind).collect(),
        [&overdue.path, &overdue.messages, &overdue.after_env].to_vec(),
        [&metrics.path, &metrics.overdue, &metrics.messages, &metrics.unavailable, &metrics.refused].to_vec(),
        [&marks.store, &marks.ledger, &marks.claim, &marks.sent, &marks.cursor, &marks.overdue].to_vec(),
        delivery.undocumented.iter().chain(&delivery.severity).collect(),
        delivery.documented.iter().flat_map(|event| &event.spellings).collect(),
    ];
    single.concat().into_iter().filter(|name| !COMMON.contains(&name.as_str())).cloned().collect()
}

/// Every name in the description of propagation.
fn propagation_names(propagation: &Propagation) -> Vec<String> {
    let Propagation { queue, declared, subject, source, runner, downstream, .. } = propagation;
    let Propagation { trail, dead_letters, registry, metrics, marks, .. } = propagation;
    let declared = match declared {
        DeclaredKinds::Enum(name) | DeclaredKinds::Constraint(name) => vec![name],
        DeclaredKinds::Table { table, column } => vec![table, column],
    };
    let env = &runner.env;
    let single = [
        [&propagation.database, &queue.table, &queue.id, &queue.kind, &queue.team_id].to_vec(),
        [&queue.target_tier, &queue.payload, &queue.attempts, &queue.next_attempt_at].to_vec(),
        [&queue.last_attempt_at, &queue.last_error, &queue.applied_at, &queue.failed_at].to_vec(),
        [&queue.created_at, &queue.lease, &queue.lost_leases].to_vec(),
        declared,
        propagation.kinds.iter().flat_map(|kind| [&kind.kind, &kind.payload, &kind.unreadable]).collect(),
        subject.tiers.iter().chain(&subject.clear).collect(),
        [&subject.make_team, &subject.make_resource, &subject.tier_of].to_vec(),
        propagation.changes.iter().flat_map(|change| [&change.audited, &change.from, &change.to]).collect(),
        [&source.path, &source.tier, &source.credential, &runner.downstream_wire].to_vec(),
        [&env.schedule, &env.max_attempts, &env.lease, &env.dispatch_limit, &env.poll].to_vec(),
        [&env.stale_after, &env.concurrency, &env.batch, &env.grace, &env.observe].to_vec(),
        [&env.keep_applied, &downstream.method, &downstream.path, &downstream.key_header].to_vec(),
        [&downstream.key, &downstream.outcome, &downstream.applied, &downstream.skipped].to_vec(),
        [&downstream.reason].into_iter().chain(&downstream.harmless).collect(),
        [&trail.applied, &trail.retrying, &trail.dead_lettered, &trail.unexpected_skip].to_vec(),
        [&trail.unknown_kind_dead_lettered, &trail.replayed, &trail.discarded, &trail.id].to_vec(),
        [&dead_letters.path, &dead_letters.replay, &dead_letters.list, &registry.kinds].to_vec(),
        [&metrics.path, &metrics.attempts, &metrics.dead_letters, &metrics.late, &metrics.depth].to_vec(),
        [&metrics.oldest, &metrics.suspects].to_vec(),
        [&marks.claim, &marks.complete, &marks.release, &marks.supersede, &marks.newer].to_vec(),
        [&marks.in_flight, &marks.not_dead, &marks.listen, &marks.probe, &marks.bell].to_vec(),
        [&marks.skip_locked, &marks.lock, &marks.patience, &marks.order, &queue.ring].to_vec(),
        marks.fence.iter().collect(),
    ];
    single.concat().into_iter().filter(|name| !COMMON.contains(&name.as_str())).cloned().collect()
}

/// Every name in the description of recovery.
fn recovery_names(recovery: &Recovery) -> Vec<String> {
    let alerts = &recovery.alerts;
    let single = [
        alerts.prometheus.iter().chain(&alerts.newrelic).chain(&alerts.jobs).collect(),
        [&alerts.metric, &alerts.job_label, &alerts.severity_label].to_vec(),
        [&alerts.warning.severity, &alerts.critical.severity].to_vec(),
        alerts.labels.iter().flat_map(|(name, value)| [name, value]).collect(),
    ];
    single.concat().into_iter().filter(|name| !COMMON.contains(&name.as_str())).cloned().collect()
}

/// Every name in the description of the contract.
fn contract_names(contract: &Contract) -> Vec<String> {
    let Contract { declared, registry, ignored, shown, founding, .. } = contract;
    let single = [
        declared.iter().flat_map(|source| &source.files).collect(),
        declared.iter().map(|source| &source.pattern).collect(),
        ignored.iter().map(|ignored| &ignored.kind).collect(),
        shown.bodies.iter().chain([registry, &shown.subject]).collect::<Vec<_>>(),
        founding.iter().flat_map(|it| [&it.service, &it.credential, &it.path, &it.name, &it.id]).collect(),
    ];
    single.concat().into_iter().filter(|name| !COMMON.contains(&name.as_str())).cloned().collect()
}

/// The contents of every plain string literal of a source file, its tests and comments left out.
fn literals(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        // Odd pieces between unescaped quotes are literals.
        for literal in line.replace("\\\"", "").split('"').skip(1).step_by(2) {
            found.insert(literal.to_owned());
        }
    }
    found
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            // A module of tests in a file of its own may write what it likes, as one within a file may.
            into.push(path);
        }
    }
}

#[test]
fn the_judges_write_no_name_of_the_default_target() {
    let names = names();
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../checks/src")), &mut files);
    assert!(files.len() > 5, "the sources were found");
    for file in files {
        for literal in literals(&std::fs::read_to_string(&file).unwrap()) {
            assert!(!names.contains(&literal), "{}: take \"{literal}\" from the target", file.display());
        }
    }
}

#[test]
fn a_literal_is_found_and_a_comment_is_none() {
    let source = "// \"api\"\nlet a = f(\"readyz\", \"ok\");\n#[cfg(test)]\nlet b = \"brevo\";";
    assert_eq!(literals(source), BTreeSet::from(["readyz".to_owned(), "ok".to_owned()]));
}
