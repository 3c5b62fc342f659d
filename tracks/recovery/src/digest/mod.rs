//! What is in a database, so that two of them can be compared without one of them at hand: counts and digests.

pub mod postgres;
