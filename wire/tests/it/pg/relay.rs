//! With no rule set everything is as without the wire.

use super::{Bed, run, run_well, value, within};
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::process::Command;
use tokio_postgres::{AsyncMessage, NoTls, SimpleQueryMessage};

const SCHEMA: &str = "
    CREATE TABLE accounts (id int PRIMARY KEY, name text, balance numeric, data bytea);
    INSERT INTO accounts
    SELECT n, repeat('name ' || n, 20), n * 1.5, decode(md5(n::text), 'hex') FROM generate_series(1, 5000) n;
    CREATE INDEX ON accounts (name);
    CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS $$ SELECT n * 2; $$;";

#[tokio::test]
async fn psql_says_the_same_as_without_the_wire() {
    let bed = Bed::new().await;
    bed.direct().await.batch_execute(SCHEMA).await.unwrap();
    let script = "
        SELECT * FROM accounts ORDER BY id LIMIT 50;
        SELECT 1 \\; SELECT 2;
        SELECT broken;
        DO $$ BEGIN RAISE NOTICE 'a notice'; END $$;
        \\copy (SELECT * FROM accounts ORDER BY id) TO STDOUT
        CREATE TEMP TABLE copied (LIKE accounts);
        \\copy copied FROM PROGRAM 'printf \"1\\\\tn\\\\t2\\\\t\\\\\\\\\\\\x00\\\\n\"'
        SELECT * FROM copied;
        BEGIN; SELECT 1/0; SELECT 1; ROLLBACK;
        \\d accounts
        \\errverbose";
    let arguments = ["--echo-all", "--no-psqlrc", "-v", "FETCH_COUNT=7", "--command"];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.sql");
    std::fs::write(&file, script).unwrap();
    let arguments =
        arguments.iter().filter(|a| **a != "--command").map(ToString::to_string).collect::<Vec<_>>();
    let through = run(bed.program("psql").args(&arguments).arg("-f").arg(&file)).await;
    let direct = run(bed.direct_program("psql").args(&arguments).arg("-f").arg(&file)).await;
    assert_eq!(String::from_utf8_lossy(&through.stdout), String::from_utf8_lossy(&direct.stdout));
    assert_eq!(String::from_utf8_lossy(&through.stderr), String::from_utf8_lossy(&direct.stderr));
    assert_eq!(through.status, direct.status);
    assert!(through.stdout.len() > 500_000);
}

#[tokio::test]
async fn a_dump_through_the_wire_is_the_dump_and_restores_through_it() {
    let bed = Bed::new().await;
    bed.direct().await.batch_execute(SCHEMA).await.unwrap();
    let through = run_well(bed.program("pg_dump").arg("--no-sync")).await;
    let direct = run_well(bed.direct_program("pg_dump").arg("--no-sync")).await;
    assert_eq!(without_keys(&through), without_keys(&direct));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    run_well(bed.program("pg_dump").args(["--format=custom", "--file"]).arg(&file)).await;
    bed.direct().await.batch_execute("DROP TABLE accounts; DROP FUNCTION twice").await.unwrap();
    let database = bed.database.name();
    run_well(bed.program("pg_restore").args(["--exit-on-error", "--dbname", database]).arg(&file)).await;
    assert_eq!(without_keys(&run_well(&mut bed.direct_program("pg_dump")).await), without_keys(&direct));
}

/// Recent versions of `pg_dump` put a random key into their output.
fn without_keys(dump: &str) -> Vec<&str> {
    dump.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")).collect()
}

