//! Runs an external program (`pg_dump`, `pg_restore`, `mongodump` …) on a leash, within a time limit.
//!
//! The program dies with its owner, however that ends. Its standard output is streamed, or goes to a file; what it says on
//! standard error is kept line by line, up to a bound. Passwords go by the environment, never by the command line.

mod error;
mod find;
mod messages;
mod run;

pub use error::ToolError;
pub use find::{Tool, major_of};
pub use messages::{MAX_LINE, MAX_LINES, Messages};
pub use run::{Command, End, Running};
