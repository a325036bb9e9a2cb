use super::{
    addr_behavior::Socket,
    flow::Found,
    wire::{Line, Side, Wire},
};
use std::{
    fmt,
    future::Future,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// One end of an in-memory connection. Reads and writes as a TCP socket does: a window of 64 KiB, end of stream after
/// FIN, `ConnectionReset` after RST. Dropping it sends FIN, or RST if data is left unread. Data written to an end that
/// is closed is lost, and answered with RST.
pub struct Conn {
    line: Arc<Line>,
    side: Side,
    /// A timer, created for the first packet in flight.
    timer: Option<Pin<Box<Sleep>>>,
    /// Counts the client's end as a live socket.
    _socket: Option<Socket>,
}

// === impl Conn ===

impl Conn {
    pub(super) fn new(line: Arc<Line>, side: Side, socket: Option<Socket>) -> Self {
        Self { line, side, timer: None, _socket: socket }
    }

    /// The address of this end.
    pub fn local_addr(&self) -> SocketAddr {
        match self.side {
            Side::Client => self.line.client,
            Side::Server => self.line.server,
        }
    }

    /// The address of the other end.
    pub fn peer_addr(&self) -> SocketAddr {
        match self.side {
            Side::Client => self.line.server,
            Side::Server => self.line.client,
        }
    }

    /// A handle with which a test resets, stalls or closes this end while somebody else uses it.
    pub fn wire(&self) -> Wire {
        Wire { line: Arc::clone(&self.line), side: self.side }
    }

    /// [`Wire::reset`].
    pub fn reset(&self) {
        self.wire().reset();
    }

    /// [`Wire::stall`].
    pub fn stall(&self) {
        self.wire().stall();
    }

    /// [`Wire::fin`].
    pub fn fin(&self) {
        self.wire().fin();
    }

    fn poll_arrival(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx)
    }
}

impl AsyncRead for Conn {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.line.read(this.side, buf, cx.waker()) {
                Found::Ready(result) => return Poll::Ready(result),
                Found::Nothing => return Poll::Pending,
                Found::Arrives(at) => ready!(this.poll_arrival(at, cx)),
            }
        }
    }
}

impl AsyncWrite for Conn {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.line.write(self.side, &[IoSlice::new(buf)], cx.waker())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.line.write(self.side, bufs, cx.waker())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.fin(self.side);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.line.drop_end(self.side);
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conn").field("local", &self.local_addr()).field("peer", &self.peer_addr()).finish()
    }
}
