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
pub struct TunnelIo<I, T = I> {
    early: Bytes,
    stream: Stream<I, T>,
}

enum Stream<I, T> {
    Bare(I),
    Sealed(T),
    Boxed(BoxedIo),
}

/// The same call on whichever stream it is.
macro_rules! on {
    ($self:expr, $io:ident => $call:expr) => {
        match &mut $self.get_mut().stream {
            Stream::Bare($io) => $call,
            Stream::Sealed($io) => $call,
            Stream::Boxed($io) => $call,
        }
    };
}

// === impl TunnelIo ===

impl<I, T> TunnelIo<I, T> {
    pub(crate) fn bare(io: I) -> Self {
        Self { early: Bytes::new(), stream: Stream::Bare(io) }
    }

    pub(crate) fn sealed(io: T) -> Self {
        Self { early: Bytes::new(), stream: Stream::Sealed(io) }
    }

    pub(crate) fn boxed(io: impl Io) -> Self {
        Self { early: Bytes::new(), stream: Stream::Boxed(Box::new(io)) }
    }

    /// Puts back what was read too far.
    pub(crate) fn unread(mut self, bytes: Bytes) -> Self {
        if self.early.is_empty() {
            self.early = bytes;
        } else if !bytes.is_empty() {
            let mut both = BytesMut::from(&*bytes);
            both.extend_from_slice(&self.early);
            self.early = both.freeze();
        }
        self
    }
}

impl<I: Io, T: Io> AsyncRead for TunnelIo<I, T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.early.is_empty() && buf.remaining() > 0 {
            let length = self.early.len().min(buf.remaining());
            buf.put_slice(&self.early[..length]);
            self.early.advance(length);
            return Poll::Ready(Ok(()));
        }
        on!(self, io => Pin::new(io).poll_read(cx, buf))
    }
}

impl<I: Io, T: Io> AsyncWrite for TunnelIo<I, T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on!(self, io => Pin::new(io).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on!(self, io => Pin::new(io).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Bare(io) => io.is_write_vectored(),
            Stream::Sealed(io) => io.is_write_vectored(),
            Stream::Boxed(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, io => Pin::new(io).poll_shutdown(cx))
    }
}

impl<I, T> fmt::Debug for TunnelIo<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stream = match self.stream {
            Stream::Bare(_) => "bare",
            Stream::Sealed(_) => "sealed",
            Stream::Boxed(_) => "boxed",
        };
        f.debug_struct("TunnelIo").field("stream", &stream).field("early", &self.early.len()).finish()
    }
}
