//! How PostgreSQL's own programs are told where to connect: by the environment, where no other user reads the password.

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How long one of them may take to connect, in seconds.
const CONNECT_SECONDS: &str = "15";

/// The variables that lead `pg_dump`, `pg_restore`, `psql` and the like to the server (and database) of `config`.
#[must_use]
pub fn environment(config: &Config) -> Vec<(&'static str, String)> {
    let hosts: Vec<_> = config.get_hosts().iter().map(host).collect();
    let ports: Vec<_> = config.get_ports().iter().map(u16::to_string).collect();
    let password = config.get_password().map(|password| String::from_utf8_lossy(password).into_owned());
    let mode = match config.get_ssl_mode() {
        SslMode::Disable => "disable",
        SslMode::Require => "require",
        _ => "prefer",
    };
    let given = [
        ("PGHOST", Some(hosts.join(","))),
        ("PGPORT", Some(ports.join(","))),
        ("PGUSER", config.get_user().map(str::to_owned)),
        ("PGPASSWORD", password),
        ("PGDATABASE", config.get_dbname().map(str::to_owned)),
        ("PGOPTIONS", config.get_options().map(str::to_owned)),
        ("PGSSLMODE", Some(mode.to_owned())),
        ("PGAPPNAME", config.get_application_name().map(str::to_owned)),
        ("PGCONNECT_TIMEOUT", Some(CONNECT_SECONDS.to_owned())),
    ];
    given
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_address_says_is_passed_on_and_nothing_else() {
        let config: Config =
            "postgres://me:secret@db:5433/app?sslmode=disable&options=-c%20geqo=off".parse().unwrap();
        let told = environment(&config);
        let expected = [
            ("PGHOST", "db"),
            ("PGPORT", "5433"),
            ("PGUSER", "me"),
            ("PGPASSWORD", "secret"),
            ("PGDATABASE", "app"),
            ("PGOPTIONS", "-c geqo=off"),
            ("PGSSLMODE", "disable"),
            ("PGCONNECT_TIMEOUT", "15"),
        ];
        assert_eq!(told, expected.map(|(name, value)| (name, value.to_owned())));
        let socket: Config = "host=/run/postgresql user=me".parse().unwrap();
        assert!(environment(&socket).contains(&("PGHOST", "/run/postgresql".to_owned())));
    }
}
