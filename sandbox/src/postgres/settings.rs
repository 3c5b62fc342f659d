//! The configuration files of a throwaway server.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::Error;

/// What suits data that nobody will miss, on a machine that has other work too.
const THROWAWAY: [(&str, &str); 14] = [
    ("fsync", "off"),
    ("full_page_writes", "off"),
    // Without fsync it costs next to nothing, and what was committed outlives a killed server: a check that kills one
    // must not be told of losses that are the sandbox's own.
    ("synchronous_commit", "on"),
    ("archive_mode", "off"),
    ("max_connections", "200"),
    ("shared_buffers", "64MB"),
    // The data may lie in memory, where WAL would soon crowd them out.
    ("max_wal_size", "256MB"),
    ("min_wal_size", "32MB"),
    ("shared_memory_type", "mmap"),
    // Segments in the data folder go with it, even when the server is killed; those in /dev/shm would stay.
    ("dynamic_shared_memory_type", "mmap"),
    ("huge_pages", "off"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_line_prefix", "%m [%p] %q%u@%d "),
];

/// What the sandbox alone decides.
const RESERVED: [&str; 9] = [
    "port",
    "listen_addresses",
    "unix_socket_directories",
    "unix_socket_permissions",
    "data_directory",
    "hba_file",
    "ident_file",
    "external_pid_file",
    "logging_collector",
];

/// Refuses what cannot be set, before anything is made.
pub(super) fn validate(settings: &BTreeMap<String, String>) -> Result<(), Error> {
    for (name, value) in settings {
        let refuse = |reason| Err(Error::Setting { name: name.clone(), reason });
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            return refuse("the sandbox decides it");
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
            || name.is_empty()
        {
            return refuse("that is not a setting's name");
        }
        if value.contains(['\n', '\r', '\0']) {
            return refuse("its value has more than one line");
        }
    }
    Ok(())
}

/// `postgresql.conf`.
pub(super) fn conf(id: &str, socket_dir: &Path, port: u16, settings: &BTreeMap<String, String>) -> String {
    let mut conf = String::from("# Written by the sandbox at every start.\n");
    let mut put = |name: &str, value: &str| {
        // A quote within a value is doubled, a backslash too. Writing into a string cannot fail.
        let value = value.replace('\\', "\\\\").replace('\'', "''");
        let _ = writeln!(conf, "{name} = '{value}'");
    };
    for (name, value) in THROWAWAY {
        put(name, value);
    }
    put("cluster_name", &format!("sabot-sandbox-{id}"));
    for (name, value) in settings {
        put(name, value);
    }
    put("listen_addresses", "127.0.0.1");
    put("port", &port.to_string());
    put("unix_socket_directories", &socket_dir.to_string_lossy());
    put("unix_socket_permissions", "0700");
    conf
}

/// `pg_hba.conf`.
pub(super) fn hba(first: &[String]) -> String {
    let own = ["local all all scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256"];
    let replication =
        ["local replication all scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256"];
    let lines = first.iter().map(String::as_str).chain(own).chain(replication);
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn what_the_sandbox_decides_is_refused() {
        for name in ["port", "Listen_Addresses", "logging_collector"] {
            assert!(validate(&settings(name, "1")).is_err(), "{name}");
        }
        assert!(validate(&settings("work_mem = '1' #", "1")).is_err());
        assert!(validate(&settings("work_mem", "1MB\nport = 1")).is_err());
        assert!(validate(&settings("auto_explain.log_min_duration", "0")).is_ok());
    }

    #[test]
    fn the_callers_settings_come_after_the_throwaway_ones_and_are_quoted() {
        let conf = conf("id", Path::new("/s"), 5432, &settings("application_name", r"it's \ here"));
        assert!(conf.contains("application_name = 'it''s \\\\ here'\n"), "{conf}");
        let conf = super::conf("id", Path::new("/s"), 5432, &settings("fsync", "on"));
        assert!(conf.find("fsync = 'off'").unwrap() < conf.find("fsync = 'on'").unwrap());
    }
}
