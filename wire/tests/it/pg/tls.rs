//! TLS to the client, to the server, and to both.

use super::{Bed, run, run_well};
use rcgen::{CertificateParams, KeyPair};
use sabot_sandbox::postgres::{Options, Server};
use sabot_wire::pg::{PgWire, PgWireOptions, SslMode, StartError, Upstream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

#[tokio::test]
async fn a_client_verifies_the_wire_by_the_authority_of_this_run() {
    let folder = tempfile::tempdir().unwrap();
    let bed = Bed::with(|options| options.offer_tls(folder.path())).await;
    let ca = bed.wire.ca_file().unwrap().to_str().unwrap().to_owned();
    for host in ["localhost", "127.0.0.1"] {
        let target = format!("host={host} sslmode=verify-full sslrootcert={ca}");
        let said = run_well(bed.program("psql").args([&target, "-Atc", "\\conninfo"])).await;
        assert!(said.contains("SSL connection"), "{said}");
    }
    let other = tempfile::tempdir().unwrap();
    let stranger = Bed::with(|options| options.offer_tls(other.path())).await;
    let target = format!("sslmode=verify-full sslrootcert={ca}");
    let refused = run(stranger.program("psql").args([&target, "-Atc", "SELECT 1"])).await;
    assert!(!refused.status.success(), "the authority is that of another wire");
    let plain = run_well(bed.program("psql").args(["sslmode=disable", "-Atc", "SELECT 'plain'"])).await;
    assert_eq!(plain, "plain\n");
}

/// A server with TLS, and the files of certificates: its own, and one that has nothing to do with it.
struct Encrypted {
    server: Server,
    folder: TempDir,
}

impl Encrypted {
    /// `names` are those in the certificate.
    async fn start(names: &[&str]) -> Self {
        let server = Server::start(Options::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = certificate(names);
        let data = server.data_dir();
        let owner = std::fs::metadata(&data).unwrap();
        for (name, text) in [("server.crt", &certificate), ("server.key", &key)] {
            let path = data.join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        std::fs::write(folder.path().join("root.pem"), certificate).unwrap();
        std::fs::write(folder.path().join("stranger.pem"), self::certificate(names).0).unwrap();
        server.connect("postgres").await.unwrap().batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
        server.restart().await.unwrap();
        Self { server, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn options(&self, mode: SslMode, root: Option<&str>) -> PgWireOptions {
        let upstream = Upstream::Tcp { host: "127.0.0.1".to_owned(), port: self.server.port() };
        PgWireOptions::to(upstream).ssl(mode, root.map(|name| self.file(name)))
    }

    fn psql(&self, wire: &PgWire, target: &str, sql: &str) -> Command {
        let mut command = Command::new(self.server.installation().program("psql"));
        let target = format!("host=127.0.0.1 port={} dbname=postgres {target}", wire.address().port());
        command
            .env("PGUSER", self.server.superuser())
            .env("PGPASSWORD", self.server.password())
            .args([&target, "-XAtc", sql])
            .kill_on_drop(true);
        command
    }
}

fn certificate(names: &[&str]) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let names = names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

const ENCRYPTED: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

#[tokio::test]
async fn the_server_is_verified_as_the_mode_says() {
    let named = Encrypted::start(&["127.0.0.1"]).await;
    for (mode, root, encrypted) in [
        (SslMode::Disable, None, Some("f\n")),
        (SslMode::Prefer, None, Some("t\n")),
        (SslMode::Require, None, Some("t\n")),
        (SslMode::Require, Some("stranger.pem"), None),
        (SslMode::VerifyCa, Some("root.pem"), Some("t\n")),
        (SslMode::VerifyCa, Some("stranger.pem"), None),
        (SslMode::VerifyFull, Some("root.pem"), Some("t\n")),
    ] {
        let wire = PgWire::start(named.options(mode, root)).await.unwrap();
        let output = run(&mut named.psql(&wire, "sslmode=disable", ENCRYPTED)).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success().then_some(&*said), encrypted, "{mode:?} {root:?}: {errors}");
        if encrypted.is_none() {
            assert!(errors.contains("cannot be reached") && errors.contains("certificate"), "{errors}");
        }
    }
}

#[tokio::test]
async fn the_name_of_the_server_is_verified_by_verify_full_alone() {
    let misnamed = Encrypted::start(&["elsewhere.example"]).await;
    let wire = PgWire::start(misnamed.options(SslMode::VerifyCa, Some("root.pem"))).await.unwrap();
    assert_eq!(run_well(&mut misnamed.psql(&wire, "sslmode=disable", ENCRYPTED)).await, "t\n");
    let wire = PgWire::start(misnamed.options(SslMode::VerifyFull, Some("root.pem"))).await.unwrap();
    assert!(!run(&mut misnamed.psql(&wire, "sslmode=disable", ENCRYPTED)).await.status.success());
}

#[tokio::test]
async fn with_tls_on_both_sides_the_setting_that_helps_is_named() {
    let server = Encrypted::start(&["127.0.0.1"]).await;
    let options = server.options(SslMode::Require, None).offer_tls(server.folder.path());
    let wire = PgWire::start(options).await.unwrap();
    let refused = run(&mut server.psql(&wire, "sslmode=require", ENCRYPTED)).await;
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(errors.contains("channel_binding=disable"), "{errors}");
    let target = "sslmode=require channel_binding=disable";
    assert_eq!(run_well(&mut server.psql(&wire, target, ENCRYPTED)).await, "t\n");
    let cancelled = run_well(&mut server.psql(&wire, target, "SELECT 1")).await;
    assert_eq!(cancelled, "1\n");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_it_is_demanded() {
    let bed = Bed::with(|options| options.ssl(SslMode::Require, None)).await;
    let error = bed.try_client().await.map(drop).unwrap_err();
    assert!(error.as_db_error().unwrap().message().contains("has no TLS"), "{error}");
}

#[tokio::test]
async fn a_mode_that_verifies_needs_something_to_verify_by() {
    let options = || PgWireOptions::to_tcp(([127, 0, 0, 1], 5432).into());
    let fails =
        async |root: Option<PathBuf>| match PgWire::start(options().ssl(SslMode::VerifyCa, root)).await {
            Err(StartError::Tls { source, .. }) => source.to_string(),
            other => panic!("{other:?}"),
        };
    assert!(fails(None).await.contains("sslrootcert"));
    assert!(fails(Some(Path::new("/nonexistent.pem").to_owned())).await.contains("/nonexistent.pem"));
    assert!("allow".parse::<SslMode>().unwrap_err().to_string().contains("verify-full"));
}
