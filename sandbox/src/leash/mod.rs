//! A leash: a child process that cannot outlive its owner, and a folder that goes with it.
//!
//! Between owner and child stands a *guardian*, a small shell script in a process group of its own, so that Ctrl-C
//! reaches only the owner. Its standard input is a socket whose other end the owner holds (close-on-exec, so nobody
//! inherits it). End-of-file there means that the owner has let go, exited, panicked or been killed: the guardian
//! stops the child, waits for it, and removes the folder. If the guardian itself is killed, the child dies by its
//! parent-death signal, which here hangs on a process and not, as it would in the owner, on a thread.
//!
//! ```text
//! owner ──socket──▶ guardian (sh) ──┬── child    parent-death signal
//!   ▲                    │          └── watch    reads the socket while the guardian waits
//!   └── pid N, exit N ───┘
//! ```
//!
//! A leash belongs to no async runtime: one made on one runtime may be awaited on another, or merely dropped.
//!
//! The child heads a group of its own. The stop signal goes to the child alone; whatever of its group is left once it
//! has ended is killed. (A process that moves to another group, as PostgreSQL's do, must see to its own end.)
//!
//! What it does not cover: should guardian *and* owner be killed within the same few milliseconds, the child still
//! dies, but the folder stays, labelled, for [`gc`](crate::gc()).

mod attendant;
mod error;
mod handle;
mod spec;

pub use attendant::Exit;
pub use error::LeashError;
pub use handle::Leash;
pub use rustix::process::Signal;
pub use spec::Spec;
