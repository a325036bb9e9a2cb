use crate::{
    TcpIo,
    dial::dial,
    options::{KeepAlive, Options, UserTimeout},
};
use skybridge_core::{Attempt, BoxFuture, ConnectError, Link};
use std::{
    fmt,
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// Opens one socket to the endpoint of one attempt: the bottom of the stack.
///
/// Must be polled in a tokio runtime with its IO driver enabled. It sets no time limit: [`RaceLayer`](crate::RaceLayer)
/// above it does.
#[derive(Clone, Debug, Default)]
pub struct Tcp {
    options: Options,
}

/// The future of [`Tcp`]. Dropped, it closes the socket.
pub struct Dialing(BoxFuture<Result<Link<TcpIo>, ConnectError>>);

// === impl Tcp ===

impl Tcp {
    /// Nagle's algorithm is off, TCP keep-alive and [`user_timeout`](Self::user_timeout) are on; everything else is the
    /// system's default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`; default: yes).
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.options.nodelay = nodelay;
        self
    }

    /// TCP keep-alive (default: [`KeepAlive::default`]); `None` turns it off.
    pub fn keep_alive(mut self, keep_alive: impl Into<Option<KeepAlive>>) -> Self {
        self.options.keep_alive = keep_alive.into();
        self
    }

    /// How long sent data may stay unacknowledged, or unsent because the peer takes none, before the connection is
    /// closed (default: 2 minutes, or what [keep-alive](Self::keep_alive) is set to take). That is `TCP_USER_TIMEOUT`
    /// (RFC 5482), which Linux, Android and Fuchsia have; elsewhere it has no effect. `None` leaves it to the system.
    /// At least 1 ms, at most 24 days.
    ///
    /// Keep-alive probes idle connections alone. While a request is on its way, a peer that is gone is noticed by
    /// retransmissions, which Linux gives up after about 15 minutes. So the default is the time after which keep-alive
    /// gives up, [`idle`](KeepAlive::idle) and all probes: it doesn't matter when the peer went. One that is set here
    /// decides about idle connections too, on Linux, in the place of the number of probes.
    pub fn user_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.user_timeout = UserTimeout::Set(timeout.into());
        self
    }

    /// The address that sockets of its family are bound to (default: the system's choice). Call it twice to set one for
    /// each family; when it is called for one family only, endpoints of the other fail with
    /// [`NoLocalAddress`](crate::NoLocalAddress).
    pub fn local_address(mut self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => self.options.local_v4 = Some(v4),
            IpAddr::V6(v6) => self.options.local_v6 = Some(v6),
        }
        self
    }

    /// The name of the interface that sockets are bound to, such as `eth0` (`SO_BINDTODEVICE`; default: the system's
    /// choice by its routes). It goes with a [local address](Self::local_address). Linux, Android and Fuchsia have it,
    /// and demand a right for it where the socket is bound already; elsewhere, and where there is no such interface,
    /// connects fail with [`SocketRefused`](crate::SocketRefused). It doesn't concern Unix sockets.
    pub fn interface(mut self, name: impl Into<Arc<str>>) -> Self {
        self.options.interface = Some(name.into());
        self
    }

    /// The mark of sockets' packets, by which firewalls and routes choose (`SO_MARK`; default: none). Linux, Android
    /// and Fuchsia have it, and demand `CAP_NET_ADMIN` for it; elsewhere, and without that right, connects fail with
    /// [`SocketRefused`](crate::SocketRefused). It doesn't concern Unix sockets.
    pub fn mark(mut self, mark: u32) -> Self {
        self.options.mark = Some(mark);
        self
    }

    /// Whether the first bytes go with the SYN to a server that was connected to before (TCP Fast Open, RFC 7413,
    /// `TCP_FASTOPEN_CONNECT`; default: no). That saves a round trip, and is done only where these bytes are a
    /// ClientHello of TLS: they may arrive twice. Linux and Android have it; elsewhere, and where it is switched off
    /// there, it has no effect.
    ///
    /// Such a socket counts as connected before the server has answered: a race ends with it, and an address that is
    /// dead since is noticed by the limit of TLS.
    pub fn fast_open(mut self, fast_open: bool) -> Self {
        self.options.fast_open = fast_open;
        self
    }

    /// The size of the receive buffer in bytes (`SO_RCVBUF`; default: the system's, which adapts).
    pub fn recv_buffer(mut self, bytes: u32) -> Self {
        self.options.recv_buffer = Some(bytes);
        self
    }

    /// The size of the send buffer in bytes (`SO_SNDBUF`; default: the system's, which adapts).
    pub fn send_buffer(mut self, bytes: u32) -> Self {
        self.options.send_buffer = Some(bytes);
        self
    }
}

impl Service<Attempt> for Tcp {
    type Response = Link<TcpIo>;
    type Error = ConnectError;
    type Future = Dialing;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, attempt: Attempt) -> Self::Future {
        Dialing(Box::pin(dial(self.options.clone(), attempt)))
    }
}

// === impl Dialing ===

impl Future for Dialing {
    type Output = Result<Link<TcpIo>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Dialing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialing").finish_non_exhaustive()
    }
}
