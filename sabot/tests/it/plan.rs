//! `sabot plan` and the doctor's table: what a run would do, told without doing any of it.

use super::program::{sabot, sabot_with};
use super::running::{Running, folders_of};
use serde_json::Value;
use std::path::Path;

fn planned(args: &[&str]) -> Value {
    let output = sabot(&[&["plan", "--format", "json"], args].concat());
    assert_eq!(output.code, 0, "{}", output.errors);
    serde_json::from_str(&output.text).unwrap()
}

#[test]
fn every_check_has_its_mode_and_what_follows_from_it() {
    let list: Value = serde_json::from_str(&sabot(&["list", "--format", "json"]).text).unwrap();
    let plan = planned(&[]);
    let checks = plan["checks"].as_array().unwrap();
    assert_eq!(checks.len(), list.as_array().unwrap().len());
    for check in checks {
        for key in ["writes", "calls", "alerts"] {
            let told = check[key].as_str().unwrap();
            let quiet = ["files", "reading only"].contains(&check["mode"].as_str().unwrap());
            assert!(!told.is_empty(), "{check}");
            if quiet && key != "calls" {
                assert_eq!(told, "none", "{check}");
            }
        }
        assert!(check["limit_s"].as_u64() > check["deadline_s"].as_u64(), "{check}");
    }
    let of = |id: &str| checks.iter().find(|check| check["id"] == id).unwrap();
    assert_eq!(of("recovery.alert.prometheus")["mode"], "files");
    assert_eq!(of("readiness.matrix")["mode"], "reading only");
    assert_eq!(of("recovery.postgres.rto")["mode"], "disposable");
    assert_eq!(of("delivery.replay")["mode"], "wired");
    let totals = &plan["totals"];
    let modes: u64 = totals["modes"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(Some(modes), totals["run"].as_u64());
    assert_eq!(modes + totals["skipped"].as_u64().unwrap(), checks.len() as u64);
}

#[test]
fn nothing_is_started_for_a_plan() {
    let mut running =
        Running::start_program(Path::new(env!("CARGO_BIN_EXE_sabot")), &["plan", "delivery"], &[]);
    let owner = running.id();
    let (status, text) = running.end();
    assert_eq!(status.code(), Some(0), "{text}");
    assert!(text.contains("delivery.replay") && text.contains("wired, a lane of its own"), "{text}");
    assert!(text.contains("  writes   its own rows") && text.contains("on 2 lanes"), "{text}");
    assert_eq!(folders_of(owner), Vec::<std::path::PathBuf>::new());
}

#[test]
fn what_would_be_skipped_is_told_with_its_reason() {
    let empty = tempfile::tempdir().unwrap();
    let env = [("SABOT_POSTGRES_BIN", empty.path().to_str().unwrap()), ("PATH", "")];
    let plan = ["plan", "readiness.matrix", "recovery.alert.prometheus"];
    let output = sabot_with(&plan, &env);
    assert_eq!(output.code, 0, "{}", output.errors);
    assert!(
        output.text.contains("skipped  it needs services: ") && output.text.contains("postgresql"),
        "{}",
        output.text
    );
    assert!(
        output.text.contains("1 skipped, 0 of them allowed") && output.text.contains("ends with 2"),
        "{}",
        output.text
    );
    let allowed = sabot_with(&[&plan[..], &["--allow-skips", "services"]].concat(), &env);
    assert!(allowed.text.contains("1 skipped, 1 of them allowed"), "{}", allowed.text);
}

#[test]
fn a_plan_is_chosen_and_refused_as_a_run_is() {
    let files = planned(&["--with", "files"]);
    assert!(files["checks"].as_array().unwrap().iter().all(|check| check["mode"] == "files"), "{files}");
    assert_eq!(files["totals"]["run"], files["totals"]["modes"]["files"]);
    assert_eq!(sabot(&["plan", "readiness.envelop"]).code, 4);
    assert_eq!(sabot(&["plan", "--with", "wire"]).code, 3);
    assert_eq!(sabot(&["plan", "--allow-skips", "clutser"]).code, 3);
    assert_eq!(sabot(&["plan", "--config", "/nowhere/sabot.toml"]).code, 3);
}

#[test]
fn the_doctor_shows_the_checks_by_mode_and_whether_they_can_run_here() {
    let rows = |text: &str| -> Vec<String> {
        let rows = text.lines().skip_while(|line| !line.starts_with("mode ")).skip(1);
        rows.take(4).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let here = rows(&sabot(&["doctor"]).text);
    let modes = ["files", "reading only", "disposable", "wired"];
    assert!(here.len() == 4 && here.iter().zip(modes).all(|(row, mode)| row.starts_with(mode)), "{here:?}");
    assert!(here[0].ends_with(" files all") && here[1].contains("contract"), "{here:?}");
    let empty = tempfile::tempdir().unwrap();
    let env = [("SABOT_POSTGRES_BIN", empty.path().to_str().unwrap()), ("PATH", "")];
    let lacking = rows(&sabot_with(&["doctor"], &env).text);
    assert!(lacking[0].ends_with(" files all"), "{lacking:?}");
    assert!(
        lacking[3].contains("none, for want of database, ") && lacking[3].ends_with("wires"),
        "{lacking:?}"
    );
}