#[tokio::test]
async fn copies_pass_in_both_directions() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    client.batch_execute("CREATE TABLE t (id int, name text)").await.unwrap();
    {
        let mut sink = pin!(client.copy_in("COPY t FROM STDIN").await.unwrap());
        for chunk in 0..200 {
            let rows = (0..500).map(|n| format!("{}\t{}\n", chunk * 500 + n, "x".repeat(50)));
            sink.send(bytes::Bytes::from(rows.collect::<String>())).await.unwrap();
        }
        assert_eq!(within(sink.as_mut().finish()).await.unwrap(), 100_000);
    }
    let stream = client.copy_out("COPY t TO STDOUT").await.unwrap();
    let size = within(stream.try_fold(0, async |size, chunk| Ok(size + chunk.len()))).await.unwrap();
    assert!(size > 5_000_000);

    // A copy that is given up leaves the connection usable.
    let mut sink = Box::pin(client.copy_in::<_, bytes::Bytes>("COPY t FROM STDIN").await.unwrap());
    sink.as_mut().send(bytes::Bytes::from_static(b"1\ta\n")).await.unwrap();
    drop(sink);
    assert_eq!(value(&client, "SELECT count(*) FROM t").await, "100000");
}

#[tokio::test]
async fn a_large_value_passes_in_both_directions() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    let large = "y".repeat(20_000_000);
    let row = within(client.query_one("SELECT $1::text, length($1)", &[&large])).await.unwrap();
    assert_eq!(row.get::<_, i32>(1), 20_000_000);
    assert!(row.get::<_, &str>(0) == large);
}

