//! Backups and drills of MongoDB, against a real server, with stand-ins for MongoDB's tools. Left out, and said so, where
//! there is no server: see scripts/setup-mongo.sh.

mod tools;

use sabot_recovery::Manifest;
use sabot_recovery::backup::{self, Done};
use sabot_recovery::drill::{self, Source};
use sabot_recovery::manifest::Content;
use sabot_recovery::report::{Class, Event, Outcome, Report, Verified};
use sabot_recovery::store::{Choice, Store};
use sabot_sandbox::mongo::bson::Writer;
use sabot_sandbox::mongo::{Installation, Options, Server};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const ROLE: &str = "SABOT_RECOVERY_TEST_ROLE";
const FOLDER: &str = "SABOT_RECOVERY_TEST_FOLDER";
const SUBJECT: &str = "SABOT_RECOVERY_TEST_SUBJECT";
const JOB: &str = "shop";

/// Whether there is a server to start; says so where there is none.
fn is_there() -> bool {
    let found = Installation::find();
    if let Err(error) = &found {
        println!("left out: {error}");
    }
    found.is_ok()
}

/// A folder with stand-ins, a store, and a place for sandboxes.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        for name in ["tools", "store", "tmp"] {
            std::fs::create_dir(bench.path(name)).unwrap();
        }
        bench.tools("", "");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn tools(&self, dump: &str, restore: &str) {
        tools::write(&self.path("tools"), dump, restore);
    }

    /// Plays a role in a process of its own, whose PATH begins with the stand-ins; returns what it wrote.
    fn play(&self, role: &str, subject: &str) -> String {
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "mongo::plays_a_role", "--nocapture"]);
        command.env("PATH", format!("{}:{path}", self.path("tools").display()));
        command
            .env("TMPDIR", self.path("tmp"))
            .env(ROLE, role)
            .env(FOLDER, self.0.path())
            .env(SUBJECT, subject);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let left: Vec<_> =
            std::fs::read_dir(self.path("tmp")).unwrap().flatten().map(|entry| entry.path()).collect();
        assert_eq!(left, Vec::<PathBuf>::new(), "something is left after {role} {subject}");
        std::fs::read_to_string(self.path("answer")).unwrap()
    }

    fn back_up(&self, server: &Server) -> Manifest {
        serde_json::from_str(&self.play("back up", &server.url())).unwrap()
    }

    fn drill(&self, subject: &str) -> Report {
        serde_json::from_str(&self.play("drill", subject)).unwrap()
    }

    /// What is in the store, manifests aside.
    fn stored(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path("store").join(JOB)).into_iter().flatten();
        entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| !path.to_string_lossy().ends_with(".json"))
            .collect()
    }

    fn artifact(&self, manifest: &Manifest) -> PathBuf {
        self.path("store").join(&manifest.artifact)
    }

    fn rewrite(&self, manifest: &Manifest, change: impl FnOnce(&mut Manifest)) {
        let mut manifest = manifest.clone();
        change(&mut manifest);
        let path = self.path("store").join(format!("{}.manifest.json", manifest.artifact));
        std::fs::write(path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    }
}

/// Not a test: a backup or a drill, in another process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plays_a_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let (subject, store) =
        (std::env::var(SUBJECT).unwrap(), Store::open(folder.join("store").to_str().unwrap()).unwrap());
    let answer =
        if role == "back up" { back_up(&subject, store).await } else { drill_it(&subject, store).await };
    std::fs::write(folder.join("answer"), answer).unwrap();
}

async fn back_up(url: &str, store: Store) -> String {
    let request = backup::Request {
        store,
        job: JOB.to_owned(),
        keep: None,
        due: None,
        limit: Duration::from_secs(120),
        stop: CancellationToken::new(),
    };
    match backup::mongo::backup(url, &request, |_| {}).await {
        Ok(Done::Taken(taken)) => serde_json::to_string(&taken.manifest).unwrap(),
        Ok(Done::Already(name)) => name,
        Err(error) => format!("failed: {}", drill::course::with_causes(&error)),
    }
}

