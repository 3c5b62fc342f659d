//! A listening socket that can really refuse: while it refuses, the port stays reserved but nobody listens on it,
//! so that a client gets `ECONNREFUSED` as from a dead process, and no stranger can take the port.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::{TcpListener, TcpSocket};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A loopback port held for as long as this lives, listening or not.
#[derive(Debug)]
pub(crate) struct Port {
    address: SocketAddr,
    _reserved: TcpSocket,
}

impl Port {
    /// Takes `address`, or a free loopback port.
    ///
    /// # Errors
    /// When the address is not of this machine alone, or taken.
    pub(crate) fn reserve(address: Option<SocketAddr>) -> io::Result<Self> {
        let address = address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        if !address.ip().is_loopback() {
            let why = format!("{address} is no loopback address; a wire listens on 127.0.0.1 or ::1 alone");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        if address.port() != 0 {
            // Two that would share a port may have it, each with a part of the connections: one that won't share
            // sees the other.
            let alone = socket_for(address)?;
            alone.set_reuseaddr(true)?;
            alone.bind(address)?;
        }
        let socket = reusable(address)?;
        socket.bind(address)?;
        Ok(Self { address: socket.local_addr()?, _reserved: socket })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts listening; drop the listener to refuse.
    pub(crate) fn listen(&self) -> io::Result<TcpListener> {
        let socket = reusable(self.address)?;
        // What it accepts keeps this, so that a connection in TIME-WAIT does not count as somebody who has the port.
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        socket.listen(BACKLOG)
    }
}

fn socket_for(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

fn reusable(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = socket_for(address)?;
    socket.set_reuseport(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn a_reserved_port_refuses_until_it_listens() {
        let port = Port::reserve(None).unwrap();
        let refused = TcpStream::connect(port.address()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);

        let listener = port.listen().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(port.address()), listener.accept());
        assert!(client.is_ok() && accepted.is_ok());

        drop(listener);
        assert!(TcpStream::connect(port.address()).await.is_err());
        assert!(port.listen().is_ok(), "the same port listens again");
    }

    #[tokio::test]
    async fn only_a_loopback_address_is_listened_on() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let error = Port::reserve(Some(address.parse().unwrap())).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{address}: {error}");
        }
        if std::net::TcpListener::bind("[::1]:0").is_ok() {
            let port = Port::reserve(Some("[::1]:0".parse().unwrap())).unwrap();
            let _listener = port.listen().unwrap();
            assert!(TcpStream::connect(port.address()).await.is_ok());
        }
    }

    #[tokio::test]
    async fn a_port_that_another_wire_has_is_not_shared() {
        let first = Port::reserve(None).unwrap();
        for _ in 0..2 {
            let error = Port::reserve(Some(first.address())).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            first.listen().map(drop).unwrap();
        }
    }

    #[tokio::test]
    async fn a_port_whose_connections_have_just_ended_is_free() {
        let first = Port::reserve(None).unwrap();
        let listener = first.listen().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(first.address()), listener.accept());
        // The side that closes first keeps the connection in TIME-WAIT.
        drop(accepted.unwrap());
        drop(listener);
        client.unwrap().readable().await.unwrap();
        let address = first.address();
        drop(first);
        Port::reserve(Some(address)).unwrap();
    }
}
