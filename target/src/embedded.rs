//! The embedded platform, described: the default target. It is a description like any other.

mod contract;
mod recovery;

use crate::description::delivery::{Forwarder, Webhook};
use crate::description::forms::pairs_of;
use crate::description::propagation::Runner;
use crate::description::{
    Answer, BrevoAccount, Database, Delivery, Lever, Levers, Propagation, Reach, Readiness, Row, SchemaLever,
    Service, StandIn, Target, Upstream, Wire,
};
use std::time::Duration;

/// How long a result counts as fresh in the quick profile; [`BREVO_PERIOD`] for the email provider.
const PERIOD: Duration = Duration::from_millis(500);
const BREVO_PERIOD: Duration = Duration::from_secs(1);
/// The longest that a probe may take in the quick profile.
const TIME_LIMIT: Duration = Duration::from_millis(500);

/// When the forwarder of the quick profile tries again what failed for now.
const FORWARDER_RETRY: &str = "200ms,400ms,800ms,1s";

/// What the readiness probe of PostgreSQL looks like on its wire.
const PROBE: &str = "/* readyz */";
/// What the runner's claim looks like on its wire: one that comes back is its heartbeat.
const HEARTBEAT: &str = "/* propagation claim */";

pub(crate) fn target() -> Target {
    Target {
        name: "the embedded platform".into(),
        profile: pairs_of(&[
            ("caches", "500ms"),
            ("brevo's cache", "1s"),
            ("probe time limits", "500ms"),
            ("the runner's polling", "100ms"),
            ("its heartbeat stale after", "1s"),
            ("a propagation's lease", "2s"),
            ("its dispatch limit", "1s"),
            ("the forwarder's polling", "100ms"),
            ("its lease", "2s"),
            ("its send limit", "1s"),
            ("its retries", FORWARDER_RETRY),
            ("the limit of recovery time", "15s"),
        ]),
        databases: vec![
            Database {
                name: "platform".into(),
                migrate: Some(vec!["sabot-api".into(), "migrate".into()]),
                migrate_env: "SABOT_DATABASE_URL".into(),
            },
            Database { name: "customer".into(), migrate: None, migrate_env: String::new() },
        ],
        stand_ins: stand_ins(),
        secrets: pairs_of(&[
            (
                "brevo_api_key",
                "xkeysib-################################################################-################",
            ),
            ("brevo_webhook_secret", "bwh_################################"),
            ("brevo_webhook_secret_previous", "bwp_################################"),
            ("artifact_store_token", "ast_################################"),
            ("api_token", "api_################################"),
            ("worker_token", "wrk_################################"),
            ("provisioner_token", "prv_################################"),
        ]),
        services: vec![api(), worker(), provisioner()],
        readiness: readiness(),
        delivery: delivery(),
        propagation: propagation(),
        recovery: recovery::recovery(),
        contract: contract::contract(),
        left_out: Vec::new(),
        file: None,
    }
}

fn stand_ins() -> Vec<(String, StandIn)> {
    let account = BrevoAccount {
        key: "brevo_api_key".into(),
        service: "api".into(),
        path: "/webhooks/brevo/{secret:brevo_webhook_secret}".into(),
    };
    vec![
        ("brevo".into(), StandIn::Brevo(account)),
        ("artifact_store".into(), StandIn::Answers(vec![Answer::default()])),
    ]
}

fn api() -> Service {
    let mut env = pairs_of(&[
        ("SABOT_DATABASE_URL", "{wire:platform_db}"),
        ("SABOT_SERVICE_TOKEN", "{secret:api_token}"),
        ("SABOT_PROVISIONER_URL", "{wire:provisioner}"),
        ("SABOT_PROVISIONER_TOKEN", "{secret:provisioner_token}"),
        ("SABOT_BREVO_WEBHOOK_SECRET", "{secret:brevo_webhook_secret}"),
        ("SABOT_BREVO_WEBHOOK_SECRET_PREVIOUS", "{secret:brevo_webhook_secret_previous}"),
    ]);
    env.extend(outward());
    let wires = vec![
        wire("platform_db", Upstream::Database("platform".into())),
        wire("provisioner", Upstream::Service("provisioner".into())),
        wire("brevo", Upstream::StandIn("brevo".into())),
        wire("artifact_store", Upstream::StandIn("artifact_store".into())),
    ];
    service("api", "sabot-api", env, wires)
}

