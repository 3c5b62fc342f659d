//! What the embedded platform promises about recovery, described.

mod backups;

use crate::description::Recovery;

pub(super) fn recovery() -> Recovery {
    Recovery { backups: backups::backups() }
}
