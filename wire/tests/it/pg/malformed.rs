//! What is not the protocol ends its own connection with an error that says why, and nothing else.

use super::{Bed, value, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::error::SqlState;

async fn connect(bed: &Bed) -> TcpStream {
    TcpStream::connect(bed.wire.address()).await.unwrap()
}

/// All that comes before the connection is closed.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    within(stream.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn startup() -> Vec<u8> {
    let body = b"\0\x03\0\0user\0nobody\0database\0postgres\0\0";
    let mut bytes = u32::try_from(body.len() + 4).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes
}

#[tokio::test]
async fn garbage_is_answered_and_others_go_on() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    for (garbage, said) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "claims 1195725856 bytes"),
        (b"\0\0\0\x04", "claims 4 bytes"),
        (b"\0\0\0\x08\0\x02\0\0", "version 0x00020000"),
    ] {
        let mut stream = connect(&bed).await;
        stream.write_all(garbage).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with('E') && answer.contains("08P01") && answer.contains(said), "{answer}");
    }
    for (garbage, said) in
        [(&b"!\0\0\0\x04"[..], "0x21"), (b"Q\0\0\0\x01", "1 bytes"), (b"Q\x7f\xff\xff\xff", "the limit")]
    {
        let mut stream = connect(&bed).await;
        stream.write_all(&startup()).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.contains("FATAL") && answer.contains("08P01") && answer.contains(said), "{answer}");
    }
    assert_eq!(value(&client, "SELECT 'goes on'").await, "goes on");
}

#[tokio::test]
async fn encryption_that_is_not_there_is_declined() {
    let bed = Bed::new().await;
    let mut stream = connect(&bed).await;
    for code in [80_877_104_u32, 80_877_103] {
        stream.write_u32(8).await.unwrap();
        stream.write_u32(code).await.unwrap();
        assert_eq!(within(stream.read_u8()).await.unwrap(), b'N');
    }
    stream.write_all(&startup()).await.unwrap();
    assert_eq!(within(stream.read_u8()).await.unwrap(), b'R', "the server asks for a password");
}

#[tokio::test]
async fn a_statement_above_the_limit_ends_its_connection() {
    let bed = Bed::with(|mut options| {
        options.max_statement = 100_000;
        options
    })
    .await;
    let (client, other) = (bed.client().await, bed.client().await);
    assert_eq!(value(&client, &format!("SELECT length('{}')", "x".repeat(90_000))).await, "90000");
    let error = within(client.simple_query(&format!("SELECT '{}'", "x".repeat(200_000)))).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!(error.code(), &SqlState::PROTOCOL_VIOLATION);
    assert!(error.message().contains("100000"), "{error}");
    assert_eq!(value(&other, "SELECT 'goes on'").await, "goes on");
    let large = "y".repeat(200_000);
    let row = within(other.query_one("SELECT length($1::text)", &[&large])).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 200_000, "a parameter is no statement");
}