fn worker() -> Service {
    let mut env = pairs_of(&[
        ("SABOT_DATABASE_URL", "{wire:platform_db}"),
        ("SABOT_SERVICE_TOKEN", "{secret:worker_token}"),
        ("SABOT_PROPAGATION_POLL", "100ms"),
        ("SABOT_PROPAGATION_STALE_AFTER", "1s"),
        ("SABOT_PROPAGATION_LEASE", "2s"),
        ("SABOT_PROPAGATION_DISPATCH_LIMIT", "1s"),
        ("SABOT_PROVISIONER_URL", "{wire:provisioner}"),
        ("SABOT_PROVISIONER_TOKEN", "{secret:provisioner_token}"),
        ("SABOT_FORWARDER_POLL", "100ms"),
        ("SABOT_FORWARDER_LEASE", "2s"),
        ("SABOT_FORWARDER_SEND_LIMIT", "1s"),
        ("SABOT_FORWARDER_RETRY", FORWARDER_RETRY),
        ("SABOT_MAIL_FROM", "noreply@example.com"),
    ]);
    env.extend(outward());
    let wires = vec![
        wire("platform_db", Upstream::Database("platform".into())),
        wire("provisioner", Upstream::Service("provisioner".into())),
        wire("brevo", Upstream::StandIn("brevo".into())),
        wire("artifact_store", Upstream::StandIn("artifact_store".into())),
    ];
    service("worker", "sabot-worker", env, wires)
}

fn provisioner() -> Service {
    let env = pairs_of(&[
        ("SABOT_CUSTOMER_DATABASE_URL", "{wire:customer_db}"),
        ("SABOT_SERVICE_TOKEN", "{secret:provisioner_token}"),
    ]);
    let wires = vec![wire("customer_db", Upstream::Database("customer".into()))];
    service("provisioner", "sabot-provisioner", env, wires)
}

fn outward() -> Vec<(String, String)> {
    pairs_of(&[
        ("SABOT_BREVO_URL", "{wire:brevo}"),
        ("SABOT_BREVO_API_KEY", "{secret:brevo_api_key}"),
        ("SABOT_ARTIFACT_STORE_URL", "{wire:artifact_store}"),
        ("SABOT_ARTIFACT_STORE_TOKEN", "{secret:artifact_store_token}"),
    ])
}

fn service(name: &str, program: &str, own: Vec<(String, String)>, wires: Vec<Wire>) -> Service {
    let mut env = own;
    env.extend(pairs_of(&[
        ("SABOT_COMMIT_ID", "f41ed2b"),
        ("SABOT_READINESS_CACHE", "500ms"),
        ("SABOT_READINESS_TIME_LIMIT", "500ms"),
        ("RUST_BACKTRACE", "0"),
    ]));
    if wires.iter().any(|wire| wire.name == "brevo") {
        env.push(("SABOT_READINESS_CACHE_FOR".into(), "brevo=1s".into()));
    }
    Service {
        name: name.into(),
        command: vec![program.into()],
        env,
        listen_env: "SABOT_LISTEN".into(),
        tells_address: true,
        wires,
        ..Service::default()
    }
}

fn delivery() -> Delivery {
    Delivery {
        webhook: Webhook {
            previous_secret: Some("brevo_webhook_secret_previous".into()),
            previous_secret_env: Some("SABOT_BREVO_WEBHOOK_SECRET_PREVIOUS".into()),
            secret_file_env: Some("SABOT_BREVO_WEBHOOK_SECRET_FILE".into()),
            ..Webhook::default()
        },
        forwarder: Forwarder {
            poll: Duration::from_millis(100),
            lease: Duration::from_secs(2),
            send_limit: Duration::from_secs(1),
            ..Forwarder::default()
        },
        ..Delivery::default()
    }
}

fn propagation() -> Propagation {
    Propagation {
        runner: Runner {
            lease: Duration::from_secs(2),
            dispatch_limit: Duration::from_secs(1),
            poll: Duration::from_millis(100),
            ..Runner::default()
        },
        ..Propagation::default()
    }
}

