//! Each rule, on simple and on prepared statements.

use super::{Bed, value, within};
use sabot_wire::pg::{CutAt, ErrorResponse, HoldAt, Match, Mode, Rule, RuleError};
use sabot_wire::rule::Nth;
use std::time::{Duration, Instant};
use tokio_postgres::error::SqlState;

#[tokio::test]
async fn executions_are_counted_on_both_sides_of_the_rules() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    let prepared = client.prepare("SELECT 1 AS counted, $1::int").await.unwrap();
    let counter = bed.wire.counter(Match::contains("counted"));
    for n in 0..5 {
        client.query(&prepared, &[&n]).await.unwrap();
    }
    client.simple_query("SELECT 2 AS counted").await.unwrap();
    assert_eq!((counter.received(), counter.sent()), (6, 6));
    assert_eq!(counter.received_since_opened(), 0, "the connection is older than the counter");

    let answer = Rule::on(Match::contains("counted")).answer(ErrorResponse::error("40001", "no"));
    bed.wire.set(answer).await.unwrap();
    client.query(&prepared, &[&9]).await.unwrap_err();
    assert_eq!((counter.received(), counter.sent()), (7, 6));
    let fresh = bed.client().await;
    fresh.simple_query("SELECT 3 AS counted").await.unwrap_err();
    assert_eq!(counter.received_since_opened(), 1);
}

#[tokio::test]
async fn an_answer_fails_the_statement_as_the_server_would() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    let prepared = client.prepare("SELECT 1 AS answered").await.unwrap();
    let error = ErrorResponse::error("40001", "try again").detail("said by a rule").hint("retry");
    let rule = bed.wire.set(Rule::on(Match::contains("answered")).answer(error)).await.unwrap();

    for attempt in 0..2 {
        let error = match attempt {
            0 => client.query(&prepared, &[]).await.unwrap_err(),
            _ => client.simple_query("SELECT 1 AS answered").await.unwrap_err(),
        };
        let error = error.as_db_error().unwrap();
        assert_eq!((error.code(), error.message()), (&SqlState::T_R_SERIALIZATION_FAILURE, "try again"));
        assert_eq!((error.detail(), error.hint()), (Some("said by a rule"), Some("retry")));
        assert_eq!(value(&client, "SELECT 'goes on'").await, "goes on");
    }
    assert_eq!((rule.tally().matched(), rule.tally().applied()), (2, 2));
    assert_eq!(rule.remove().await.open, 0);
    assert_eq!(client.query(&prepared, &[]).await.unwrap().len(), 1, "the prepared statement is still there");
}

#[tokio::test]
async fn an_answered_error_aborts_the_transaction() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    let prepared = client.prepare("SELECT 1 AS answered").await.unwrap();
    let answer = Rule::on(Match::contains("answered")).answer(ErrorResponse::error("40001", "no"));
    bed.wire.set(answer).await.unwrap();
    client.simple_query("BEGIN").await.unwrap();
    client.query(&prepared, &[]).await.unwrap_err();
    let error = client.simple_query("SELECT 2").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    client.simple_query("ROLLBACK").await.unwrap();
    assert_eq!(value(&client, "SELECT 'well'").await, "well");
}

#[tokio::test]
async fn in_a_pipeline_only_the_answered_statement_fails() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    let (good, bad) =
        (client.prepare("SELECT 1 AS good").await.unwrap(), client.prepare("SELECT 2 AS bad").await.unwrap());
    bed.wire.set(Rule::on(Match::contains("bad")).answer(ErrorResponse::error("40001", "no"))).await.unwrap();
    for _ in 0..50 {
        let (first, second, third) =
            tokio::join!(client.query(&good, &[]), client.query(&bad, &[]), client.query(&good, &[]));
        assert_eq!(first.unwrap().len(), 1);
        assert_eq!(second.unwrap_err().code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE));
        assert_eq!(third.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_fatal_answer_ends_the_connection() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    let prepared = client.prepare("SELECT 1 AS answered").await.unwrap();
    let fatal = ErrorResponse::fatal("57P01", "going down");
    bed.wire.set(Rule::on(Match::contains("answered")).answer(fatal)).await.unwrap();
    let error = within(client.query(&prepared, &[])).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::ADMIN_SHUTDOWN));
    assert!(within(client.simple_query("SELECT 1")).await.is_err());
}

