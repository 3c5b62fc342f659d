//! External programs: found, run, stopped, and heard.

use crate::stand_in::StandIn;
use sabot_recovery::tool::{Command, MAX_LINE, MAX_LINES, ToolError};
use sabot_sandbox::leash::Exit;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_a_program_says_is_kept_up_to_a_bound() {
    let script = format!(
        "echo out; echo one >&2; head -c {} /dev/zero | tr '\\0' x >&2; echo >&2; seq {MAX_LINES} >&2; exit 3",
        3 * MAX_LINE
    );
    let stand_in = StandIn::new("talker", &script);
    let (end, printed) = Command::new(&stand_in.tool(), LIMIT).output().await.unwrap();
    assert_eq!((printed.as_str(), end.exit, end.is_success()), ("out\n", Exit::Code(3), false));
    let messages = end.messages;
    assert_eq!((messages.lines.len(), messages.dropped), (MAX_LINES, 2));
    assert_eq!((messages.lines[0].as_str(), messages.lines[1].len()), ("one", MAX_LINE));
    assert_eq!(messages.last.as_deref(), Some(MAX_LINES.to_string().as_str()));
}

#[tokio::test]
async fn one_that_takes_too_long_is_stopped_and_its_last_words_told() {
    let stand_in = StandIn::new("sleeper", "echo waiting >&2; exec sleep 300");
    let began = Instant::now();
    let late = Command::new(&stand_in.tool(), Duration::from_millis(300)).run().await.unwrap_err();
    assert!(late.to_string().contains("took longer than 300ms: waiting"), "{late}");
    let streamed = Command::new(&stand_in.tool(), Duration::from_millis(300)).output().await.unwrap_err();
    assert!(matches!(streamed, ToolError::TimedOut { .. }), "{streamed}");
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn the_callers_settings_do_not_steer_it() {
    let stand_in = StandIn::new("teller", "echo \"$PGPASSWORD|$PGHOST|$LC_ALL\"");
    let told = Command::new(&stand_in.tool(), LIMIT).env("PGPASSWORD", "secret").output().await.unwrap().1;
    assert_eq!(told, "secret||C.UTF-8\n");
}
