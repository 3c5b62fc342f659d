//! Flags, environment, and what is said of those that cannot work.

use clap::CommandFactory as _;
use sabot_platform::{api, provisioner, worker};

use crate::process::{API, PROVISIONER, TOKEN, WORKER, printed, run};

const URL: &str = "postgres://app:canary-db-password@127.0.0.1:1/app";

fn worker_with<'a>(settings: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [
        ("SABOT_DATABASE_URL", URL),
        ("SABOT_SERVICE_TOKEN", TOKEN),
        ("SABOT_PROVISIONER_URL", "http://127.0.0.1:1"),
        ("SABOT_PROVISIONER_TOKEN", TOKEN),
    ];
    [&own[..], settings].concat()
}

/// Exit code 3, and every one of `says` printed, without any of the canaries.
async fn refused(program: &'static str, settings: &[(&str, &str)], says: &[&str]) {
    let output = run(program, &[], settings).await;
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    for part in says {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn every_missing_setting_is_named_at_once_with_its_variable_and_remedy() {
    refused(
        API,
        &[],
        &[
            "--service-token (SABOT_SERVICE_TOKEN): is not given; give one of at least 16 characters",
            "--database-url (SABOT_DATABASE_URL): is not given; give postgres://",
            "--provisioner-url (SABOT_PROVISIONER_URL): is not given; give an address",
            "--provisioner-token (SABOT_PROVISIONER_TOKEN): is not given",
        ],
    )
    .await;
    refused(PROVISIONER, &[], &["--customer-database-url (SABOT_CUSTOMER_DATABASE_URL): is not given"]).await;
}

#[tokio::test]
async fn each_setting_that_cannot_work_is_named_without_its_value_where_that_is_a_credential() {
    let cases: &[(&str, &str, &str)] = &[
        (
            "SABOT_LISTEN",
            "nowhere",
            "--listen (SABOT_LISTEN): \"nowhere\" is no address; give an IP address and a port",
        ),
        ("SABOT_SERVICE_TOKEN", "canary", "--service-token (SABOT_SERVICE_TOKEN): has only 6 characters"),
        ("SABOT_DATABASE_URL", "canary://x", "--database-url (SABOT_DATABASE_URL): is no connection string"),
        ("SABOT_DATABASE_URL", "postgres://u:canary@h", "names no database"),
        ("SABOT_DATABASE_URL", "postgres://u:canary@h/d?sslmode=require", "use sslmode=disable"),
        ("SABOT_LOG_LEVEL", "loud", "choose of off, error, warn, info, debug, trace"),
        (
            "SABOT_POOL_SIZE",
            "0",
            "--pool-size (SABOT_POOL_SIZE): \"0\" is no number of connections; give 1 to 1000",
        ),
        (
            "SABOT_READINESS_CACHE",
            "10",
            "--readiness-cache (SABOT_READINESS_CACHE): \"10\" has no unit; give a number",
        ),
        ("SABOT_READINESS_CACHE_FOR", "brevi=1s", "there is no dependency \"brevi\"; choose of platform_db,"),
        ("SABOT_READINESS_CRITICAL", "brevo=maybe", "brevo: \"maybe\" is neither true nor false"),
        ("SABOT_READINESS_TIME_LIMIT", "2m", "is longer than a minute; give at most 60s"),
        ("SABOT_READINESS_TIME_LIMIT_FOR", "brevo", "\"brevo\" has no `=`"),
        ("SABOT_SHUTDOWN_GRACE", "1s", "1s is less than the 10s that a request may take; raise it"),
        ("SABOT_PROPAGATION_STALE_AFTER", "1500ms", "1.5s is less than twice the polling period of 1s"),
        (
            "SABOT_ARTIFACT_STORE_URL",
            "http://127.0.0.1:1",
            "--artifact-store-token (SABOT_ARTIFACT_STORE_TOKEN): is not",
        ),
        (
            "SABOT_ARTIFACT_STORE_TOKEN",
            "canary",
            "--artifact-store-url (SABOT_ARTIFACT_STORE_URL): is not given",
        ),
        ("SABOT_BREVO_API_KEY_FILE", "/nowhere/at/all", "the file /nowhere/at/all cannot be read"),
    ];
    for (name, value, says) in cases {
        refused(WORKER, &worker_with(&[(name, value)]), &[says]).await;
    }
    let bad_url = [("SABOT_BREVO_API_KEY", "canary"), ("SABOT_BREVO_URL", "http://u:canary@h")];
    refused(WORKER, &worker_with(&bad_url), &["--brevo-url (SABOT_BREVO_URL): holds a user or password"])
        .await;
}

#[tokio::test]
async fn an_unknown_flag_is_a_bad_setting() {
    assert_eq!(run(API, &["--listen", "127.0.0.1:0"], &[]).await.status.code(), Some(3));
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(WORKER, &[], &worker_with(&[("SABOT_LISTEN", &address)])).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains(&format!("cannot listen on {address}; choose another --listen")));
}

#[tokio::test]
async fn the_version_names_the_build() {
    for program in [API, WORKER, PROVISIONER] {
        let output = run(program, &["--version"], &[]).await;
        let text = printed(&output);
        let fingerprint = text.trim().split_once("0.1.0 (build ").unwrap().1.strip_suffix(')').unwrap();
        assert!(output.status.success());
        assert!(fingerprint.len() == 16 && fingerprint.chars().all(|c| c.is_ascii_hexdigit()), "{text}");
    }
}

#[test]
fn every_flag_has_its_variable_and_its_help() {
    for command in [api::Cli::command(), worker::Cli::command(), provisioner::Cli::command()] {
        for arg in command.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()))
        {
            let flag = arg.get_long().unwrap();
            let expected = format!("SABOT_{}", flag.to_uppercase().replace('-', "_"));
            assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(expected.as_str()), "--{flag}");
            assert!(arg.get_help().is_some(), "--{flag} has no help");
            let secret =
                ["token", "key", "database-url", "secret", "previous"].iter().any(|end| flag.ends_with(end));
            assert!(!secret || arg.is_hide_env_values_set(), "--help would print the value of --{flag}");
        }
    }
}