#[tokio::test]
async fn a_command_can_be_answered_without_being_done() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    client.batch_execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2)").await.unwrap();
    let update = client.prepare("UPDATE t SET id = $1").await.unwrap();
    bed.wire.set(Rule::on(Match::contains("UPDATE t")).complete("UPDATE 7")).await.unwrap();
    bed.wire.set(Rule::on(Match::contains("SELECT id")).complete("SELECT 0")).await.unwrap();
    assert_eq!(client.execute(&update, &[&9]).await.unwrap(), 7);
    client.simple_query("UPDATE t SET id = 9").await.unwrap();
    assert!(client.query("SELECT id FROM t", &[]).await.unwrap().is_empty());
    let messages = client.simple_query("SELECT id FROM t").await.unwrap();
    let columns = messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::RowDescription(columns) => Some(columns.len()),
        _ => None,
    });
    assert_eq!(columns, Some(1), "the client learns the columns");
    assert_eq!(value(&bed.direct().await, "SELECT sum(id) FROM t").await, "3");
}

#[tokio::test]
async fn a_repeated_statement_is_done_so_many_times_and_answered_once() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    client.batch_execute("CREATE TABLE t (id int)").await.unwrap();
    let insert = client.prepare("INSERT INTO t VALUES ($1)").await.unwrap();
    let counter = bed.wire.counter(Match::contains("INSERT"));
    bed.wire.set(Rule::on(Match::contains("INSERT")).nth(Nth::UpTo(3)).repeat(3)).await.unwrap();
    assert_eq!(client.execute(&insert, &[&1]).await.unwrap(), 1);
    client.simple_query("INSERT INTO t VALUES (2)").await.unwrap();
    client.simple_query("BEGIN").await.unwrap();
    assert_eq!(client.execute(&insert, &[&3]).await.unwrap(), 1);
    client.simple_query("COMMIT").await.unwrap();
    assert_eq!(client.execute(&insert, &[&4]).await.unwrap(), 1);
    let all = value(&client, "SELECT string_agg(id::text, '' ORDER BY id) FROM t").await;
    assert_eq!(all, "1112223334");
    assert_eq!((counter.received(), counter.sent()), (4, 10));
}

#[tokio::test]
async fn a_failing_repeat_does_not_undo_the_first() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    client.batch_execute("CREATE TABLE t (id int PRIMARY KEY)").await.unwrap();
    let insert = client.prepare("INSERT INTO t VALUES ($1)").await.unwrap();
    bed.wire.set(Rule::on(Match::contains("INSERT")).repeat(2)).await.unwrap();
    assert_eq!(client.execute(&insert, &[&1]).await.unwrap(), 1);
    client.simple_query("INSERT INTO t VALUES (2)").await.unwrap();
    assert_eq!(value(&client, "SELECT count(*) FROM t").await, "2");
}