#[tokio::test]
async fn notifications_come_through() {
    let bed = Bed::new().await;
    let (client, mut connection) = bed.config().connect(NoTls).await.unwrap();
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut messages = futures_util::stream::poll_fn(move |cx| connection.poll_message(cx));
        while let Some(Ok(message)) = messages.next().await {
            drop(sender.send(message));
        }
    });
    client.batch_execute("LISTEN news").await.unwrap();
    bed.direct().await.batch_execute("NOTIFY news, 'from outside'").await.unwrap();
    match within(received.recv()).await.unwrap() {
        AsyncMessage::Notification(news) => assert_eq!(news.payload(), "from outside"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_to_cancel_reaches_the_right_backend() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    let token = client.cancel_token();
    let (rule, mut seen) = sabot_wire::pg::Rule::on(sabot_wire::pg::Match::contains("pg_sleep")).notify();
    bed.wire.set(rule).await.unwrap();
    let cancelled = async {
        within(seen.next()).await.unwrap();
        // The statement is on its way but may not have begun: a request that comes too early has no effect.
        loop {
            token.cancel_query(NoTls).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let error = tokio::select! {
        result = within(client.simple_query("SELECT pg_sleep(600)")) => result.unwrap_err(),
        () = cancelled => unreachable!(),
    };
    assert_eq!(error.code(), Some(&tokio_postgres::error::SqlState::QUERY_CANCELED));
    assert!(bed.wire.counts().cancels >= 1);
}

#[tokio::test]
async fn pipelined_statements_answer_in_order() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    let statement = client.prepare("SELECT $1::int").await.unwrap();
    let answers = futures_util::future::join_all((0..2_000).map(|n: i32| {
        let (client, statement) = (&client, &statement);
        async move {
            if n % 7 == 0 {
                client.query_one("SELECT 1 / ($1::int - $1)", &[&n]).await.unwrap_err();
                return n;
            }
            client.query_one(statement, &[&n]).await.unwrap().get(0)
        }
    }));
    assert_eq!(within(answers).await, (0..2_000).collect::<Vec<i32>>());
}

#[tokio::test]
async fn a_server_that_goes_takes_its_clients_along() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    let pid = value(&client, "SELECT pg_backend_pid()").await;
    bed.direct().await.simple_query(&format!("SELECT pg_terminate_backend({pid})")).await.unwrap();
    assert!(within(client.simple_query("SELECT 1")).await.is_err());
    let config = sabot_wire::pg::PgWireOptions::to_tcp(SocketAddr::from(([127, 0, 0, 1], 1)));
    let nowhere = sabot_wire::pg::PgWire::start(config.named("nowhere")).await.unwrap();
    let mut config = bed.config();
    let mut elsewhere = tokio_postgres::Config::new();
    elsewhere.host("127.0.0.1").port(nowhere.address().port()).user("u").password("p");
    config.clone_from(&elsewhere);
    let error = within(config.connect(NoTls)).await.map(drop).unwrap_err();
    assert!(error.as_db_error().unwrap().message().contains("`nowhere`"), "{error}");
}

#[tokio::test]
async fn a_unix_socket_leads_to_the_server_too() {
    let bed = Bed::new().await;
    let server = bed.database.server();
    let socket = server.socket_dir().join(format!(".s.PGSQL.{}", server.port()));
    let wire = sabot_wire::pg::PgWire::start(sabot_wire::pg::PgWireOptions::to_unix(socket)).await.unwrap();
    let said = run_well(bed.program_at("psql", wire.address()).args(["-Atc", "SELECT 'by socket'"])).await;
    assert_eq!(said, "by socket\n");
}

#[tokio::test]
async fn a_slow_reader_holds_the_server_back() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    let sql = "COPY (SELECT repeat('z', 1000) FROM generate_series(1, 300000)) TO STDOUT";
    let stream = client.copy_out(sql).await.unwrap();
    // Nobody reads: the server stalls in sending rather than filling the wire's memory.
    let direct = bed.direct().await;
    let stalled =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bed' AND wait_event = 'ClientWrite'";
    within(async {
        while value(&direct, stalled).await == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let size = within(stream.try_fold(0_usize, async |size, chunk| Ok(size + chunk.len()))).await.unwrap();
    assert_eq!(size, 300_000 * 1_001);
}

#[tokio::test]
async fn replication_passes() {
    let bed = Bed::new().await;
    let said = run_well(
        bed.program("psql").arg("dbname=postgres replication=database").args(["-Atc", "IDENTIFY_SYSTEM"]),
    )
    .await;
    assert!(said.contains('|'));
    let folder = tempfile::tempdir().unwrap();
    let mut backup: Command = bed.program("pg_basebackup");
    backup.args(["--wal-method=stream", "--checkpoint=fast", "--no-sync", "--pgdata"]);
    run_well(backup.arg(folder.path().join("backup"))).await;
    run_well(bed.program("pg_verifybackup").arg(folder.path().join("backup"))).await;
}

/// As many clients as may write at once, for `SABOT_SOAK_SECONDS` (4): what the server holds in the end is what the
/// clients were told.
#[tokio::test]
async fn thirty_two_clients_leave_the_same_sums_as_their_history() {
    let bed = Bed::new().await;
    let seconds = std::env::var("SABOT_SOAK_SECONDS").unwrap_or_else(|_| "4".to_owned());
    run_well(bed.direct_program("pgbench").args(["-i", "-s", "4", "--quiet"])).await;
    for mode in ["simple", "extended", "prepared"] {
        let mut bench = bed.program("pgbench");
        bench.args(["-c", "32", "-j", "2", "-T", &seconds, "-n", "-M", mode]);
        let limit = Duration::from_secs(seconds.parse::<u64>().unwrap() + 120);
        let output = tokio::time::timeout(limit, bench.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("number of failed transactions: 0"), "{said}");
    }
    let sums = "SELECT (SELECT sum(abalance) FROM pgbench_accounts) || ' ' || (SELECT sum(bbalance) FROM pgbench_branches)
        || ' ' || (SELECT sum(tbalance) FROM pgbench_tellers) || ' ' || (SELECT sum(delta) FROM pgbench_history)";
    let direct = value(&bed.direct().await, sums).await;
    let numbers = direct.split(' ').collect::<Vec<_>>();
    assert!(numbers.iter().all(|number| *number == numbers[0]), "{direct}");
    assert_eq!(value(&bed.client().await, sums).await, direct);
    let messages = bed.client().await.simple_query("SELECT count(*) FROM pgbench_history").await.unwrap();
    assert!(messages.iter().any(|message| matches!(message, SimpleQueryMessage::Row(_))));
}