async fn drill_it(subject: &str, store: Store) -> String {
    let (subject, smoke) = subject.split_once(' ').unwrap_or((subject, ""));
    let job = || Source::Job { store, job: JOB.to_owned(), choice: Choice::Newest };
    let request = drill::Request {
        source: if subject == JOB { job() } else { Source::File(subject.into()) },
        smoke: smoke.split_whitespace().map(str::to_owned).collect(),
        rto: Duration::from_secs(180),
        rpo: Duration::from_secs(3600),
        hold: None,
    };
    let folders = Arc::new(Mutex::new(0));
    let events = Arc::clone(&folders);
    let listener = Arc::new(move |_: &Event| *events.lock().unwrap() += 1);
    let report = drill::mongo::drill(&request, listener, &CancellationToken::new()).await;
    assert!(*folders.lock().unwrap() > 0, "nobody was told");
    serde_json::to_string(&report).unwrap()
}

/// A server with two databases: 3,000 documents of several types with an index, one collection with none.
async fn source() -> Server {
    let server = Server::start(Options::default()).await.unwrap();
    let mut connection = server.connect(Duration::from_secs(60)).await.unwrap();
    for (database, collection, count) in [("shop", "shoes", 3_000), ("blog", "posts", 40)] {
        for start in (0..count).step_by(500) {
            let array = (start..count.min(start + 500)).fold(Writer::default(), |array, id| {
                let size = Writer::default()
                    .int32("eu", 36 + id % 12)
                    .string("note", "half a size too small")
                    .finish();
                let document = Writer::default().int32("_id", id).string("name", &format!("shoe № {id}"));
                let document = document.bool("left", id % 2 == 0).int64("sold", i64::from(id) << 33);
                array.document(&(id - start).to_string(), &document.document("size", &size).finish())
            });
            let insert = Writer::default().string("insert", collection).array("documents", &array.finish());
            connection.command("insert", database, insert).await.unwrap();
        }
    }
    connection.command("create", "shop", Writer::default().string("create", "none")).await.unwrap();
    let key = Writer::default().int32("name", 1).finish();
    let index = Writer::default().document("key", &key).string("name", "by_name").finish();
    let indexes = Writer::default().document("0", &index).finish();
    let create = Writer::default().string("createIndexes", "shoes").array("indexes", &indexes);
    connection.command("createIndexes", "shop", create).await.unwrap();
    server
}

fn classes(report: &Report) -> Vec<Class> {
    report.problems.iter().map(|problem| problem.class).collect()
}

#[tokio::test]
async fn a_backup_drills_green_and_what_differs_is_found() {
    if !is_there() {
        return;
    }
    let (bench, source) = (Bench::new(), source().await);
    let manifest = bench.back_up(&source);
    assert!(manifest.tools.contains_key(&source.installation().kind.to_string()), "{:?}", manifest.tools);
    let Content::Yes { databases, .. } = &manifest.content else { panic!("no content") };
    let rows: Vec<_> =
        databases.iter().flat_map(|of| &of.tables).map(|of| (of.name.as_str(), of.rows)).collect();
    assert_eq!(rows, [("blog.posts", 40), ("shop.none", 0), ("shop.shoes", 3_000)]);

    let report = bench.drill("shop shop.shoes=3000 blog.posts");
    assert_eq!(report.problems, []);
    assert_eq!(
        (report.outcome, &report.content),
        (Outcome::Passed, &Verified::Equal { tables: 3, rows: 3_040 })
    );
    assert!(report.rto_seconds.is_some() && report.rpo_seconds.is_some() && report.phases.len() == 7);

    let report = bench.drill("shop shop.shoes=3001");
    assert_eq!((report.outcome, classes(&report)), (Outcome::Failed, vec![Class::Smoke]));

    for (what, restore, class) in [
        ("loses a document of each collection", "export LOSE=1", Class::Content),
        ("says that documents failed", "export FAIL=3", Class::Restore),
        (
            "says an error and ends well",
            "echo 'continuing through error: E11000 duplicate key' >&2",
            Class::Restore,
        ),
        ("fails", "echo 'Failed: no reason' >&2; exit 1", Class::Restore),
        ("does nothing and ends well", "exit 0", Class::Restore),
    ] {
        bench.tools("", restore);
        let report = bench.drill(JOB);
        assert_eq!(report.outcome, Outcome::Failed, "a restore that {what}");
        assert!(classes(&report).contains(&class), "a restore that {what}: {:?}", report.problems);
    }
    bench.tools("", "");
    bench.rewrite(&manifest, |manifest| {
        let Content::Yes { databases, .. } = &mut manifest.content else { panic!("no content") };
        databases[1].objects.iter_mut().for_each(|of| of.count += u64::from(of.class == "index"));
    });
    let report = bench.drill(JOB);
    assert_eq!((report.outcome, classes(&report)), (Outcome::Failed, vec![Class::Content]), "{report:?}");
}

