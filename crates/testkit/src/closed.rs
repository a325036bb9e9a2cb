//! Ports of this machine that refuse. They stay taken until the value is dropped: one that was bound and given back may
//! be another test's by the time that it is tried.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
};
use tokio::net::TcpSocket;

/// A port that refuses, as nobody listens there.
#[derive(Debug)]
pub struct Closed {
    addr: SocketAddr,
    /// Never read: it keeps the port from others.
    _socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(#[expect(dead_code, reason = "it is held")] TcpSocket),
    Udp(#[expect(dead_code, reason = "it is held")] UdpSocket),
}

impl Closed {
    /// Of TCP: it is bound, without an address that others may share, and doesn't listen.
    pub fn tcp() -> Self {
        let bind = || {
            let socket = TcpSocket::new_v4()?;
            socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
            Ok((socket.local_addr()?, socket))
        };
        let (addr, socket) = taken(bind());
        Self { addr, _socket: Socket::Tcp(socket) }
    }

    /// Of UDP: it is connected, so that packets of all others than that peer are refused.
    pub fn udp() -> Self {
        let bind = || {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect((Ipv4Addr::LOCALHOST, 1))?;
            Ok((socket.local_addr()?, socket))
        };
        let (addr, socket) = taken(bind());
        Self { addr, _socket: Socket::Udp(socket) }
    }

    /// Where it is, on 127.0.0.1.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

fn taken<T>(bound: io::Result<T>) -> T {
    bound.expect("a port of loopback can be bound")
}
