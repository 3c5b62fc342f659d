//! Sabot's command line: proves that a backend keeps its reliability promises, and that each proof can fail.

mod catalogue;
mod cli;
mod commands;
mod files;
mod init;
mod plan;
mod reports;
mod signals;

use clap::Parser as _;
use cli::{Cli, Command};
use sabot_engine::Exit;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; everything else is bad usage.
            let code = if error.use_stderr() { Exit::Usage.code() } else { 0 };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    files::raise_limit();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime did not start: {error}");
            return Exit::Unverified.into();
        }
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("SABOT_LOG").unwrap_or_else(|_| "warn".into()),
        )
        .init();
    runtime.block_on(carry_out(cli.command)).into()
}

async fn carry_out(command: Command) -> Exit {
    match command {
        Command::Run(args) => Box::pin(commands::run::run(args)).await,
        Command::Plan(args) => commands::plan::plan(&args),
        Command::Prove(args) => Box::pin(commands::run::prove(args)).await,
        Command::List(args) => commands::list::list(&args),
        Command::Explain(args) => commands::list::explain(&args),
        Command::Init(args) => commands::init::init(args).await,
        Command::Doctor(args) => commands::doctor::doctor(&args).await,
        Command::Backup(args) => Box::pin(commands::backup::backup_of(args)).await,
        Command::Drill(args) => commands::drill::drill(args).await,
        Command::Platform => commands::platform::platform().await,
        Command::Gc => commands::gc::gc(),
        Command::Schema(args) => commands::schema::schema(&args),
        Command::Completions(args) => commands::completions::completions(args.shell),
    }
}
