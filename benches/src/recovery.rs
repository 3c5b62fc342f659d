//! Backups and drills beside what a careful script does, in one run: a database of more than a gibibyte with indexes, JSON
//! and text.
//!
//! The scripts get a server that is already unpacked, which spares them the second that `initdb` takes.

use crate::table::{Goal, in_round};
use crate::{Outcome, median};
use sabot_recovery::backup::postgres::{Kind, backup};
use sabot_recovery::backup::{Done, Request as BackupRequest};
use sabot_recovery::drill::{Request as DrillRequest, Source, postgres};
use sabot_recovery::report::{Outcome as Came, Phase, Report};
use sabot_recovery::store::{Choice, Store};
use sabot_sandbox::Place;
use sabot_sandbox::postgres::{Options, Server};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// Rounds, each of everything, one after the other.
const ROUNDS: usize = 3;

/// Each unit is 100,000 rows, 15 MB with their index.
const SCALE: &str = "47";

/// Documents with eight indexes, one of them inverted.
const DOCUMENTS: &str = "
CREATE TABLE docs (id bigint PRIMARY KEY, owner integer, at timestamptz, title text, body text, data jsonb, state text, rank double precision);
INSERT INTO docs SELECT n, n % 1000, timestamptz '2024-01-01' + n * interval '1 minute', 'title ' || n, repeat(md5(n::text) || ' ', 12),
  jsonb_build_object('n', n, 'tags', jsonb_build_array(n % 7, 'tag ' || n % 31), 'text', md5((n + 1)::text)), (ARRAY['new', 'open', 'done'])[1 + n % 3], random()
FROM generate_series(1, 400000) AS n;
CREATE INDEX ON docs (owner); CREATE INDEX ON docs (at); CREATE INDEX ON docs (title); CREATE INDEX ON docs (state, at); CREATE INDEX ON docs (rank);
CREATE INDEX ON docs USING gin (data jsonb_path_ops); CREATE INDEX ON docs ((data->>'n'));";

/// What is asked at the end of each restore.
const SMOKE: [&str; 2] =
    ["SELECT count(*) = 4700000 FROM pgbench_accounts", "SELECT count(*) = 400000 FROM docs"];

/// How long any one step may take.
const LIMIT: Duration = Duration::from_secs(600);

/// The source, and what was taken of it.
struct Bench {
    source: Server,
    folder: tempfile::TempDir,
    store: Store,
}

/// All figures, and after them which goals are met.
pub(crate) async fn figures() -> Outcome {
    let bench = Bench::prepare().await?;
    let size = bench.size().await?;
    println!(
        "  a database of {:.0} MiB; {ROUNDS} rounds, medians; of ratios within each round",
        size / 1_048_576.0
    );
    let mut seconds: [Vec<f64>; 6] = Default::default();
    let (mut own, mut last): ([Vec<f64>; 2], _) = (Default::default(), Vec::new());
    for _ in 0..ROUNDS {
        seconds[0].push(bench.bare_dump().await?);
        seconds[1].push(bench.own_dump(Kind::Logical, "logical").await?);
        bench.own_dump(Kind::Physical, "physical").await?;
        bench.dump_all().await?;
        seconds[2].push(bench.by_psql().await?);
        seconds[3].push(bench.by_pg_restore().await?);
        for (place, job) in [(4, "logical"), (5, "physical")] {
            let before = own_cpu()?;
            let report = bench.drill(job).await?;
            let took = report.rto_seconds.ok_or("a drill without a recovery time")?;
            own[place - 4].push((own_cpu()? - before) / took);
            seconds[place].push(took);
            last.push((job, report));
        }
    }
    tell(&seconds, own.map(median), &last)
}

fn tell(seconds: &[Vec<f64>; 6], [logical, physical]: [f64; 2], last: &[(&str, Report)]) -> Outcome {
    let names = [
        "bare pg_dump --format=custom",
        "backup, logical, with digests",
        "(a) gunzip | psql of pg_dumpall, default cluster",
        "(b) pg_restore -j2, default cluster",
        "(c) drill, logical, every digest verified",
        "(d) drill, physical, verified by pg_verifybackup and pg_amcheck",
    ];
    for (name, seconds) in names.iter().zip(seconds) {
        println!("  {name:<66} {:>7.2} s", median(seconds.clone()));
    }
    for (job, report) in last.iter().rev().take(2) {
        let phases: Vec<_> = report.phases.iter().map(|(phase, took)| format!("{phase} {took:.2}")).collect();
        println!("  phases of the last drill of {job}: {}", phases.join(", "));
    }
    let ratio = |of: usize, to: usize| in_round(&seconds[of], &seconds[to]);
    println!(
        "  Sabot's own processor time in a physical drill, which it unpacks itself: {physical:.2} of its length"
    );
    println!("\n  goals, of ours");
    let goals = [
        Goal::at_least(1.5, "(a) to (c)", ratio(2, 4)),
        Goal::at_least(1.0, "(b) to (c)", ratio(3, 4)),
        Goal::at_least(3.5, "(a) to (d)", ratio(2, 5)),
        Goal::below(1.25, "logical backup to bare dump", ratio(1, 0)),
        Goal::below(0.05, "Sabot's own processor time in a logical drill, of its length", logical),
        Goal::below(200.0, "Sabot's own memory, MiB", own_memory()?),
    ];
    goals.iter().for_each(Goal::print);
    Ok(())
}

