//! `sabot init`: looks at a running database and at running services, and writes a `sabot.toml`.

use super::say;
use crate::cli::InitArgs;
use crate::init::{
    Looked, Page, Place, Schema, Seen, Source, Unreadable, dump, edits, guesses, look_at_service, tables,
};
use crate::signals::Interruption;
use sabot_engine::Exit;
use sabot_target::http_client;

/// The variable that stands in where no other address of a database is given.
const TEST_URL: &str = "TEST_DATABASE_URL";

/// Looks, and writes.
pub(crate) async fn init(args: InitArgs) -> Exit {
    let interruption = match Interruption::listen() {
        Ok(interruption) => interruption,
        Err(error) => {
            say(&error);
            return Exit::Unverified;
        }
    };
    tokio::select! {
        biased;
        () = interruption.stop.cancelled() => match interruption.number() {
            Some(15) => Exit::Terminated,
            _ => Exit::Interrupted,
        },
        exit = Box::pin(look_and_write(args)) => exit,
    }
}

async fn look_and_write(args: InitArgs) -> Exit {
    let source = match source(&args) {
        Ok(source) => source,
        Err(error) => {
            say(&error);
            return Exit::Usage;
        }
    };
    if source.is_none() && args.service.is_empty() {
        eprintln!(
            "error: there is nothing to look at; give a database with --database-url (or in DATABASE_URL), running \
             services with --service orders=http://127.0.0.1:8080, or both"
        );
        return Exit::Usage;
    }
    let place = match Place::at(&args.output, args.force, source.is_some()) {
        Ok(place) => place,
        Err(error) => {
            eprintln!("error: {error}");
            return Exit::Usage;
        }
    };
    let services = match services(&args).await {
        Ok(services) => services,
        Err(exit) => return exit,
    };
    let written = match &source {
        Some(source) => of_database(&place, source, &services).await,
        None => write(&place, &Page { database: None, services: &services }, None),
    };
    match written {
        Ok(()) => Exit::Passed,
        Err(error) => {
            eprintln!("error: {error}");
            Exit::Unverified
        }
    }
}

/// The database, where one is given.
fn source(args: &InitArgs) -> Result<Option<Source>, Unreadable> {
    let test = || std::env::var(TEST_URL).ok().filter(|url| !url.is_empty());
    match args.database_url.clone().filter(|url| !url.is_empty()) {
        Some(url) => Source::of(&url, "--database-url (DATABASE_URL)").map(Some),
        None => test().map(|url| Source::of(&url, TEST_URL)).transpose(),
    }
}

async fn services(args: &InitArgs) -> Result<Vec<Seen>, Exit> {
    let client = http_client().map_err(|error| {
        say(&error);
        Exit::Unverified
    })?;
    let mut all: Vec<Seen> = Vec::new();
    for service in &args.service {
        if all.iter().any(|seen| seen.name == service.name) {
            eprintln!("error: two services are called {}; give each a name of its own", service.name);
            return Err(Exit::Usage);
        }
        let seen = look_at_service(&client, service).await;
        if let Some(why) = &seen.silent {
            eprintln!(
                "warning: {} ({}): {why}; start it and look again, or fill it in by hand",
                seen.name, seen.url
            );
        }
        all.push(seen);
    }
    Ok(all)
}

async fn of_database(place: &Place, source: &Source, services: &[Seen]) -> Result<(), String> {
    let (major, tables) = tables(source).await.map_err(|error| error.to_string())?;
    let schema = dump(source, major).await;
    let guesses = guesses(&tables);
    let looked = Looked { source, schema: &schema, tables: tables.len(), guesses: &guesses };
    for guess in &guesses {
        println!("found    {:<26} {} (score {} of 100)", guess.role.what(), guess.name(), guess.score);
    }
    write(place, &Page { database: Some(looked), services }, Some(&schema))
}

fn write(place: &Place, page: &Page<'_>, schema: Option<&Schema>) -> Result<(), String> {
    for seen in page.services {
        if let Some((path, dependencies)) = seen.readiness() {
            println!("found    {:<26} {} at {path} ({dependencies} dependencies)", "readiness", seen.name);
        }
    }
    match schema {
        Some(Schema::Sql(sql)) => {
            place.write(&place.schema(), sql)?;
            println!("written  {}", place.schema().display());
        }
        Some(Schema::Missing(why)) => eprintln!("warning: the schema was not written: {why}"),
        None => {}
    }
    let text = page.text();
    place.write(place.file(), &text)?;
    println!("written  {}", place.file().display());
    for (line, what) in edits(&text) {
        println!("edit     {}:{line}: {what}", place.file().display());
    }
    Ok(())
}
