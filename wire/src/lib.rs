//! The wires: proxies on the connections of a target.
//!
//! A wire stands between a service and what it talks to. With no rule set it is transparent: the same bytes, in
//! the same order, with back-pressure. Rules make it count, record, delay, refuse, hang, cut, repeat, acknowledge
//! early, answer, rewrite, and hold a message until a waiting check has decided what becomes of it.
//!
//! [`tcp`] relays bytes and knows only connections; [`http`] frames HTTP/1.1; [`pg`] frames the PostgreSQL
//! frontend/backend protocol 3.0. A wire knows nothing of checks, tracks or targets.

pub mod hold;
pub mod http;
pub mod pg;
pub mod rule;
pub mod tcp;

mod listener;
