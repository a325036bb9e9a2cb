use bytes::{Buf, Bytes, BytesMut};
use skybridge_core::Io;
use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose type isn't told: what is sealed more than once, or beyond the first proxy.
pub type BoxedIo = Box<dyn Io>;

/// A stream to the origin, through as many proxies as there are: of type `I` below, `T` once the first proxy is sealed.
///
/// What a proxy sent behind the head of its answer is the origin's already, and is read first.
pub struct TunnelIo<I, T = I>(Stream<I, T>);

enum Stream<I, T> {
    Bare(I),
    Sealed(T),
    Boxed(BoxedIo),
    /// Apart, so that who passes has nothing to look at but which stream it is.
    Early(Box<Early<I, T>>),
}

struct Early<I, T> {
    bytes: Bytes,
    io: TunnelIo<I, T>,
}

/// The same call on whichever stream it is. All that is not bare is a call of its own, so that what passes is small enough to be inlined into its
/// caller: an HTTP/1.1 connection reads five times for one exchange.
macro_rules! on {
    ($self:expr, $io:ident => $call:expr) => {
        match &mut $self.get_mut().0 {
            Stream::Bare($io) => $call,
            other => apart(move || match other {
                Stream::Bare($io) => $call,
                Stream::Sealed($io) => $call,
                Stream::Boxed($io) => $call,
                Stream::Early($io) => $call,
            }),
        }
    };
}

#[inline(never)]
fn apart<T>(call: impl FnOnce() -> T) -> T {
    call()
}

// === impl TunnelIo ===

impl<I, T> TunnelIo<I, T> {
    pub(crate) fn bare(io: I) -> Self {
        Self(Stream::Bare(io))
    }

    pub(crate) fn sealed(io: T) -> Self {
        Self(Stream::Sealed(io))
    }

    pub(crate) fn boxed(io: impl Io) -> Self {
        Self(Stream::Boxed(Box::new(io)))
    }

    /// Puts back what was read too far.
    pub(crate) fn unread(self, bytes: Bytes) -> Self {
        if bytes.is_empty() {
            return self;
        }
        let (bytes, io) = match self.0 {
            Stream::Early(early) if early.bytes.is_empty() => (bytes, early.io),
            Stream::Early(early) => {
                let mut both = BytesMut::from(&*bytes);
                both.extend_from_slice(&early.bytes);
                (both.freeze(), early.io)
            }
            _ => (bytes, self),
        };
        Self(Stream::Early(Box::new(Early { bytes, io })))
    }
}

impl<I: Io, T: Io> AsyncRead for TunnelIo<I, T> {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on!(self, io => Pin::new(io).poll_read(cx, buf))
    }
}

impl<I: Io, T: Io> AsyncWrite for TunnelIo<I, T> {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on!(self, io => Pin::new(io).poll_write(cx, bytes))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on!(self, io => Pin::new(io).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Stream::Bare(io) => io.is_write_vectored(),
            Stream::Sealed(io) => io.is_write_vectored(),
            Stream::Boxed(io) => io.is_write_vectored(),
            Stream::Early(early) => early.io.is_write_vectored(),
        }
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, io => Pin::new(io).poll_shutdown(cx))
    }
}

impl<I, T> fmt::Debug for TunnelIo<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Stream::Bare(_) => f.write_str("TunnelIo(bare)"),
            Stream::Sealed(_) => f.write_str("TunnelIo(sealed)"),
            Stream::Boxed(_) => f.write_str("TunnelIo(boxed)"),
            Stream::Early(early) => {
                f.debug_struct("TunnelIo").field("early", &early.bytes.len()).field("io", &early.io).finish()
            }
        }
    }
}

// === impl Early ===

impl<I: Io, T: Io> AsyncRead for Early<I, T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() || buf.remaining() == 0 {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let length = self.bytes.len().min(buf.remaining());
        buf.put_slice(&self.bytes[..length]);
        self.bytes.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<I: Io, T: Io> AsyncWrite for Early<I, T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
