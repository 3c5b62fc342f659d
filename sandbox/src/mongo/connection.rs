//! A plain connection: enough of MongoDB's protocol (`OP_MSG`) to ask a server who it is and what it holds.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Error;
use super::bson::{self, Value, Writer};

/// The code of `OP_MSG`, the one message that servers since 3.6 take for everything.
const OP_MSG: i32 = 2013;

/// The header of a message, the flags, and the byte before the document.
const BEFORE: usize = 16 + 4 + 1;

/// How many documents are asked for at once.
const BATCH: i32 = 1_000;

/// `maxMessageSizeBytes` of every server.
const LONGEST: usize = 48_000_000;

/// A connection to one server, without TLS and without a login.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    address: String,
    limit: Duration,
    asked: i32,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildInfo {
    /// The version, such as `7.0.14`; of FerretDB the one that it takes the part of.
    pub version: String,
    /// Whether it is FerretDB.
    pub is_ferretdb: bool,
}

impl Connection {
    /// Connects with `address`, such as `127.0.0.1:27017`; each answer may take as long as `limit`.
    ///
    /// # Errors
    /// When there is no connection within `limit`.
    pub async fn open(address: &str, limit: Duration) -> Result<Self, Error> {
        let connecting = tokio::time::timeout(limit, TcpStream::connect(address));
        let stream = match connecting.await {
            Ok(stream) => {
                stream.map_err(|source| Error::Connection { address: address.to_owned(), source })?
            }
            Err(_) => return Err(timed_out(address, "a connection", limit)),
        };
        Ok(Self { stream, address: address.to_owned(), limit, asked: 0 })
    }

    /// Asks whether the server is there and takes commands.
    ///
    /// # Errors
    /// When it does not answer in time, or refuses.
    pub async fn hello(&mut self) -> Result<(), Error> {
        self.command("hello", "admin", Writer::default().int32("hello", 1)).await.map(drop)
    }

    /// Asks the server what it is. Most answer without a login.
    ///
    /// # Errors
    /// As [`hello`](Self::hello).
    pub async fn build_info(&mut self) -> Result<BuildInfo, Error> {
        let answer = self.command("buildInfo", "admin", Writer::default().int32("buildInfo", 1)).await?;
        let Some(Value::String(version)) = bson::field(&answer, "version") else {
            return Err(self.protocol("its build info names no version"));
        };
        let is_ferretdb = bson::field(&answer, "ferretdbVersion").is_some();
        Ok(BuildInfo { version: version.to_owned(), is_ferretdb })
    }

    /// Counts the documents of a collection; none where there is no such collection.
    ///
    /// # Errors
    /// As [`hello`](Self::hello).
    pub async fn count(&mut self, database: &str, collection: &str) -> Result<u64, Error> {
        let doing = format!("count of {database}.{collection}");
        let answer = self.command(&doing, database, Writer::default().string("count", collection)).await?;
        let count = bson::field(&answer, "n").and_then(|count| count.integer());
        count
            .and_then(|count| count.try_into().ok())
            .ok_or_else(|| self.protocol("its count is no whole number"))
    }

    /// Every document of a collection, in the server's order. All of them are held at once.
    ///
    /// # Errors
    /// As [`hello`](Self::hello).
    pub async fn documents(&mut self, database: &str, collection: &str) -> Result<Vec<Vec<u8>>, Error> {
        let doing = format!("find in {database}.{collection}");
        let find = Writer::default().string("find", collection).int32("batchSize", BATCH);
        let mut answer = self.command(&doing, database, find).await?;
        let mut all = Vec::new();
        loop {
            let Some(Value::Document(cursor)) = bson::field(&answer, "cursor") else {
                return Err(self.protocol("its answer has no cursor"));
            };
            for batch in ["firstBatch", "nextBatch"].iter().filter_map(|batch| bson::field(cursor, batch)) {
                let Value::Array(batch) = batch else { continue };
                all.extend(bson::fields(batch).filter_map(|field| match field {
                    Ok((_, Value::Document(document))) => Some(document.to_vec()),
                    _ => None,
                }));
            }
            let next = bson::field(cursor, "id").and_then(|id| id.integer()).unwrap_or_default();
            if next == 0 {
                return Ok(all);
            }
            let more = Writer::default().int64("getMore", next).string("collection", collection);
            answer = self.command(&doing, database, more.int32("batchSize", BATCH)).await?;
        }
    }

    /// Sends a command to a database and returns the answer, a document whose `ok` is 1; `doing` names it in errors.
    ///
    /// # Errors
    /// When the server does not answer in time, or refuses.
    pub async fn command(&mut self, doing: &str, database: &str, body: Writer) -> Result<Vec<u8>, Error> {
        let body = body.string("$db", database).finish();
        let limit = self.limit;
        let answer = tokio::time::timeout(limit, self.exchange(&body)).await;
        let answer = answer.map_err(|_| timed_out(&self.address, doing, limit))??;
        let ok = bson::field(&answer, "ok").and_then(|ok| ok.integer());
        if ok == Some(1) {
            return Ok(answer);
        }
        let message = match bson::field(&answer, "errmsg") {
            Some(Value::String(message)) => message.to_owned(),
            _ => "without a reason".to_owned(),
        };
        Err(Error::Refused { address: self.address.clone(), doing: doing.to_owned(), message })
    }

    async fn exchange(&mut self, body: &[u8]) -> Result<Vec<u8>, Error> {
        self.asked = self.asked.wrapping_add(1);
        let size =
            i32::try_from(BEFORE + body.len()).map_err(|_| self.protocol("the command is too long"))?;
        let header = [size, self.asked, 0, OP_MSG, 0].map(i32::to_le_bytes).concat();
        let address = self.address.clone();
        let broken = move |source| Error::Connection { address: address.clone(), source };
        self.stream.write_all(&[header.as_slice(), &[0], body].concat()).await.map_err(&broken)?;
        let mut before = [0; BEFORE];
        self.stream.read_exact(&mut before).await.map_err(&broken)?;
        let body = self.size(&before)?;
        let mut answer = vec![0; body];
        self.stream.read_exact(&mut answer).await.map_err(&broken)?;
        Ok(answer)
    }

    /// How many bytes follow what comes before the document.
    fn size(&self, before: &[u8; BEFORE]) -> Result<usize, Error> {
        let word = |at: usize| before.get(at..).and_then(bson::length).unwrap_or_default();
        if (word(8), word(12), before.get(20)) != (self.asked, OP_MSG, Some(&0)) {
            return Err(self.protocol("its answer is none to what was asked"));
        }
        let size = usize::try_from(word(0)).ok().and_then(|size| size.checked_sub(BEFORE));
        size.filter(|size| (bson::SHORTEST..=LONGEST).contains(size))
            .ok_or_else(|| self.protocol("its answer has an impossible length"))
    }

    fn protocol(&self, reason: &str) -> Error {
        Error::Protocol { address: self.address.clone(), reason: reason.to_owned() }
    }
}

fn timed_out(address: &str, doing: &str, limit: Duration) -> Error {
    Error::TimedOut { address: address.to_owned(), doing: doing.to_owned(), seconds: limit.as_secs() }
}
