use bytes::{Buf, Bytes, BytesMut};
use skybridge_core::Io;
use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A type-erased stream: of TLS within TLS, or of TLS to a proxy after the first.
pub type BoxedIo = Box<dyn Io>;

/// A stream to the origin, through any number of proxies: of type `I` below, `T` if the first proxy is spoken to over
/// TLS. Bytes that arrived after the head of a proxy's response belong to the origin already, and are read first.
pub struct TunnelIo<I, T = I>(Stream<I, T>);

enum Stream<I, T> {
    Plain(I),
    Tls(T),
    Boxed(BoxedIo),
    /// Bytes to be read first. Boxed, so that the other variants stay small.
    Rewind(Box<Rewind<I, T>>),
}

struct Rewind<I, T> {
    bytes: Bytes,
    io: TunnelIo<I, T>,
}

/// Makes the same call on any stream. All but the plain one is kept out of line, so that the plain one is small enough
/// to be inlined into its caller: an HTTP/1.1 connection reads five times for one exchange.
macro_rules! on {
    ($self:expr, $io:ident => $call:expr) => {
        match &mut $self.get_mut().0 {
            Stream::Plain($io) => $call,
            other => out_of_line(move || match other {
                Stream::Plain($io) => $call,
                Stream::Tls($io) => $call,
                Stream::Boxed($io) => $call,
                Stream::Rewind($io) => $call,
            }),
        }
    };
}

#[inline(never)]
fn out_of_line<T>(call: impl FnOnce() -> T) -> T {
    call()
}

// === impl TunnelIo ===

impl<I, T> TunnelIo<I, T> {
    pub(crate) fn plain(io: I) -> Self {
        Self(Stream::Plain(io))
    }

    pub(crate) fn tls(io: T) -> Self {
        Self(Stream::Tls(io))
    }

    pub(crate) fn boxed(io: impl Io) -> Self {
        Self(Stream::Boxed(Box::new(io)))
    }

    /// Puts bytes back that were read too far.
    pub(crate) fn rewind(self, bytes: Bytes) -> Self {
        if bytes.is_empty() {
            return self;
        }
        let (bytes, io) = match self.0 {
            Stream::Rewind(rewind) if rewind.bytes.is_empty() => (bytes, rewind.io),
            Stream::Rewind(rewind) => {
                let mut both = BytesMut::from(&*bytes);
                both.extend_from_slice(&rewind.bytes);
                (both.freeze(), rewind.io)
            }
            _ => (bytes, self),
        };
        Self(Stream::Rewind(Box::new(Rewind { bytes, io })))
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
            Stream::Plain(io) => io.is_write_vectored(),
            Stream::Tls(io) => io.is_write_vectored(),
            Stream::Boxed(io) => io.is_write_vectored(),
            Stream::Rewind(rewind) => rewind.io.is_write_vectored(),
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
            Stream::Plain(_) => f.write_str("TunnelIo(plain)"),
            Stream::Tls(_) => f.write_str("TunnelIo(tls)"),
            Stream::Boxed(_) => f.write_str("TunnelIo(boxed)"),
            Stream::Rewind(rewind) => {
                f.debug_struct("TunnelIo").field("rewind", &rewind.bytes.len()).field("io", &rewind.io).finish()
            }
        }
    }
}

// === impl Early ===

impl<I: Io, T: Io> AsyncRead for Rewind<I, T> {
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

impl<I: Io, T: Io> AsyncWrite for Rewind<I, T> {
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
