use crate::error::{NoLocalAddress, SocketRefused};
use skybridge_core::{ConnectError, Phase};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::net::{TcpSocket, TcpStream};

/// TCP keep-alive: how the operating system notices a peer that is gone. With the defaults that takes two minutes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeepAlive {
    /// How long the connection is idle before the first probe is sent (default: 60 s).
    pub idle: Duration,
    /// The time between two probes (default: 15 s). This and `probes` are the system's where it doesn't let us set
    /// them.
    pub interval: Duration,
    /// After how many unanswered probes the connection is closed (default: 4).
    pub probes: u32,
}

/// How long sent data may stay unacknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) enum UserTimeout {
    /// As long as keep-alive waits for an idle peer: Linux asks the number of probes no more once there is a limit.
    OfKeepAlive,
    /// This long; `None` leaves it to the system.
    Set(Option<Duration>),
}

/// The options that are set on each socket.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) nodelay: bool,
    pub(crate) keep_alive: Option<KeepAlive>,
    pub(crate) user_timeout: UserTimeout,
    pub(crate) local_v4: Option<Ipv4Addr>,
    pub(crate) local_v6: Option<Ipv6Addr>,
    pub(crate) interface: Option<Arc<str>>,
    pub(crate) mark: Option<u32>,
    pub(crate) fast_open: bool,
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
    /// How long an idle peer may be silent.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    fn gives_up_after(self) -> Duration {
        self.idle.saturating_add(self.interval.saturating_mul(self.probes))
    }

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
            user_timeout: UserTimeout::OfKeepAlive,
            local_v4: None,
            local_v6: None,
            interface: None,
            mark: None,
            fast_open: false,
            recv_buffer: None,
            send_buffer: None,
        }
    }
}

impl Options {
    /// A socket for this peer, not connected yet, and bound where a local address is configured. `may_repeat` says that
    /// the first bytes which will be sent do no harm if they arrive twice.
    pub(crate) fn socket(&self, remote: SocketAddr, may_repeat: bool) -> Result<TcpSocket, ConnectError> {
        let local = self.local(remote.ip()).map_err(|error| ConnectError::new(Phase::Tcp, error))?;
        let socket = Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
        // Before the address, as that may be one of the interface alone.
        self.mark(&socket).map_err(|refused| ConnectError::new(Phase::Tcp, refused).fatal())?;
        if self.fast_open && may_repeat {
            set_fast_open(&socket);
        }
        if let Some(local) = local {
            let bound = socket.bind(&SocketAddr::new(local, 0).into());
            bound.map_err(|error| ConnectError::new(Phase::Tcp, SocketRefused::LocalAddress(local, error)))?;
        }
        Ok(self.prepare(socket)?)
    }

    /// Where the socket's packets go. To go on without that could send them where they must not be seen.
    fn mark(&self, socket: &Socket) -> Result<(), SocketRefused> {
        if let Some(name) = &self.interface {
            bind_device(socket, name).map_err(|error| SocketRefused::Interface((&**name).into(), error))?;
        }
        if let Some(mark) = self.mark {
            set_mark(socket, mark).map_err(|error| SocketRefused::Mark(mark, error))?;
        }
        Ok(())
    }

    fn prepare(&self, socket: Socket) -> io::Result<TcpSocket> {
        socket.set_nonblocking(true)?;
        if let Some(keep_alive) = self.keep_alive {
            socket.set_tcp_keepalive(&keep_alive.to_socket2())?;
        }
        // Before connecting: the window announced in the SYN depends on the buffer sizes.
        if let Some(bytes) = self.recv_buffer {
            socket.set_recv_buffer_size(bytes as usize)?;
        }
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes as usize)?;
        }
        Ok(TcpSocket::from_std_stream(socket.into()))
    }

    /// Sets what some systems accept only on a connected socket.
    pub(crate) fn tune(&self, stream: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(stream);
        // How long connecting may take is limited by the layer above.
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        if let Some(timeout) = self.user_timeout() {
            socket.set_tcp_user_timeout(Some(timeout))?;
        }
        socket.set_tcp_nodelay(self.nodelay)
    }

    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    fn user_timeout(&self) -> Option<Duration> {
        // Zero would be the system's default, and more is an error: it is an `int` of milliseconds.
        const RANGE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(i32::MAX as u64));
        let timeout = match self.user_timeout {
            UserTimeout::OfKeepAlive => self.keep_alive.unwrap_or_default().gives_up_after(),
            UserTimeout::Set(timeout) => timeout?,
        };
        Some(timeout.clamp(RANGE.0, RANGE.1))
    }

    fn local(&self, remote: IpAddr) -> Result<Option<IpAddr>, NoLocalAddress> {
        let local = match remote {
            IpAddr::V4(_) => self.local_v4.map(IpAddr::V4),
            IpAddr::V6(_) => self.local_v6.map(IpAddr::V6),
        };
        // To let the system choose instead could reveal an address that was meant to stay hidden.
        if local.is_none() && (self.local_v4.is_some() || self.local_v6.is_some()) {
            return Err(NoLocalAddress { remote });
        }
        Ok(local)
    }
}

/// `SO_BINDTODEVICE` takes names of up to 15 bytes, and a longer one would be cut off: it could be another's.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
fn bind_device(socket: &Socket, name: &str) -> io::Result<()> {
    if name.is_empty() || name.len() > 15 || name.contains(['\0', '/']) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no interface has such a name"));
    }
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn bind_device(_: &Socket, _: &str) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system binds no socket to an interface by its name"))
}

#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
fn set_mark(socket: &Socket, mark: u32) -> io::Result<()> {
    socket.set_mark(mark)
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn set_mark(_: &Socket, _: u32) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no marks of sockets"))
}

/// Where the system has it switched off, the socket connects as any other.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn set_fast_open(socket: &Socket) {
    let _ = nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::TcpFastOpenConnect, &true);
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn set_fast_open(_: &Socket) {}
