//! The socket of an origin's connection, below HTTP and TLS: it can be closed, reset or stalled at a given point.

use super::socket_effect::SocketEffect;
use crate::net::Conn;
use skybridge_core::{BoxError, sync::Mutex};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
};

/// A socket that can be reset.
pub(super) trait Resets {
    /// RST, now or when it is dropped.
    fn reset(&self);
}

/// One connection's socket.
pub(super) struct Socket<I: Resets> {
    io: I,
    control: Arc<Control>,
}

/// What is done to it, by those who don't have it.
#[derive(Debug, Default)]
pub(super) struct Control {
    state: Mutex<State>,
    /// The connection is to be dropped.
    pub(super) over: Notify,
    /// It is to take no more requests.
    pub(super) full: Notify,
}

#[derive(Debug, Default)]
struct State {
    stalled: bool,
    reset: bool,
    /// To be done once all is written.
    armed: Vec<SocketEffect>,
}

// === impl Control ===

impl Control {
    /// Does it now; what is not written yet is lost.
    pub(super) fn apply(&self, effect: SocketEffect) {
        match effect {
            SocketEffect::Stall => self.state.lock().stalled = true,
            SocketEffect::Drain => self.full.notify_one(),
            SocketEffect::Reset => {
                self.state.lock().reset = true;
                self.over.notify_one();
            }
            SocketEffect::Close | SocketEffect::CloseStream(_) => self.over.notify_one(),
        }
    }

    /// Does it once all that was given to write is written.
    pub(super) fn arm(&self, effect: SocketEffect) {
        self.state.lock().armed.push(effect);
    }

    fn is_stalled(&self) -> bool {
        self.state.lock().stalled
    }

    fn written(&self) {
        let armed = std::mem::take(&mut self.state.lock().armed);
        armed.into_iter().for_each(|effect| self.apply(effect));
    }
}

/// The error by which hyper resets a stream with this code.
pub(super) fn stream_reset(code: u32) -> BoxError {
    h2::Error::from(h2::Reason::from(code)).into()
}

// === impl Socket ===

impl<I: Resets> Socket<I> {
    pub(super) fn new(io: I, control: &Arc<Control>) -> Self {
        Self { io, control: Arc::clone(control) }
    }
}

impl<I: Resets> Drop for Socket<I> {
    fn drop(&mut self) {
        if self.control.state.lock().reset {
            self.io.reset();
        }
    }
}

impl<I: Resets + AsyncRead + Unpin> AsyncRead for Socket<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.control.is_stalled() {
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: Resets + AsyncWrite + Unpin> AsyncWrite for Socket<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.control.is_stalled() {
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.control.is_stalled() {
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.control.is_stalled() {
            return Poll::Pending;
        }
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.control.written();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.control.is_stalled() {
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl Resets for TcpStream {
    fn reset(&self) {
        // A socket that the client has reset before needs no more.
        let _ = socket2::SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

impl Resets for Conn {
    fn reset(&self) {
        Conn::reset(self);
    }
}
