//! `sabot completions`.

use crate::cli::Cli;
use clap::CommandFactory as _;
use sabot_engine::Exit;

/// Prints completions for `shell`.
pub(crate) fn completions(shell: clap_complete::Shell) -> Exit {
    clap_complete::generate(shell, &mut Cli::command(), "sabot", &mut std::io::stdout());
    Exit::Passed
}
