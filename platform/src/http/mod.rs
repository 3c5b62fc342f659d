//! What the services' routes have in common: errors, bearer tokens, limits, measurements.

mod bearer;
mod error;
mod extract;
mod limit;
mod measure;

pub use bearer::{Bearer, require_bearer};
pub use error::ApiError;
pub use extract::{Json, Path, Query};
pub use limit::{Limits, guarded, measured};
pub use measure::{Requests, metrics_route};
