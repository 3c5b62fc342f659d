//! `sabot-worker dead-letters`: what failed its last attempt, from the command line.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use sabot_propagation::Audit;
use sabot_propagation::dead_letters::{self, DeadLetter, MAX_PAGE};
use sabot_readiness::Redactor;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};

use super::settings::{DeadLettersCommand, Format};
use crate::db::DatabaseSettings;
use crate::logs::with_causes;

/// Who replays and discards here, as the trail tells it.
const ACTOR: &str = "sabot-worker dead-letters";

/// How long a connection, and the statements on it, may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Does as told, and prints what came of it.
pub(super) fn run(command: &DeadLettersCommand, database: &DatabaseSettings) -> ExitCode {
    let redactor = Redactor::new([database.url.expose()]);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        timeout(LIMIT, carry_out(command, database)).await.unwrap_or(Err(CommandError::Late))
    });
    match done {
        Ok(text) => match write!(std::io::stdout(), "{text}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            eprintln!("error: {}", redactor.redact(&with_causes(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("there is no dead letter {0}; `sabot-worker dead-letters list` shows those that there are")]
    None(i64),
    #[error("the database cannot be reached; check --database-url")]
    Connect(#[source] tokio_postgres::Error),
    #[error("the database refused a statement; has `sabot-api migrate` been run?")]
    Statement(#[from] tokio_postgres::Error),
    #[error("the database did not answer within {LIMIT:?}")]
    Late,
    #[error("a dead letter cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

async fn carry_out(
    command: &DeadLettersCommand,
    database: &DatabaseSettings,
) -> Result<String, CommandError> {
    let (client, connection) = database.config.connect(NoTls).await.map_err(CommandError::Connect)?;
    // Ends with the runtime, if not before; its error reaches whoever waits for an answer.
    let driver = tokio::spawn(connection);
    let done = answer(command, &client).await;
    drop(client);
    let _closed = driver.await;
    done
}

async fn answer(command: &DeadLettersCommand, client: &Client) -> Result<String, CommandError> {
    match *command {
        DeadLettersCommand::List { after, limit, format } => {
            let list = dead_letters::list(client, after, limit).await?;
            let more = i64::try_from(list.len()).is_ok_and(|length| length >= limit.clamp(1, MAX_PAGE));
            match format {
                Format::Json => Ok(format!("{}\n", json!({ "dead_letters": list }))),
                Format::Text => Ok(listed(&list, more)),
            }
        }
        DeadLettersCommand::Show { id, format } => {
            let letter = dead_letters::show(client, id).await?.ok_or(CommandError::None(id))?;
            match format {
                Format::Json => Ok(format!("{}\n", serde_json::to_string(&letter)?)),
                Format::Text => shown(&letter),
            }
        }
        DeadLettersCommand::Replay { id } => {
            match dead_letters::replay(client, &[id], ACTOR, &Audit::default()).await?.is_empty() {
                true => Err(CommandError::None(id)),
                false => Ok(format!("dead letter {id} replayed: it is due at once\n")),
            }
        }
        DeadLettersCommand::Discard { id } => {
            match dead_letters::discard(client, &[id], ACTOR, &Audit::default()).await?.is_empty() {
                true => Err(CommandError::None(id)),
                false => Ok(format!("dead letter {id} discarded: its audit entry holds it\n")),
            }
        }
    }
}

/// One line for each.
fn listed(list: &[DeadLetter], more: bool) -> String {
    let Some(last) = list.last() else { return "no dead letters\n".to_owned() };
    let line = |letter: &DeadLetter| {
        let team = letter.team_id.map_or_else(|| "-".to_owned(), |team| team.to_string());
        let error = one_line(letter.last_error.as_deref().unwrap_or("-"));
        format!(
            "{:<8} {:<16} team {team:<6} {} attempts, died {}  {error}\n",
            letter.id, letter.kind, letter.attempts, letter.failed_at
        )
    };
    let tail = if more { format!("there may be more: --after {}\n", last.id) } else { String::new() };
    list.iter().map(line).chain([tail]).collect()
}

/// One line for each of its fields.
fn shown(letter: &DeadLetter) -> Result<String, CommandError> {
    let Value::Object(fields) = serde_json::to_value(letter)? else { return Ok(String::new()) };
    let line = |(name, value): (String, Value)| match value {
        Value::String(text) => format!("{name:<16} {}\n", one_line(&text)),
        Value::Null => format!("{name:<16} -\n"),
        other => format!("{name:<16} {other}\n"),
    };
    Ok(fields.into_iter().map(line).collect())
}

/// What a downstream wrote must not draw on somebody's terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
