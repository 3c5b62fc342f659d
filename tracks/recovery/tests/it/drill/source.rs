//! The source of all artifacts here: one server with three databases, and roles of every sort.

use sabot_recovery::digest::postgres::{ALGORITHM, How, content};
use sabot_recovery::drill::Source;
use sabot_recovery::manifest::{Content, Engine, FORMAT, Form, Manifest};
use sabot_recovery::store::{Choice, Store, Suffix, artifact_name};
use sabot_sandbox::postgres::{Options, SUPERUSER, Server};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::sync::OnceCell;

/// How many rows `shop` has in its tables, views and large objects.
pub(crate) const SHOP_ROWS: u64 = 5_000 + 20 + 20;

const ROLES: &str = "
CREATE ROLE alice LOGIN PASSWORD 'production';
CREATE ROLE \"bob's role\" NOLOGIN;
CREATE ROLE carol SUPERUSER;
CREATE DATABASE shop OWNER alice;
CREATE DATABASE \"odd \"\"name\";
CREATE DATABASE empty";

const SHOP: &str = r#"
CREATE EXTENSION pg_trgm;
CREATE SCHEMA "Odd schema" AUTHORIZATION alice;
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE customer (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, born date, tint colour);
CREATE TABLE "Odd schema"."a ""table""" (i int, "COPY" text);
CREATE TABLE nothing (i int PRIMARY KEY);
INSERT INTO customer (name, born, tint)
  SELECT 'name ' || n || E'\ttab \\. ' || chr(10) || n, date '2000-01-01' + n, 'red' FROM generate_series(1, 5000) n;
INSERT INTO "Odd schema"."a ""table""" SELECT n, 'COPY public.x FROM stdin;' FROM generate_series(1, 20) n;
CREATE INDEX ON customer USING gin (name gin_trgm_ops);
CREATE VIEW adults AS SELECT * FROM customer WHERE born < '2004-01-01';
CREATE MATERIALIZED VIEW few AS SELECT * FROM customer ORDER BY id LIMIT 20;
CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql RETURN i * 2;
CREATE FUNCTION tells() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER told ON ddl_command_end EXECUTE FUNCTION tells();
ALTER EVENT TRIGGER told OWNER TO carol;
CREATE PUBLICATION everything FOR ALL TABLES;
ALTER PUBLICATION everything OWNER TO carol;
ALTER TABLE customer OWNER TO alice;
ALTER TABLE customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON customer FOR SELECT TO "bob's role" USING (true);
GRANT SELECT ON customer TO "bob's role" WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE alice GRANT SELECT ON TABLES TO "bob's role";
SELECT lo_from_bytea(0, '\xdeadbeef')"#;

/// The server, made once for all tests of this process.
pub(crate) async fn source() -> &'static Server {
    static SOURCE: OnceCell<Server> = OnceCell::const_new();
    SOURCE.get_or_init(make).await
}

async fn make() -> Server {
    let server = Server::start(Options::default()).await.unwrap();
    let postgres = server.connect("postgres").await.unwrap();
    for statement in ROLES.split(';') {
        postgres.batch_execute(statement).await.unwrap();
    }
    server.connect("shop").await.unwrap().batch_execute(SHOP).await.unwrap();
    let other = server.connect("odd \"name").await.unwrap();
    other.batch_execute("CREATE TABLE t AS SELECT n FROM generate_series(1, 7) n").await.unwrap();
    server
}

/// Runs a program of PostgreSQL on the source, and gives what it prints.
pub(crate) async fn run(program: &str, args: &[&str]) -> Vec<u8> {
    let server = source().await;
    let mut command = Command::new(server.installation().program(program));
    command.args(args).env("PGHOST", "127.0.0.1").env("PGPORT", server.port().to_string());
    let output = command.env("PGUSER", SUPERUSER).env("PGPASSWORD", server.password()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A folder that other accounts may enter, as a server's does.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("sabot-drill-").tempdir().unwrap()
}

/// Writes an artifact of somebody else's.
pub(crate) fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// One of ours: its bytes in a store, and a manifest.
pub(crate) struct Made {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) manifest: Manifest,
}

impl Made {
    /// Where its bytes lie.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(&self.manifest.artifact)
    }

    /// Its newest, to be drilled.
    pub(crate) fn newest(&self) -> Source {
        Source::Job { store: self.store.clone(), job: "shop".into(), choice: Choice::Newest }
    }

    /// Changes the manifest and writes it anew.
    pub(crate) async fn change(&mut self, change: impl FnOnce(&mut Manifest)) {
        change(&mut self.manifest);
        self.store.put_manifest(&self.manifest).await.unwrap();
    }
}

/// Stores `bytes` with a manifest of what `databases` hold now.
pub(crate) async fn made(bytes: &[u8], form: Form, databases: &[&str]) -> Made {
    let folder = folder();
    let store = Store::open(&folder.path().display().to_string()).unwrap();
    let server = source().await;
    let now = OffsetDateTime::now_utc();
    let name = artifact_name("shop", now, Suffix::Dump).unwrap();
    let mut upload = store.upload(&name).await.unwrap();
    upload.write(bytes).await.unwrap();
    let stored = upload.finish().await.unwrap();
    let mut contents = Vec::new();
    for database in databases {
        let how = How::fast(Duration::from_secs(60));
        contents.push(content(&server.config(database), &how).await.unwrap());
    }
    let manifest = Manifest {
        format: FORMAT,
        artifact: name,
        job: "shop".into(),
        engine: Engine::Postgres,
        form,
        server_version: server.installation().version.to_string(),
        tools: BTreeMap::new(),
        snapshot_at: now,
        started_at: now,
        ended_at: now,
        bytes: stored.bytes,
        sha256: stored.sha256,
        source_bytes: 20_000_000,
        content: Content::Yes { algorithm: ALGORITHM.into(), databases: contents },
    };
    store.put_manifest(&manifest).await.unwrap();
    Made { folder, store, manifest }
}

/// A logical dump of `shop` with its manifest.
pub(crate) async fn shop() -> Made {
    made(&run("pg_dump", &["--format=custom", "shop"]).await, Form::Custom, &["shop"]).await
}

/// A base backup of the whole server in one tar file, its own manifest included.
pub(crate) async fn base() -> Vec<u8> {
    run("pg_basebackup", &["--format=tar", "--wal-method=fetch", "--checkpoint=fast", "--pgdata=-"]).await
}

/// A tar file of a folder.
pub(crate) fn tar_of(folder: &Path) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all(".", folder).unwrap();
    builder.into_inner().unwrap()
}
