//! A server that is there to be restored into: everything for speed, since what it holds exists elsewhere.

use std::time::Duration;

use super::{Options, machine};
use crate::Place;
use crate::folder::{MEMORY, room};

const MIB: u64 = 1024 * 1024;

/// What a restore in memory must leave: for the server itself, the restore tool, and whoever else works here.
const SPARE: u64 = 2 * 1024 * MIB;

/// Settings that hang on nothing. (Durability is off in every sandbox.)
const RESTORE: [(&str, &str); 13] = [
    ("autovacuum", "off"),
    // A table that is filled in the transaction that made it is then not written to the WAL at all.
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("synchronous_commit", "off"),
    ("archive_mode", "off"),
    ("checkpoint_timeout", "1h"),
    ("bgwriter_lru_maxpages", "0"),
    ("work_mem", "64MB"),
    ("jit", "off"),
    // A dump of thousands of tables or large objects locks them in one transaction.
    ("max_locks_per_transaction", "512"),
    // A restored subscription would connect to its publisher and take from its slot.
    ("max_logical_replication_workers", "0"),
    ("max_sync_workers_per_subscription", "0"),
    ("log_checkpoints", "off"),
];

impl Options {
    /// A server tuned for a restore of about `bytes` of data, where that is known: no durability, no autovacuum, memory
    /// and parallel workers by this machine. The data lie on disk unless memory clearly suffices.
    #[must_use]
    pub fn for_restore(bytes: Option<u64>) -> Self {
        let (memory, processors) = (machine::memory(), machine::processors());
        let mib = |bytes: u64, least: u64, most: u64| format!("{}MB", (bytes / MIB).clamp(least, most));
        let place = if fits(bytes, memory) { Place::Memory } else { Place::Disk };
        let tuned = [
            ("shared_buffers", mib(memory / 8, 64, 2048)),
            ("maintenance_work_mem", mib(memory / 8 / processors, 32, 1024)),
            ("max_wal_size", mib(bytes.unwrap_or(4096 * MIB), 512, 4096)),
            ("max_parallel_maintenance_workers", processors.to_string()),
            ("max_parallel_workers_per_gather", processors.to_string()),
            ("max_parallel_workers", (2 * processors).to_string()),
            ("max_worker_processes", (2 * processors + 8).to_string()),
        ];
        let fixed = RESTORE.map(|(name, value)| (name, value.to_owned()));
        let options = Self { place, start_limit: Duration::from_secs(30 * 60), ..Self::default() };
        fixed.into_iter().chain(tuned).fold(options, |options, (name, value)| options.setting(name, value))
    }
}

/// Whether so much clearly fits into memory: twice over, since indexes are built in it as well, and WAL lies there too.
fn fits(bytes: Option<u64>, memory: u64) -> bool {
    let Some(bytes) = bytes else { return false };
    let needed = bytes.saturating_mul(2).saturating_add(SPARE);
    needed <= memory && needed <= room(std::path::Path::new(MEMORY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_chosen_only_where_it_clearly_suffices() {
        assert!(!fits(None, u64::MAX), "nobody knows how much it is");
        assert!(!fits(Some(u64::MAX / 2), u64::MAX));
        assert!(!fits(Some(1), SPARE));
        assert_eq!(Options::for_restore(None).place, Place::Disk);
    }
}
