//! Drills: one restore of one artifact into a throwaway server, timed, verified, and removed again.
//!
//! ```text
//! choose ── accept ──┬── fetch, hash ──┬── preflight ── restore ── verify ── smoke ── hold? ── teardown ── report
//!                    └── server ───────┘                                       │
//!                    └──────────────────── recovery time ──────────────────────┘
//! ```
//!
//! What is of every engine alike is here: the [request](Request), the [input], the [course]; what a PostgreSQL artifact
//! needs is in [`postgres`], what one of MongoDB needs in [`mongo`].

pub mod course;
pub mod input;
pub mod mongo;
pub mod postgres;
mod request;
mod room;

pub use request::{Hold, Request, Source};
