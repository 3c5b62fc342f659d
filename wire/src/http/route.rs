//! Where requests are sent on to.

use super::head::RequestFacts;
use super::matcher::without_port;
use super::message::Response;
use super::wire::Settings;
use std::net::SocketAddr;
use std::str::FromStr;

/// What an HTTP wire leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Upstream {
    /// Nothing: requests are answered by rules, and by a 502 where no rule answers.
    #[default]
    None,
    /// One server.
    Server(SocketAddr),
    /// The server that each request names, as a forward proxy does. A name leads to the address that
    /// [`HttpWire::map_host`](super::HttpWire::map_host) gave it; only loopback addresses need no such entry.
    Named,
}

/// A text that names no upstream.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} names no upstream; write an address such as 127.0.0.1:8080 or http://127.0.0.1:8080")]
pub struct NotAnUpstream(String);

impl From<SocketAddr> for Upstream {
    fn from(address: SocketAddr) -> Self {
        Self::Server(address)
    }
}

/// Reads `127.0.0.1:8080`, `http://127.0.0.1:8080` and `http://127.0.0.1:8080/`.
impl FromStr for Upstream {
    type Err = NotAnUpstream;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        address.parse().map(Self::Server).map_err(|_| NotAnUpstream(text.to_owned()))
    }
}

/// The address that a request is sent to, or the answer that says why there is none.
pub(super) fn route(settings: &Settings, facts: &RequestFacts) -> Result<SocketAddr, Response> {
    match (settings.upstream, &facts.authority) {
        (Upstream::Server(address), _) if !facts.is_connect => Ok(address),
        (Upstream::None, _) if !facts.is_connect => {
            Err(Response::complaint(502, &"no rule answers this request, and the wire leads to no upstream"))
        }
        (_, Some(host)) => named(settings, host, if facts.is_connect { 443 } else { 80 }),
        (_, None) => {
            Err(Response::complaint(502, &"as a forward proxy the wire needs a target that names its host"))
        }
    }
}

fn named(settings: &Settings, host: &str, port: u16) -> Result<SocketAddr, Response> {
    let host = host.to_ascii_lowercase();
    let with_port = if without_port(&host) == host { format!("{host}:{port}") } else { host.clone() };
    let mapped = settings.hosts.get(&with_port).or_else(|| settings.hosts.get(without_port(&host)));
    if let Some(address) = mapped {
        return Ok(*address);
    }
    with_port.parse().ok().filter(|address: &SocketAddr| address.ip().is_loopback()).ok_or_else(|| {
        let why = format!("no address is mapped for the host {host:?}, and it is not a loopback address");
        Response::complaint(502, &why)
    })
}
