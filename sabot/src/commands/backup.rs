//! `sabot backup`: takes an artifact with its manifest.

use super::say;
use crate::cli::{BackupArgs, BackupEngine, BackupInto, BackupMongoArgs, BackupPostgresArgs, Show};
use crate::signals::Interruption;
use sabot_engine::Exit;
use sabot_recovery::backup::postgres::{Kind, backup};
use sabot_recovery::backup::{BackupError, Done, Request, Taken, mongo};
use sabot_recovery::manifest::{Content, Manifest};
use sabot_recovery::store::{Store, is_job};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_postgres::Config;
use tokio_util::sync::CancellationToken;

/// How often a backup under way tells how far it is, in bytes.
const STEP: u64 = 64 * 1024 * 1024;

/// Takes one.
pub(crate) async fn backup_of(args: BackupArgs) -> Exit {
    match args.engine {
        BackupEngine::Postgres(args) => postgres(args).await,
        BackupEngine::Mongo(args) => mongo(args).await,
    }
}

async fn postgres(args: BackupPostgresArgs) -> Exit {
    let Ok(mut config) = args.url.parse::<Config>() else {
        // The parser's error may repeat parts of the address.
        eprintln!("error: --url (DATABASE_URL) is no address; give postgres://USER@HOST:PORT/DATABASE");
        return Exit::Usage;
    };
    if let (None, Ok(password)) = (config.get_password(), std::env::var("PGPASSWORD")) {
        config.password(password);
    }
    let kind = if args.physical { Kind::Physical } else { Kind::Logical };
    take(&args.into, async |request| backup(&config, kind, &request, progress()).await).await
}

async fn mongo(args: BackupMongoArgs) -> Exit {
    take(&args.into, async |request| mongo::backup(&args.url, &request, progress()).await).await
}

/// Opens the store, listens for signals, and shows what came of it.
async fn take(into: &BackupInto, take: impl AsyncFnOnce(Request) -> Result<Done, BackupError>) -> Exit {
    let interruption = match Interruption::listen() {
        Ok(interruption) => interruption,
        Err(error) => {
            say(&error);
            return Exit::Failed;
        }
    };
    let request = match request(into, interruption.stop.clone()) {
        Ok(request) => request,
        Err(exit) => return exit,
    };
    match take(request).await {
        Ok(Done::Taken(taken)) => show(into.format, &taken),
        Ok(Done::Already(name)) => {
            eprintln!("{name} is there already");
            Exit::Passed
        }
        Err(error) => {
            say(&error);
            match interruption.number() {
                Some(15) => Exit::Terminated,
                Some(_) => Exit::Interrupted,
                None => Exit::Failed,
            }
        }
    }
}

fn request(into: &BackupInto, stop: CancellationToken) -> Result<Request, Exit> {
    if !is_job(&into.job) {
        eprintln!("error: {:?} is no name of a job; use letters, digits, `.`, `_` and `-`", into.job);
        return Err(Exit::Usage);
    }
    let store = Store::open_or_create(&into.store).map_err(|error| {
        say(&error);
        Exit::Usage
    })?;
    Ok(Request { store, job: into.job.clone(), keep: into.keep, due: None, limit: into.limit, stop })
}

/// Tells on standard error how many bytes there are, now and then.
fn progress() -> impl Fn(u64) + Send + Sync {
    let told = AtomicU64::new(0);
    move |bytes| {
        let last = told.load(Ordering::Relaxed);
        if bytes / STEP > last / STEP {
            told.store(bytes, Ordering::Relaxed);
            // Nobody to tell is no reason to stop.
            drop(writeln!(std::io::stderr().lock(), "stored {} so far", size(bytes)));
        }
    }
}

fn show(format: Show, taken: &Taken) -> Exit {
    for warning in &taken.warnings {
        eprintln!("{warning}");
    }
    match &taken.retained {
        Ok(retained) => {
            retained.old.iter().for_each(|name| eprintln!("removed {name}: older than those that are kept"));
            retained.abandoned.iter().for_each(|name| eprintln!("removed {name}: it was never finished"));
        }
        Err(error) => eprintln!("warning: the backup is taken, but older ones could not be removed: {error}"),
    }
    let text = match format {
        Show::Text => summary(&taken.manifest),
        Show::Json => match serde_json::to_string(&taken.manifest) {
            Ok(json) => format!("{json}\n"),
            Err(error) => {
                say(&error);
                return Exit::Failed;
            }
        },
    };
    drop(std::io::stdout().lock().write_all(text.as_bytes()));
    Exit::Passed
}

fn summary(manifest: &Manifest) -> String {
    let content = match &manifest.content {
        Content::Yes { databases, .. } => {
            let tables = databases.iter().flat_map(|database| &database.tables);
            let (count, rows) = tables.fold((0, 0), |(count, rows), table| (count + 1, rows + table.rows));
            format!("{rows} rows in {count} tables and the like, each digested")
        }
        Content::No { reason } => format!("not told: {reason}"),
    };
    let seconds = (manifest.ended_at - manifest.started_at).as_seconds_f64();
    format!(
        "{}\n  size     {} in {seconds:.1} s\n  sha-256  {}\n  data of  {}\n  content  {content}\n",
        manifest.artifact,
        size(manifest.bytes),
        manifest.sha256,
        manifest.snapshot_at,
    )
}

fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} bytes"),
        10_000..=9_999_999 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