#[tokio::test]
async fn an_early_acknowledgement_comes_before_the_server_is_done() {
    let bed = Bed::new().await;
    let (client, direct) = (bed.client().await, bed.direct().await);
    client.batch_execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)").await.unwrap();
    let update = client.prepare("UPDATE t SET id = $1").await.unwrap();
    direct.batch_execute("BEGIN; LOCK TABLE t").await.unwrap();
    let early = Rule::on(Match::contains("UPDATE t")).acknowledge_early("UPDATE 1");
    let rule = bed.wire.set(early).await.unwrap();
    assert_eq!(within(client.execute(&update, &[&2])).await.unwrap(), 1, "the table is still locked");
    direct.batch_execute("COMMIT").await.unwrap();
    assert_eq!(value(&client, "SELECT id FROM t").await, "2", "the statement was sent all the same");
    assert_eq!(rule.tally().applied(), 1);

    bed.wire.set(Rule::on(Match::contains("COMMIT")).acknowledge_early("COMMIT")).await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    client.batch_execute("INSERT INTO t VALUES (3)").await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(value(&client, "SELECT count(*) FROM t").await, "2");
    let refused = bed.wire.set(Rule::on(Match::any()).acknowledge_early("SELECT 1")).await;
    assert!(matches!(refused, Err(RuleError::Rows { .. })));
}

#[tokio::test]
async fn what_is_held_before_is_not_done_until_it_is_released() {
    let bed = Bed::new().await;
    let (client, direct) = (bed.client().await, bed.direct().await);
    client.batch_execute("CREATE TABLE t (id int)").await.unwrap();
    let insert = client.prepare("INSERT INTO t VALUES ($1)").await.unwrap();
    let (rule, mut hold) = Rule::on(Match::contains("INSERT")).nth(Nth::Only(2)).hold(HoldAt::Before);
    let rule = bed.wire.set(rule).await.unwrap();
    client.execute(&insert, &[&1]).await.unwrap();
    let held = async {
        let held = within(hold.next()).await.unwrap();
        assert_eq!(held.message().text.as_ref(), "INSERT INTO t VALUES ($1)");
        assert_eq!(held.message().parameters.len(), 1);
        assert_eq!(held.message().connection.application_name, "bed");
        assert!(held.message().connection.backend_pid.is_some());
        assert_eq!(value(&direct, "SELECT count(*) FROM t").await, "1");
        held.release();
    };
    let (executed, ()) = tokio::join!(client.execute(&insert, &[&2]), held);
    assert_eq!(executed.unwrap(), 1);
    assert_eq!(value(&direct, "SELECT count(*) FROM t").await, "2");
    assert_eq!((rule.tally().matched(), rule.tally().applied()), (2, 1));
}

#[tokio::test]
async fn what_is_held_when_answered_is_done_and_the_client_does_not_know() {
    let bed = Bed::new().await;
    let (client, direct) = (bed.client().await, bed.direct().await);
    client.batch_execute("CREATE TABLE t (id int)").await.unwrap();
    let insert = client.prepare("INSERT INTO t VALUES ($1)").await.unwrap();
    let (rule, mut hold) = Rule::on(Match::contains("INSERT")).hold(HoldAt::Answered);
    bed.wire.set(rule).await.unwrap();

    let released = async {
        let held = within(hold.next()).await.unwrap();
        assert_eq!(value(&direct, "SELECT count(*) FROM t").await, "1");
        held.release();
        let held = within(hold.next()).await.unwrap();
        assert_eq!(value(&direct, "SELECT count(*) FROM t").await, "2");
        held.answer(ErrorResponse::error("40001", "as if it had failed"));
        within(hold.next()).await.unwrap().cut();
    };
    let executed = async {
        assert_eq!(client.execute(&insert, &[&1]).await.unwrap(), 1);
        let error = client.simple_query("INSERT INTO t VALUES (2)").await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE));
        assert!(client.execute(&insert, &[&3]).await.unwrap_err().is_closed());
    };
    within(async { tokio::join!(released, executed) }).await;
    assert_eq!(value(&direct, "SELECT count(*) FROM t").await, "3");
}