fn readiness() -> Readiness {
    Readiness {
        error_words: ERROR_WORDS.map(String::from).to_vec(),
        matrix: matrix(),
        levers: levers(),
        ..Readiness::default()
    }
}

const ERROR_WORDS: [&str; 9] = [
    "timeout",
    "refused",
    "reset",
    "unreachable",
    "stalled",
    "no_tick_yet",
    "schema_missing",
    "schema_outdated",
    "http_500",
];

fn matrix() -> Vec<Row> {
    let database = |service, dependency| {
        let reach = Reach::Postgres { wire: String::from(dependency), probe: PROBE.into() };
        row(service, dependency, true, reach)
    };
    let http = |service, dependency, critical, path: &str| {
        row(service, dependency, critical, Reach::Http { wire: String::from(dependency), path: path.into() })
    };
    let heartbeat = Reach::Loop {
        wire: "platform_db".into(),
        statement: HEARTBEAT.into(),
        stale_after: Duration::from_secs(1),
    };
    vec![
        database("api", "platform_db"),
        http("api", "provisioner", true, "/livez"),
        http("api", "brevo", false, "/v3/account"),
        http("api", "artifact_store", false, "/"),
        database("worker", "platform_db"),
        row("worker", "propagation_runner", true, heartbeat),
        http("worker", "brevo", false, "/v3/account"),
        http("worker", "artifact_store", false, "/"),
        database("provisioner", "customer_db"),
    ]
}

fn row(service: &str, dependency: &str, critical: bool, reach: Reach) -> Row {
    let period = if dependency == "brevo" { BREVO_PERIOD } else { PERIOD };
    Row {
        service: service.into(),
        dependency: dependency.into(),
        critical,
        period,
        time_limit: TIME_LIMIT,
        reach,
    }
}

fn levers() -> Levers {
    let lever = |env: &str, form: &str| Some(Lever { env: env.into(), form: form.into(), base: Vec::new() });
    let brevo = |service: &str| (service.to_owned(), String::from("brevo"), String::from("1s"));
    let period = lever("SABOT_READINESS_CACHE_FOR", "{dependency}={value}")
        .map(|lever| Lever { base: vec![brevo("api"), brevo("worker")], ..lever });
    Levers {
        critical: lever("SABOT_READINESS_CRITICAL", "{dependency}={value}"),
        period,
        time_limit: lever("SABOT_READINESS_TIME_LIMIT_FOR", "{dependency}={value}"),
        commit: lever("SABOT_COMMIT_ID", "{value}"),
        schema: Some(SchemaLever {
            database: "platform".into(),
            change: "ALTER TABLE sabot_migrations RENAME TO sabot_migrations_gone".into(),
            look: "SELECT to_regclass('sabot_migrations') IS NULL".into(),
            undo: "ALTER TABLE sabot_migrations_gone RENAME TO sabot_migrations".into(),
        }),
        off: vec![
            ("brevo".into(), vec!["SABOT_BREVO_API_KEY".into()]),
            (
                "artifact_store".into(),
                vec!["SABOT_ARTIFACT_STORE_URL".into(), "SABOT_ARTIFACT_STORE_TOKEN".into()],
            ),
        ],
    }
}

fn wire(name: &str, to: Upstream) -> Wire {
    Wire { name: name.into(), to }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_reached_over_a_wire_of_its_service() {
        let target = target();
        for row in &target.readiness.matrix {
            let service = target.service(&row.service).unwrap();
            assert!(service.wires.iter().any(|wire| wire.name == row.reach.wire()), "{row:?}");
        }
    }

    #[test]
    fn every_template_names_something_described() {
        let target = target();
        for service in &target.services {
            for (name, value) in service.env.iter().filter(|(_, value)| value.starts_with('{')) {
                let (kind, of) = value.trim_matches(['{', '}']).split_once(':').unwrap();
                let known = match kind {
                    "wire" => service.wires.iter().any(|wire| wire.name == of),
                    "secret" => target.secrets.iter().any(|(secret, _)| secret == of),
                    "database" => target.databases.iter().any(|database| database.name == of),
                    _ => false,
                };
                assert!(known, "{}: {name}={value}", service.name);
            }
        }
    }
}
