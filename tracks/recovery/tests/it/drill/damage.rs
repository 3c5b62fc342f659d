//! A corpus of damaged artifacts: each is found, and named for what it is.

use super::source::{Made, base, file, folder, made, run, shop};
use super::{began, drill, drill_with, failed_by, of_file, request};
use sabot_recovery::drill::postgres::Options;
use sabot_recovery::manifest::{Content, Form};
use sabot_recovery::report::{Class, Outcome, Phase};
use sha2::{Digest as _, Sha256};

/// Stores other bytes under a manifest that vouches for them: what was damaged before it was hashed.
async fn damaged(made: &mut Made, bytes: &[u8]) {
    std::fs::write(made.path(), bytes).unwrap();
    let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let length = bytes.len() as u64;
    made.change(|manifest| (manifest.sha256, manifest.bytes) = (sha256, length)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_those_stored_are_found_by_the_hash() {
    let made = shop().await;
    let whole = std::fs::read(made.path()).unwrap();
    for at in [0, 4, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        std::fs::write(made.path(), &flipped).unwrap();
        failed_by(&drill(&request(made.newest())).await, Class::Hash);
    }
    std::fs::write(made.path(), &whole[..whole.len() - 1]).unwrap();
    failed_by(&drill(&request(made.newest())).await, Class::Hash);
    std::fs::write(made.path(), b"").unwrap();
    failed_by(&drill(&request(made.newest())).await, Class::Hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_dump_cut_anywhere_fails_though_its_hash_is_right() {
    let mut made = shop().await;
    let whole = std::fs::read(made.path()).unwrap();
    let end = whole.len();
    for (length, class) in [
        (0, Class::Preflight),
        (3, Class::Preflight),
        (8, Class::Preflight),
        (500, Class::Preflight),
        (end * 3 / 4, Class::Truncated),
        (end - 20, Class::Truncated),
    ] {
        damaged(&mut made, &whole[..length]).await;
        let report = drill(&request(made.newest())).await;
        assert_eq!(report.outcome, Outcome::Failed, "cut at {length}: {report:#?}");
        assert_eq!(report.problems[0].class, class, "cut at {length}: {report:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_before_the_hash_are_found_in_the_content() {
    let mut made = shop().await;
    let whole = std::fs::read(made.path()).unwrap();
    for part in [40, 60, 80, 95] {
        let mut flipped = whole.clone();
        flipped[whole.len() * part / 100] ^= 0x10;
        damaged(&mut made, &flipped).await;
        let report = drill(&request(made.newest())).await;
        assert_eq!(report.outcome, Outcome::Failed, "at {part} %: {report:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_backup_is_named_before_anything_is_restored() {
    let folder = folder();
    let dump = run("pg_dump", &["shop"]).await;
    for (bytes, words) in [
        (&b""[..], "empty"),
        (b"SELECT 'not a dump';\n", "text"),
        (&dump[200..], "text"),
        (&[0x93; 5000], "neither"),
        (b"PK\x03\x04\x00\x00\xff\xfe", "neither"),
    ] {
        let (report, events) =
            drill_with(&of_file(&file(&folder, "x.dump", bytes)), &Options::default()).await;
        let message = &failed_by(&report, Class::Preflight).message;
        assert!(message.contains(words), "{message}");
        assert!(!began(&events, Phase::Restore) && !began(&events, Phase::Server));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_dump_without_its_end_is_truncated_wherever_it_is_cut() {
    let folder = folder();
    let dump = String::from_utf8(run("pg_dump", &["shop"]).await).unwrap();
    let copy = dump.find("COPY public.customer").unwrap();
    let row = copy + dump[copy..].find("\n100\t").unwrap() + 1;
    let statement = dump.find("CREATE INDEX").unwrap();
    let trailer = dump.find("-- PostgreSQL database dump complete").unwrap();
    for (cut, within) in [(row, true), (row + 5, true), (statement, false), (trailer, false)] {
        let report = drill(&of_file(&file(&folder, "cut.sql", &dump.as_bytes()[..cut]))).await;
        let problem = failed_by(&report, Class::Truncated);
        assert_eq!(problem.message.contains("public.customer"), within, "{problem:?}");
    }
    let packed = zstd::encode_all(dump.as_bytes(), 1).unwrap();
    let report = drill(&of_file(&file(&folder, "cut.zst", &packed[..packed.len() / 2]))).await;
    failed_by(&report, Class::Truncated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_fails_is_kept_and_psql_going_on_is_no_excuse() {
    let folder = folder();
    let dump = String::from_utf8(run("pg_dump", &["shop"]).await).unwrap();
    let broken = dump.replace("CREATE TYPE public.colour", "CREATE TYPE nowhere.colour");
    let report = drill(&of_file(&file(&folder, "broken.sql", broken.as_bytes()))).await;
    let problem = failed_by(&report, Class::Restore);
    assert!(problem.message.contains("schema \"nowhere\" does not exist"), "{problem:?}");
    assert!(problem.subject.contains("CREATE TYPE nowhere.colour"), "{problem:?}");
    // What follows from it is listed as well.
    assert!(report.problems.len() > 3, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_plain_dump_lost_is_found_without_a_manifest() {
    let folder = folder();
    let dump = String::from_utf8(run("pg_dump", &["shop"]).await).unwrap();
    let kept = dump.replace(
        "-- PostgreSQL database dump complete",
        "DELETE FROM public.customer WHERE id = 7;\n-- PostgreSQL database dump complete",
    );
    let report = drill(&of_file(&file(&folder, "lost.sql", kept.as_bytes()))).await;
    let problem = failed_by(&report, Class::Content);
    assert!(problem.message.contains("5000") && problem.message.contains("4999"), "{problem:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dump_of_another_database_under_this_manifest_differs() {
    let mut made = shop().await;
    let other = run("pg_dump", &["--format=custom", "odd \"name"]).await;
    damaged(&mut made, &other).await;
    let report = drill(&request(made.newest())).await;
    let problem = failed_by(&report, Class::Content);
    assert!(problem.subject.contains("shop: "), "{problem:?}");
    let missing = report.problems.iter().find(|problem| problem.subject == "shop: public.customer").unwrap();
    assert!(missing.message.contains("expected 5000 rows"), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_value_that_differs_is_named_by_its_table() {
    let mut made = shop().await;
    made.change(|manifest| {
        let Content::Yes { databases, .. } = &mut manifest.content else { panic!("no content") };
        let table = databases[0].tables.iter_mut().find(|table| table.name == "public.customer").unwrap();
        table.digest = "another".into();
    })
    .await;
    let report = drill(&request(made.newest())).await;
    let problem = failed_by(&report, Class::Content);
    assert_eq!(
        (report.problems.len(), problem.subject.as_str()),
        (1, "shop: public.customer"),
        "{report:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_definitions_alone_is_no_backup_of_data() {
    let folder = folder();
    let dump = run("pg_dump", &["--format=custom", "--schema-only", "shop"]).await;
    let mut wanted = of_file(&file(&folder, "schema.dump", &dump));
    // What is asked in haste, and says nothing.
    wanted.smoke = vec!["SELECT 1".into()];
    let problem = drill(&wanted).await;
    assert!(failed_by(&problem, Class::Content).message.contains("not one row"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_base_backup_is_found_before_it_starts() {
    let folder = folder();
    let tar = base().await;
    let cut = &tar[..tar.len() / 2];
    let report = drill(&of_file(&file(&folder, "cut", cut))).await;
    failed_by(&report, Class::Truncated);
    // One byte in the middle of some file of a table.
    let mut flipped = tar.clone();
    let at = flipped.windows(13).position(|bytes| bytes == b"name 4000\ttab").unwrap();
    flipped[at] ^= 1;
    let (report, events) =
        drill_with(&of_file(&file(&folder, "flipped", &flipped)), &Options::default()).await;
    let problem = failed_by(&report, Class::Restore);
    assert!(problem.message.contains("checksum mismatch"), "{problem:?}");
    assert!(!began(&events, Phase::Server));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_backup_under_the_manifest_of_a_dump_differs_or_passes_by_its_content() {
    let made = made(&base().await, Form::BaseBackup, &["odd \"name", "shop"]).await;
    let server = super::source::source().await;
    // Not in the backup any more once it was taken.
    let mut changed = made;
    changed
        .change(|manifest| {
            let Content::Yes { databases, .. } = &mut manifest.content else { panic!("no content") };
            databases[0].tables[0].rows += 1;
        })
        .await;
    assert!(server.pid().await.is_some());
    failed_by(&drill(&request(changed.newest())).await, Class::Content);
}
