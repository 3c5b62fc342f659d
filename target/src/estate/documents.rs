//! What a throwaway source of MongoDB's protocol is filled with: documents of every type that FerretDB stores, none of which
//! depends on the clock.

use crate::TargetError;
use sabot_sandbox::mongo::bson::Writer;
use sabot_sandbox::mongo::{Connection, Server};
use std::time::Duration;

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(30);

/// How many documents are written at once.
const BATCH: i32 = 1_000;

/// Makes each collection, given as `database.collection`, with so many documents in it.
pub(super) async fn fill(server: &Server, collections: &[(String, i32)]) -> Result<(), TargetError> {
    let mut connection = server.connect(LIMIT).await?;
    for (name, count) in collections {
        let none = || TargetError::NoSuch { what: "a collection", name: name.clone() };
        let (database, collection) = name.split_once('.').ok_or_else(none)?;
        let create = Writer::default().string("create", collection);
        connection.command(&format!("create {name}"), database, create).await?;
        for first in (0..*count).step_by(usize::try_from(BATCH).unwrap_or(usize::MAX)) {
            let numbers = first..(first + BATCH).min(*count);
            insert(&mut connection, database, collection, numbers).await?;
        }
    }
    Ok(())
}

async fn insert(
    connection: &mut Connection,
    database: &str,
    collection: &str,
    numbers: std::ops::Range<i32>,
) -> Result<(), TargetError> {
    let documents = numbers.enumerate().fold(Writer::default(), |documents, (place, number)| {
        documents.document(&place.to_string(), &document(number))
    });
    let insert = Writer::default().string("insert", collection).array("documents", &documents.finish());
    connection.command(&format!("insert into {database}.{collection}"), database, insert).await?;
    Ok(())
}

fn document(number: i32) -> Vec<u8> {
    let address = Writer::default().string("street", &format!("Street {number}")).null("floor").finish();
    let tags =
        Writer::default().string("0", "größe").int32("1", number % 7).bool("2", number % 2 == 0).finish();
    let mut id = [0; 12];
    id.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
    Writer::default()
        .int32("_id", number)
        .int64("big", i64::from(number) << 33)
        .double("third", f64::from(number) / 3.0)
        .string("text", &"a longer text, ".repeat(usize::try_from(number % 9).unwrap_or_default()))
        .date("at", 1_700_000_000_000 + i64::from(number) * 1_000)
        .object_id("reference", id)
        .binary("bytes", &number.to_le_bytes())
        .document("address", &address)
        .array("tags", &tags)
        .finish()
}