#[tokio::test]
async fn an_answer_is_held_only_when_it_is_complete() {
    let bed = Bed::new().await;
    let (client, direct) = (bed.client().await, bed.direct().await);
    client.batch_execute("CREATE TABLE t (id int)").await.unwrap();
    // So many rows that the server sends the first of them long before it commits.
    let sql = "INSERT INTO t SELECT generate_series(1, 20000) RETURNING repeat('x', 100)";
    let insert = client.prepare(sql).await.unwrap();
    let (rule, mut hold) = Rule::on(Match::contains("INSERT")).hold(HoldAt::Answered);
    bed.wire.set(rule).await.unwrap();
    let held = async {
        let held = within(hold.next()).await.unwrap();
        assert_eq!(value(&direct, "SELECT count(*) FROM t").await, "20000");
        held.release();
    };
    let (rows, ()) = tokio::join!(client.query(&insert, &[]), held);
    assert_eq!(rows.unwrap().len(), 20_000);
}

#[tokio::test]
async fn removing_a_hold_releases_what_it_holds() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    let (rule, mut hold) = Rule::on(Match::contains("held")).hold(HoldAt::Before);
    let rule = bed.wire.set(rule).await.unwrap();
    let removed = async {
        let held = within(hold.next()).await.unwrap();
        assert_eq!(rule.remove().await.open, 0);
        held
    };
    let (got, _held) = tokio::join!(value(&client, "SELECT 'held'"), removed);
    assert_eq!(got, "held");
}

#[tokio::test]
async fn a_cut_leaves_done_what_was_sent_and_undone_what_was_not() {
    for (at, done) in [(CutAt::Before, "0"), (CutAt::Within, "0"), (CutAt::Sent, "1"), (CutAt::Answered, "1")]
    {
        let bed = Bed::new().await;
        let direct = bed.direct().await;
        direct.batch_execute("CREATE TABLE t (id int)").await.unwrap();
        bed.wire.set(Rule::on(Match::contains("INSERT")).cut(at)).await.unwrap();
        let client = bed.client().await;
        let insert = client.prepare("INSERT INTO t VALUES ($1)").await.unwrap();
        let error = within(client.execute(&insert, &[&1])).await.unwrap_err();
        assert!(error.is_closed() || error.as_db_error().is_none(), "{at:?}: {error}");
        // The server has finished with the connection, one way or the other, once no backend is left.
        let gone = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bed' AND datname = current_database()";
        within(async {
            while value(&direct, gone).await != "0" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        assert_eq!(value(&direct, "SELECT count(*) FROM t").await, done, "{at:?}");
    }
}

#[tokio::test]
async fn a_delay_is_at_least_as_long_as_it_says() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    let delay = Duration::from_millis(150);
    let rule = bed.wire.set(Rule::on(Match::contains("slow")).delay(delay)).await.unwrap();
    let start = Instant::now();
    value(&client, "SELECT 'slow'").await;
    assert!(start.elapsed() >= delay);
    assert_eq!(rule.tally().applied(), 1);
}

#[tokio::test]
async fn a_refused_statement_resets_the_connection() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    bed.wire.set(Rule::on(Match::contains("refused")).refuse()).await.unwrap();
    assert_eq!(value(&client, "SELECT 'other'").await, "other");
    assert!(within(client.simple_query("SELECT 'refused'")).await.unwrap_err().as_db_error().is_none());
    assert_eq!(value(&bed.client().await, "SELECT 'next'").await, "next");
}

#[tokio::test]
async fn a_hung_statement_is_never_answered_and_ends_with_the_rule() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    let (notify, mut seen) = Rule::on(Match::contains("hung")).notify();
    bed.wire.set(notify).await.unwrap();
    let rule = bed.wire.set(Rule::on(Match::contains("hung")).hang()).await.unwrap();
    let hung = tokio::spawn(async move { client.simple_query("SELECT 'hung'").await.is_err() });
    within(seen.next()).await.unwrap();
    assert_eq!(value(&bed.client().await, "SELECT 'others go on'").await, "others go on");
    assert!(!hung.is_finished());
    assert_eq!(rule.remove().await.open, 0);
    assert!(within(hung).await.unwrap());
}