impl Bench {
    async fn prepare() -> Outcome<Self> {
        let options = Options::default().place(Place::Disk).setting("max_wal_size", "4GB");
        let source =
            Server::start(options.setting("wal_level", "replica").setting("max_wal_senders", "4")).await?;
        source.create_database("bench").await?;
        let folder = tempfile::tempdir()?;
        let store = Store::open_or_create(&folder.path().join("store").display().to_string())?;
        let bench = Self { source, folder, store };
        let (pgbench, url) = (bench.program("pgbench"), bench.source.url("bench"));
        sh(&format!("{} -i -q -s {SCALE} '{url}'", pgbench.display())).await?;
        let client = bench.source.connect("bench").await?;
        client.batch_execute(DOCUMENTS).await?;
        client.batch_execute("VACUUM ANALYZE").await?;
        client.batch_execute("CHECKPOINT").await?;
        Ok(bench)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.source.installation().program(name)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn size(&self) -> Outcome<f64> {
        let client = self.source.connect("bench").await?;
        Ok(client.query_one("SELECT pg_database_size('bench')::float8", &[]).await?.try_get(0)?)
    }

    async fn bare_dump(&self) -> Outcome<f64> {
        let (program, file) = (self.program("pg_dump"), self.path("bare.dump"));
        let begun = Instant::now();
        sh(&format!("{} -Fc -f {} '{}'", program.display(), file.display(), self.source.url("bench")))
            .await?;
        Ok(begun.elapsed().as_secs_f64())
    }

    async fn dump_all(&self) -> Outcome {
        let (program, file) = (self.program("pg_dumpall"), self.path("all.sql.gz"));
        if file.exists() {
            return Ok(());
        }
        // Without the passwords of roles: the script is to go on with its own.
        let options = "--no-role-passwords";
        let url = self.source.url("postgres");
        // It connects once more for each database, and only the environment reaches all of these.
        let password = self.source.password();
        sh(&format!(
            "PGPASSWORD={password} {} {options} -d '{url}' | gzip > {}",
            program.display(),
            file.display()
        ))
        .await
    }

    async fn own_dump(&self, kind: Kind, job: &str) -> Outcome<f64> {
        let request = BackupRequest {
            store: self.store.clone(),
            job: job.to_owned(),
            keep: std::num::NonZeroUsize::new(1),
            due: None,
            limit: LIMIT,
            stop: CancellationToken::new(),
        };
        let begun = Instant::now();
        match backup(&self.source.config("bench"), kind, &request, |_| ()).await? {
            Done::Taken(_) => Ok(begun.elapsed().as_secs_f64()),
            Done::Already(name) => Err(format!("{name} was there already").into()),
        }
    }

    /// A cluster as `initdb` leaves it.
    async fn default_cluster() -> Outcome<Server> {
        let options = Options::default().durable();
        let settings = [
            ("shared_buffers", "128MB"),
            ("max_wal_size", "1GB"),
            ("min_wal_size", "80MB"),
            ("max_connections", "100"),
        ];
        let options =
            settings.into_iter().fold(options, |options, (name, value)| options.setting(name, value));
        Ok(Server::start(options).await?)
    }

    async fn by_psql(&self) -> Outcome<f64> {
        let (program, file) = (self.program("psql"), self.path("all.sql.gz"));
        let begun = Instant::now();
        let server = Self::default_cluster().await?;
        let url = server.url("postgres");
        sh(&format!("gunzip -c {} | {} -X -q -d '{url}' >/dev/null 2>&1", file.display(), program.display()))
            .await?;
        self.asked(server, begun).await
    }

    async fn by_pg_restore(&self) -> Outcome<f64> {
        let (program, file) = (self.program("pg_restore"), self.path("bare.dump"));
        let begun = Instant::now();
        let server = Self::default_cluster().await?;
        server.create_database("bench").await?;
        let url = server.url("bench");
        sh(&format!("{} -j2 -d '{url}' {}", program.display(), file.display())).await?;
        self.asked(server, begun).await
    }

    async fn asked(&self, server: Server, begun: Instant) -> Outcome<f64> {
        let client = server.connect("bench").await?;
        for query in SMOKE {
            let row = client.query_one(query, &[]).await?;
            if !row.try_get::<_, bool>(0)? {
                return Err(format!("{query}: not so").into());
            }
        }
        let took = begun.elapsed().as_secs_f64();
        server.stop().await;
        Ok(took)
    }

    async fn drill(&self, job: &str) -> Outcome<Report> {
        let source = Source::Job { store: self.store.clone(), job: job.to_owned(), choice: Choice::Newest };
        let smoke = SMOKE.map(String::from).to_vec();
        let request = DrillRequest { source, smoke, rto: LIMIT, rpo: LIMIT * 100, hold: None };
        let options =
            postgres::Options { smoke_on: Some("bench".to_owned()), ..postgres::Options::default() };
        let report = postgres::drill(&request, &options, Arc::new(|_| ()), &CancellationToken::new()).await;
        if report.outcome != Came::Passed || !report.phases.iter().any(|(phase, _)| *phase == Phase::Verify) {
            return Err(format!("the drill of {job}: {:?}", report.problems).into());
        }
        Ok(report)
    }
}

async fn sh(line: &str) -> Outcome {
    let mut command = Command::new("bash");
    command.args(["-o", "pipefail", "-c", line]).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await??;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{line}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

/// Processor time of this process so far, in seconds.
fn own_cpu() -> Outcome<f64> {
    let stat = std::fs::read_to_string(Path::new("/proc/self/stat"))?;
    let fields: Vec<_> = stat.rsplit_once(')').ok_or("no such line")?.1.split_whitespace().collect();
    let ticks = |at: usize| -> Outcome<f64> { Ok(fields.get(at).ok_or("a short line")?.parse::<f64>()?) };
    // Ticks of a hundredth of a second, on every Linux that there is.
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// The most memory that this process has held, in MiB.
fn own_memory() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().next().ok_or("an empty VmHWM")?.parse::<f64>()? / 1024.0)
}
