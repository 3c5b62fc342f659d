//! Free ports.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// A free loopback port below those that the kernel lends to outgoing connections (from 32768 by default), so that
/// none of them sits on it while the server restarts.
///
/// # Errors
/// When the system gives none.
pub fn free() -> io::Result<u16> {
    for _ in 0..100 {
        let mut random = [0; 2];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let port = 20_000 + u16::from_ne_bytes(random) % 12_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(|address| address.port())
}
