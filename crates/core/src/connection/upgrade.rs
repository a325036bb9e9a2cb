use crate::{Io, sync::Mutex};
use bytes::{Buf, Bytes};
use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection that became another protocol's (RFC 9110, section 7.8, and CONNECT, section 9.3.6): in the extensions
/// of the response that says so, to be taken by whoever speaks that protocol. Dropped untaken with the response, it
/// closes.
///
/// The connection is no longer one of HTTP: it has left its pool, with the reason
/// [`CloseReason::Upgraded`](crate::CloseReason::Upgraded), and counts for none of the pool's limits. A pool refuses
/// CONNECT ([`validate_request`](crate::validate_request)), which is for a connection by hand.
///
/// ```
/// # fn of<B>(mut response: http::Response<B>) -> Option<skybridge_core::Upgraded> {
/// response.extensions_mut().remove::<skybridge_core::Upgrade>()?.take()
/// # }
/// ```
#[derive(Clone)]
pub struct Upgrade(Arc<Mutex<Option<Upgraded>>>);

/// The stream itself. What its peer sent right behind the response's head is read first.
pub struct Upgraded {
    io: Pin<Box<dyn Io>>,
    read: Bytes,
}

impl Upgrade {
    /// For one stream, to be taken once.
    pub fn new(stream: Upgraded) -> Self {
        Self(Arc::new(Mutex::new(Some(stream))))
    }

    /// The stream, for the first who asks.
    pub fn take(&self) -> Option<Upgraded> {
        self.0.lock().take()
    }
}

impl Upgraded {
    /// A stream, of which `read` was read already.
    pub fn new(io: Pin<Box<dyn Io>>, read: Bytes) -> Self {
        Self { io, read }
    }

    /// The stream below, and what was read of it and is still to be used.
    pub fn into_parts(self) -> (Pin<Box<dyn Io>>, Bytes) {
        (self.io, self.read)
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return self.io.as_mut().poll_read(cx, buf);
        }
        let taken = self.read.len().min(buf.remaining());
        buf.put_slice(&self.read[..taken]);
        self.read.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_shutdown(cx)
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").finish_non_exhaustive()
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("read", &self.read.len()).finish_non_exhaustive()
    }
}
