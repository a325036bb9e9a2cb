use crate::error::NoLocalAddress;
use skybridge_core::{ConnectError, Phase};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::net::{TcpSocket, TcpStream};

/// How a silent peer is noticed by the operating system. With the defaults one that is gone is noticed after two minutes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeepAlive {
    /// How long nothing may come before the first probe (default: 60 s).
    pub idle: Duration,
    /// The time between two probes (default: 15 s). It and the next are the system's where that doesn't let us choose.
    pub interval: Duration,
    /// How many unanswered probes end the connection (default: 4).
    pub probes: u32,
}

/// What is set on each socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) nodelay: bool,
    pub(crate) keep_alive: Option<KeepAlive>,
    pub(crate) local_v4: Option<Ipv4Addr>,
    pub(crate) local_v6: Option<Ipv6Addr>,
    pub(crate) recv_buffer: Option<u32>,
    pub(crate) send_buffer: Option<u32>,
}

// === impl KeepAlive ===

impl Default for KeepAlive {
    fn default() -> Self {
        Self { idle: Duration::from_secs(60), interval: Duration::from_secs(15), probes: 4 }
    }
}

impl KeepAlive {
    fn to_socket2(self) -> TcpKeepalive {
        let keep_alive = TcpKeepalive::new().with_time(self.idle);
        #[cfg(any(
            target_os = "android",
            target_os = "freebsd",
            target_os = "ios",
            target_os = "linux",
            target_os = "macos",
            target_os = "netbsd",
            windows
        ))]
        let keep_alive = keep_alive.with_interval(self.interval).with_retries(self.probes);
        keep_alive
    }
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            nodelay: true,
            keep_alive: Some(KeepAlive::default()),
            local_v4: None,
            local_v6: None,
            recv_buffer: None,
            send_buffer: None,
        }
    }
}

impl Options {
    /// A socket for this peer, bound if it must be, not connected.
    pub(crate) fn socket(&self, remote: SocketAddr) -> Result<TcpSocket, ConnectError> {
        let local = self.local(remote.ip()).map_err(|error| ConnectError::new(Phase::Tcp, error))?;
        Ok(self.open(remote, local)?)
    }

    fn open(&self, remote: SocketAddr, local: Option<IpAddr>) -> io::Result<TcpSocket> {
        let socket = Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        if let Some(local) = local {
            socket.bind(&SocketAddr::new(local, 0).into())?;
        }
        if let Some(keep_alive) = self.keep_alive {
            socket.set_tcp_keepalive(&keep_alive.to_socket2())?;
        }
        // Before the connect: the window that is announced in the SYN depends on them.
        if let Some(bytes) = self.recv_buffer {
            socket.set_recv_buffer_size(bytes as usize)?;
        }
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes as usize)?;
        }
        Ok(TcpSocket::from_std_stream(socket.into()))
    }

    /// What can only be set on a connected socket everywhere.
    pub(crate) fn tune(&self, stream: &TcpStream) -> io::Result<()> {
        SockRef::from(stream).set_tcp_nodelay(self.nodelay)
    }

    fn local(&self, remote: IpAddr) -> Result<Option<IpAddr>, NoLocalAddress> {
        let local = match remote {
            IpAddr::V4(_) => self.local_v4.map(IpAddr::V4),
            IpAddr::V6(_) => self.local_v6.map(IpAddr::V6),
        };
        // Leaving by the system's choice instead could show an address that was to be hidden.
        if local.is_none() && (self.local_v4.is_some() || self.local_v6.is_some()) {
            return Err(NoLocalAddress { remote });
        }
        Ok(local)
    }
}
