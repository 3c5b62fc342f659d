//! What this machine has to offer: memory and processors, within the limits of the container.

use std::path::Path;

/// Bytes of memory that may still be used: what the system calls available, or less where a control group says so.
pub(super) fn memory() -> u64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = available(&info).unwrap_or(512 * 1024 * 1024);
    limit(Path::new("/sys/fs/cgroup")).map_or(available, |limit| limit.min(available))
}

/// How many processors this process may use.
pub(super) fn processors() -> u64 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u64)
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn available(info: &str) -> Option<u64> {
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// What the control group leaves, in bytes; none without a limit. (Version 2 of control groups: within a container its
/// own group is at the root.)
fn limit(group: &Path) -> Option<u64> {
    let number =
        |name: &str| -> Option<u64> { std::fs::read_to_string(group.join(name)).ok()?.trim().parse().ok() };
    Some(number("memory.max")?.saturating_sub(number("memory.current").unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_in_bytes() {
        let info = "MemTotal:       24681000 kB\nMemAvailable:       1000 kB\n";
        assert_eq!(available(info), Some(1_024_000));
        assert!(memory() > 0 && processors() > 0);
    }

    #[test]
    fn a_control_group_leaves_its_limit_less_what_is_used() {
        let group = tempfile::tempdir().unwrap();
        assert_eq!(limit(group.path()), None);
        std::fs::write(group.path().join("memory.max"), "max\n").unwrap();
        assert_eq!(limit(group.path()), None);
        std::fs::write(group.path().join("memory.max"), "1000\n").unwrap();
        std::fs::write(group.path().join("memory.current"), "400\n").unwrap();
        assert_eq!(limit(group.path()), Some(600));
    }
}
