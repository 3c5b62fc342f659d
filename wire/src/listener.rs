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
    pub(crate) fn reserve(address: Option<SocketAddr>) -> io::Result<Self> {
        let socket = reusable()?;
        socket.bind(address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?;
        Ok(Self { address: socket.local_addr()?, _reserved: socket })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts listening; drop the listener to refuse.
    pub(crate) fn listen(&self) -> io::Result<TcpListener> {
        let socket = reusable()?;
        socket.bind(self.address)?;
        socket.listen(BACKLOG)
    }
}

fn reusable() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
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
}
