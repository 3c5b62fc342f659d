//! Views of a run: the terminal while it runs, and documents drawn from the finished record.

mod html;
mod markdown;
mod terminal;
mod text;

pub use html::html;
pub use markdown::markdown;
pub use terminal::{View, watch};
pub use text::{last_line, matrix, summary};
