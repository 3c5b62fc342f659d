//! Views of a run: the terminal while it runs, and documents drawn from the finished record.

mod github;
mod html;
mod junit;
mod markdown;
mod plain;
mod prometheus;
#[cfg(test)]
pub(crate) mod samples;
mod terminal;
#[cfg(test)]
mod tests;
mod text;

pub use github::github;
pub use html::html;
pub use junit::junit;
pub use markdown::{markdown, markdown_within};
pub use prometheus::prometheus;
pub use terminal::{View, watch};
pub use text::{last_line, matrix, summary};
