//! PostgreSQL: where every event is kept, and where the ledger follows from what is kept.
//!
//! # Why the ledger is right whoever writes at once
//!
//! Two sorts of transaction change what a ledger row says: one that stores events of a message (any replica of the
//! api), and one that writes the message's row (any worker). Each ends by computing the row from *all* stored events
//! of the message. Under `READ COMMITTED` two of them could each miss what the other has not yet committed, and
//! nobody would compute again: a lost event, and for the second sort a lost *early* event.
//!
//! So each first takes a transaction-level advisory lock per message, in a statement of its own, before it writes
//! anything. Two transactions on one message therefore come one after the other, and since each later statement has a
//! snapshot of its own, taken after the lock was had, the second sees everything of the first. Whoever is last
//! computes from everything. Locks are taken in rising order of their number, so two transactions cannot wait for
//! each other; rows are inserted in the order of their key for the same reason. A lock's number is a digest: two
//! messages that share one merely wait for each other.

//!
//! # How a row that lacks its message's id comes by it
//!
//! Events of messages that the ledger does not know may carry the reference of a row that was written without an id.
//! For these a second transaction follows before the answer: under the locks of message and reference it keeps which
//! message carries which reference, lets the row adopt the id, and computes it. Who writes a row without an id looks
//! there first, under the reference's lock. So of the two, whoever comes second sees what the other left.

mod batch;
mod committer;
mod connection;
mod failure;
mod session;
mod statements;

pub(crate) use committer::Committer;
pub(crate) use session::{Planning, Session};
pub(crate) use statements::{LEDGER_LOCK, ledger_sql, lock_number, reference_lock};