#[tokio::test]
async fn removing_a_hold_releases_what_it_holds_and_ends_it() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    for at in [HoldAt::Before, HoldAt::Answered] {
        let (rule, mut hold) = Rule::on(Match::contains("kept")).hold(at);
        let rule = bed.wire.set(rule).await.unwrap();
        let removed = async {
            let held = within(hold.next()).await.unwrap();
            assert_eq!(rule.remove().await.open, 0);
            assert!(
                within(hold.next()).await.is_none(),
                "the handle, which still lives, is no reason to wait"
            );
            drop(held);
        };
        let (kept, ()) = tokio::join!(value(&client, "SELECT 'kept'"), removed);
        assert_eq!(kept, "kept");
    }
    let (rule, mut hold) = Rule::on(Match::any()).hold(HoldAt::Before);
    let (other, mut seen) = Rule::on(Match::any()).notify();
    let _handles = (bed.wire.set(rule).await.unwrap(), bed.wire.set(other).await.unwrap());
    drop(bed.wire);
    assert!(within(hold.next()).await.is_none());
    assert!(within(seen.next()).await.is_none());
}

#[tokio::test]
async fn a_rule_may_mean_one_application_only() {
    let bed = Bed::new().await;
    let no = ErrorResponse::error("40001", "no");
    bed.wire.set(Rule::on(Match::any().application("worker")).answer(no)).await.unwrap();
    let client = bed.client().await;
    assert_eq!(value(&client, "SELECT 'bed'").await, "bed");
    client.simple_query("SET application_name = 'worker'").await.unwrap();
    client.simple_query("SELECT 1").await.unwrap_err();
}

#[tokio::test]
async fn the_start_of_a_connection_can_fail() {
    let bed = Bed::new().await;
    let starting = ErrorResponse::fatal("57P03", "the database system is starting up");
    bed.wire.fail_startup(Some(starting)).unwrap();
    let error = bed.try_client().await.map(drop).unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::CANNOT_CONNECT_NOW));
    bed.wire.clear().await.unwrap();
    assert_eq!(value(&bed.client().await, "SELECT 'up'").await, "up");
}

#[tokio::test]
async fn modes_refuse_hang_and_cut_all_connections() {
    let bed = Bed::new().await;
    let client = bed.client().await;
    bed.wire.set_mode(Mode::Refuse).unwrap();
    assert!(within(client.simple_query("SELECT 1")).await.is_err());
    let refused = tokio::net::TcpStream::connect(bed.wire.address()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);

    bed.wire.set_mode(Mode::Pass).unwrap();
    let client = bed.client().await;
    bed.wire.set_mode(Mode::Hang).unwrap();
    let accepted = bed.wire.counts().received;
    let hung = tokio::spawn(async move { client.simple_query("SELECT 1").await.is_err() });
    // Long enough for it to be served if the mode did nothing; on a busy machine it may be missed, never invented.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!hung.is_finished());
    assert_eq!(bed.wire.counts().received, accepted);
    bed.wire.clear().await.unwrap();
    assert!(within(hung).await.unwrap(), "what hung is closed when the mode is left");

    let client = bed.client().await;
    bed.wire.cut();
    assert!(within(client.simple_query("SELECT 1")).await.is_err());
    assert_eq!(value(&bed.client().await, "SELECT 'again'").await, "again");
}

#[tokio::test]
async fn statements_are_recorded_without_secrets() {
    let bed = Bed::new().await;
    bed.wire.redact(["s3cret-token".to_owned()]);
    let client = bed.client().await;
    client.simple_query("SELECT 's3cret-token' AS recorded").await.unwrap();
    client.query("SELECT $1::text AS recorded", &[&"parameter"]).await.unwrap();
    let records = bed.wire.records();
    let recorded = records.iter().filter(|record| record.text.contains("recorded")).collect::<Vec<_>>();
    assert_eq!(recorded.len(), 2);
    assert_eq!(recorded[0].text, "SELECT '[redacted]' AS recorded");
    assert_eq!(recorded[0].connection.application_name, "bed");
    assert_eq!(bed.wire.connections().len(), 1);
}