#[tokio::test]
async fn a_damaged_artifact_is_found_with_and_without_its_manifest() {
    if !is_there() {
        return;
    }
    let (bench, source) = (Bench::new(), source().await);
    let manifest = bench.back_up(&source);
    let path = bench.artifact(&manifest);
    let whole = std::fs::read(&path).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        bytes
    };
    let mut damaged: Vec<(String, Vec<u8>)> =
        vec![("empty".into(), Vec::new()), ("another".into(), b"PGDMP\x01".to_vec())];
    for part in [1, 2, 5, 8, 9] {
        damaged.push((format!("cut at {part}0 %"), whole[..whole.len() * part / 10].to_vec()));
        damaged.push((format!("a bit flipped at {part}0 %"), flipped(whole.len() * part / 10)));
    }
    damaged.push(("cut before its last byte".into(), whole[..whole.len() - 1].to_vec()));
    for (what, bytes) in &damaged {
        std::fs::write(&path, bytes).unwrap();
        let report = bench.drill(JOB);
        assert_eq!(
            (report.outcome, classes(&report)),
            (Outcome::Failed, vec![Class::Hash]),
            "{what}: {report:?}"
        );
        let foreign = bench.path("foreign");
        std::fs::write(&foreign, bytes).unwrap();
        let report = bench.drill(foreign.to_str().unwrap());
        assert_eq!(report.outcome, Outcome::Failed, "{what}, without a manifest: {report:?}");
        let class = classes(&report)[0];
        assert!(matches!(class, Class::Truncated | Class::Restore | Class::Preflight), "{what}: {report:?}");
    }
    // Two whole artifacts, each with the other's manifest.
    std::fs::write(&path, &whole).unwrap();
    let mut connection = source.connect(Duration::from_secs(60)).await.unwrap();
    let array = Writer::default().document("0", &Writer::default().int32("_id", -1).finish()).finish();
    let insert = Writer::default().string("insert", "posts").array("documents", &array);
    connection.command("insert", "blog", insert).await.unwrap();
    let other = bench.back_up(&source);
    bench.rewrite(&Manifest { artifact: other.artifact.clone(), ..manifest.clone() }, |_| {});
    assert_eq!(classes(&bench.drill(JOB)), [Class::Hash]);
}

#[tokio::test]
async fn ferretdb_does_not_judge_what_a_real_mongodb_made() {
    if !is_there() || Installation::mongod().is_ok() {
        return;
    }
    let (bench, source) = (Bench::new(), source().await);
    let manifest = bench.back_up(&source);
    let whole = bench.artifact(&manifest);
    let foreign = bench.drill(&format!("{} shop.shoes", whole.display()));
    bench.rewrite(&manifest, |manifest| {
        manifest.tools.remove("ferretdb");
    });
    for report in [foreign, bench.drill(JOB)] {
        assert_eq!(report.outcome, Outcome::Unverified, "{report:?}");
        let Verified::Counted { rows, reason, .. } = &report.content else { panic!("{report:?}") };
        assert!(*rows == 3_040 && reason.contains("`mongod` is not on the PATH"), "{reason}");
        assert_eq!(report.rto_seconds, None);
    }
}

#[tokio::test]
async fn an_interrupted_backup_leaves_nothing_and_tells_no_password() {
    if !is_there() {
        return;
    }
    let (bench, source) = (Bench::new(), source().await);
    let half = "printf '\\037\\213'; echo \"args: $*\" >&2; cat \"${1#--config=}\" >&2; exit 1";
    bench.tools(half, "");
    let url = source.url().replace("mongodb://", "mongodb://me:s3cret@");
    let error = bench.play("back up", &url);
    assert!(error.starts_with("failed: ") && error.contains("args: --config="), "{error}");
    assert!(error.contains("me:***@") && !error.contains("s3cret"), "{error}");
    bench.tools("printf '\\037\\213no archive at all'; exit 0", "");
    assert!(bench.play("back up", &url).starts_with("failed: "));
    assert!(bench.play("back up", "postgres://here").contains("mongodb://host"));
    assert_eq!(bench.stored(), Vec::<PathBuf>::new());
    assert!(Path::new(&bench.path("store")).exists());
}
