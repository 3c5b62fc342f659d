//! The HTTP wire between a client and an upstream that the tests play byte by byte.

mod actions;
mod hold;
mod malformed;
mod modes;
mod peers;
mod proxy;
mod records;
mod transparent;
