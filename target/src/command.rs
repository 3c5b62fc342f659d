//! Programs that stand beside the services, run to their end.

use crate::TargetError;
use std::time::Duration;
use tokio::process::Command;

/// How many of a failed program's last lines are told.
const LOG_LINES: usize = 12;

/// What `command` prints, which must end well within `limit`; `told` is what it is called.
pub(crate) async fn run(command: &mut Command, told: &str, limit: Duration) -> Result<String, TargetError> {
    let failed = |reason: String, log: String| TargetError::Command { command: told.to_owned(), reason, log };
    let output = tokio::time::timeout(limit, command.kill_on_drop(true).output())
        .await
        .map_err(|_| failed(format!("did not end within {limit:?}"), String::new()))?
        .map_err(TargetError::io(format!("starting {told}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let lines: Vec<_> = said.lines().collect();
    let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
    Err(failed(format!("ended with {}", output.status), last))
}
