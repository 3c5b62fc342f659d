//! Stand-ins for MongoDB's tools: this test binary again, behind a script that bears the tool's name. They speak with
//! real servers, but are not MongoDB's own: what those do with an archive is not shown here.

use crate::archive::Archive;
use flate2::read::MultiGzDecoder;
use sabot_sandbox::mongo::Connection;
use sabot_sandbox::mongo::bson::{self, Value, Writer};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

const TOOL: &str = "SABOT_RECOVERY_TEST_TOOL";
const ARGS: &str = "SABOT_RECOVERY_TEST_ARGS";
const LIMIT: Duration = Duration::from_secs(60);

/// Writes stand-ins for both tools into a folder. `restore` and `dump` are lines of shell that come before their work.
pub(crate) fn write(folder: &Path, dump: &str, restore: &str) {
    for (name, before) in [("mongodump", dump), ("mongorestore", restore)] {
        let program = std::env::current_exe().unwrap();
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && echo '{name} version: 100.10.0' && exit 0\n{before}\n\
             export {TOOL}={name} {ARGS}=\"$(printf '%s\\n' \"$@\")\"\nexec 3>&1\n\
             exec {} --exact mongo::tools::plays_a_tool --nocapture >/dev/null\n",
            program.display()
        );
        let path = folder.join(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Not a test: the part that is played behind the script.
#[tokio::test]
async fn plays_a_tool() {
    let Ok(tool) = std::env::var(TOOL) else { return };
    let args = std::env::var(ARGS).unwrap();
    let value = |name: &str| {
        args.lines().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    };
    let url = value("--uri").unwrap_or_else(|| {
        let config = std::fs::read_to_string(value("--config").unwrap()).unwrap();
        serde_json::from_str(config.strip_prefix("uri: ").unwrap()).unwrap()
    });
    let host = url.strip_prefix("mongodb://").unwrap().split('/').next().unwrap().to_owned();
    let mut connection = Connection::open(host.rsplit('@').next().unwrap(), LIMIT).await.unwrap();
    if tool == "mongodump" {
        let archive = dump(&mut connection).await;
        let is_packed = args.lines().any(|arg| arg == "--gzip");
        let bytes = if is_packed { archive.packed() } else { archive.plain() };
        // The standard output of the script: the one here belongs to the tests.
        File::options().write(true).open("/dev/fd/3").unwrap().write_all(&bytes).unwrap();
    } else {
        let lost = usize::from(std::env::var("LOSE").is_ok());
        let failed: usize = std::env::var("FAIL").map_or(0, |fail| fail.parse().unwrap());
        let restored = restore(&mut connection, Path::new(&value("--archive").unwrap()), lost).await;
        eprintln!(
            "2026-11-23T03:00:00.123+0000\t{restored} document(s) restored successfully. {failed} document(s) failed to restore."
        );
    }
}

async fn batch(connection: &mut Connection, database: &str, command: Writer) -> Vec<Vec<u8>> {
    let answer = connection.command("a cursor", database, command).await.unwrap();
    let Some(Value::Document(cursor)) = bson::field(&answer, "cursor") else { panic!("no cursor") };
    assert_eq!(bson::field(cursor, "id").unwrap().integer(), Some(0), "more than one batch");
    let Some(Value::Array(first)) = bson::field(cursor, "firstBatch") else { panic!("no batch") };
    documents(first)
}

fn documents(array: &[u8]) -> Vec<Vec<u8>> {
    bson::fields(array)
        .map(|field| match field.unwrap().1 {
            Value::Document(document) => document.to_vec(),
            other => panic!("no document but {other:?}"),
        })
        .collect()
}

fn text(document: &[u8], name: &str) -> String {
    let Some(Value::String(text)) = bson::field(document, name) else { panic!("no {name}") };
    text.to_owned()
}

async fn dump(connection: &mut Connection) -> Archive {
    let version = connection.build_info().await.unwrap().version;
    let all = Writer::default().int32("listDatabases", 1);
    let databases = connection.command("listDatabases", "admin", all).await.unwrap();
    let Some(Value::Array(databases)) = bson::field(&databases, "databases") else { panic!("no databases") };
    let mut collections = Vec::new();
    for database in documents(databases).iter().map(|database| text(database, "name")) {
        let listed = batch(connection, &database, Writer::default().int32("listCollections", 1)).await;
        for name in listed.iter().map(|collection| text(collection, "name")) {
            let indexes = batch(connection, &database, Writer::default().string("listIndexes", &name)).await;
            let indexes: Vec<_> = indexes.iter().map(|index| index_json(index)).collect();
            let metadata =
                format!(r#"{{"options":{{}},"indexes":[{}],"type":"collection"}}"#, indexes.join(","));
            collections.push((database.clone(), name, metadata));
        }
    }
    let announced = collections.iter().map(|(database, name, metadata)| (&**database, &**name, &**metadata));
    let mut archive = Archive::of(&version, &announced.collect::<Vec<(&str, &str, &str)>>());
    for (database, name, _) in &collections {
        let find = Writer::default().string("find", name).int32("batchSize", 100_000);
        let found = batch(connection, database, find).await;
        archive = archive.block(database, name, &found).end(database, name);
    }
    archive
}

fn index_json(index: &[u8]) -> String {
    let Some(Value::Document(key)) = bson::field(index, "key") else { panic!("no key") };
    let key = bson::fields(key).map(|field| {
        let (name, value) = field.unwrap();
        format!("{name:?}:{{\"$numberInt\":\"{}\"}}", value.integer().unwrap())
    });
    format!(r#"{{"key":{{{}}},"name":{:?}}}"#, key.collect::<Vec<_>>().join(","), text(index, "name"))
}

/// Restores all documents but `lost` ones; says how many it claims to have restored.
async fn restore(connection: &mut Connection, path: &Path, lost: usize) -> usize {
    let (mut packed, mut bytes) = (Vec::new(), Vec::new());
    File::open(path).unwrap().read_to_end(&mut packed).unwrap();
    MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
    let mut blocks = blocks(&bytes[4..]).into_iter();
    for collection in &blocks.next().unwrap()[1..] {
        let (database, name) = (text(collection, "db"), text(collection, "collection"));
        let create = Writer::default().string("create", &name);
        connection.command("create", &database, create).await.unwrap();
        let metadata: serde_json::Value = serde_json::from_str(&text(collection, "metadata")).unwrap();
        for index in metadata["indexes"].as_array().unwrap().iter().filter(|index| index["name"] != "_id_") {
            let key = index["key"]
                .as_object()
                .unwrap()
                .keys()
                .fold(Writer::default(), |key, field| key.int32(field, 1));
            let index = Writer::default()
                .document("key", &key.finish())
                .string("name", index["name"].as_str().unwrap());
            let indexes = Writer::default().document("0", &index.finish()).finish();
            let create = Writer::default().string("createIndexes", &name).array("indexes", &indexes);
            connection.command("createIndexes", &database, create).await.unwrap();
        }
    }
    let mut restored = 0;
    for block in blocks {
        let (database, name) = (text(&block[0], "db"), text(&block[0], "collection"));
        let documents = &block[1..];
        restored += documents.len();
        for some in documents[..documents.len().saturating_sub(lost)].chunks(500) {
            let array = some
                .iter()
                .enumerate()
                .fold(Writer::default(), |array, (at, document)| array.document(&at.to_string(), document));
            let insert = Writer::default().string("insert", &name).array("documents", &array.finish());
            connection.command("insert", &database, insert).await.unwrap();
        }
    }
    restored
}

/// The blocks of an archive, each with its header first.
fn blocks(mut bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let (mut blocks, mut block) = (Vec::new(), Vec::new());
    while !bytes.is_empty() {
        if bytes.starts_with(&[0xFF; 4]) {
            blocks.push(std::mem::take(&mut block));
            bytes = &bytes[4..];
        } else {
            let size = usize::try_from(bson::length(bytes).unwrap()).unwrap();
            block.push(bytes[..size].to_vec());
            bytes = &bytes[size..];
        }
    }
    blocks
}
