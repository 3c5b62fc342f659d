//! pgbench through a transparent PostgreSQL wire, beside pgbench directly.

use crate::{Outcome, ROUNDS, median};
use sabot_sandbox::postgres::{Options, Server};
use sabot_wire::pg::{PgWire, PgWireOptions};
use std::net::SocketAddr;
use tokio::process::Command;

const CLIENTS: &str = "8";
const SECONDS: &str = "3";

/// Select-only and the default mix, prepared and simple.
pub(crate) async fn wire() -> Outcome {
    let server = Server::start(Options::default()).await?;
    server.create_database("bench").await?;
    let direct = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let wire = PgWire::start(PgWireOptions::to_tcp(direct)).await?;
    pgbench(&server, server.port(), &["-i", "-q", "-s", "5"]).await?;
    for (what, options) in [
        ("select only, prepared", &["-S", "-M", "prepared"][..]),
        ("select only, simple", &["-S", "-M", "simple"][..]),
        ("default mix, prepared", &["-M", "prepared"][..]),
    ] {
        let mut args = vec!["-n", "-c", CLIENTS, "-j", "2", "-T", SECONDS];
        args.extend(options);
        let (mut bare, mut through) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(rate(&pgbench(&server, server.port(), &args).await?)?);
            through.push(rate(&pgbench(&server, wire.address().port(), &args).await?)?);
        }
        let (bare, through) = (median(bare), median(through));
        println!(
            "  {what:<24} direct {bare:>8.0} tps   wire {through:>8.0} tps   ratio {:.2}",
            through / bare
        );
    }
    println!("  ({CLIENTS} clients, medians of {ROUNDS} rounds of {SECONDS} s)");
    server.stop().await;
    Ok(())
}

pub(crate) async fn pgbench(server: &Server, port: u16, args: &[&str]) -> Outcome<String> {
    let output = Command::new(server.installation().program("pgbench"))
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", server.superuser()])
        .args(args)
        .arg("bench")
        .env("PGPASSWORD", server.password())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(120), output).await??;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

pub(crate) fn rate(output: &str) -> Outcome<f64> {
    let line =
        output.lines().find_map(|line| line.strip_prefix("tps = ")).ok_or("pgbench printed no rate")?;
    Ok(line.split(' ').next().unwrap_or_default().parse()?)
}
