//! Room on the disk.

use super::course::Course;
use crate::report::Class;
use std::path::Path;

const MIB: u64 = 1024 * 1024;

/// Whether there is room for so many bytes.
pub(super) fn room(course: &Course, folder: &Path, needed: u64) {
    let free = rustix::fs::statvfs(folder).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    let place = folder.parent().unwrap_or(folder).display();
    match free {
        Ok(free) if free < needed => {
            let message = format!(
                "too little room in {place}: {} MiB are needed, {} MiB are free; set TMPDIR to a folder with more",
                needed.div_ceil(MIB),
                free / MIB
            );
            course.problem(Class::Preflight, "disk", message);
        }
        Ok(_) => {}
        Err(error) => course.problem(Class::Preflight, "disk", format!("{place}: {error}")),
    }
}
