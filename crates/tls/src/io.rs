use crate::{
    classify,
    generation::{Cut, Waits},
    metered::Metered,
};
use skybridge_core::Io;
use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// A stream that runs over TLS if its origin's scheme is `https`, and is passed through otherwise.
pub struct MaybeTls<I>(Stream<I>);

enum Stream<I> {
    Plain(I),
    /// Boxed, so that the plain variant isn't as large.
    Tls(Box<TlsStream<Metered<I>>>),
    /// The same where its configuration may be replaced.
    Replaceable(Box<Replaceable<I>>),
}

/// A stream that ends when its configuration was replaced, if that is to be.
struct Replaceable<I> {
    tls: TlsStream<Metered<I>>,
    cut: Arc<Cut>,
}

/// Makes the same call on either stream. The TLS branch is kept out of line, so that the plain one is small enough to
/// be inlined into its caller: an HTTP/1.1 connection reads five times for one exchange.
macro_rules! on {
    ($self:expr, $cx:ident, $io:ident => $call:expr) => {
        match &mut $self.get_mut().0 {
            Stream::Plain($io) => $call,
            Stream::Tls($io) => out_of_line(move || $call),
            Stream::Replaceable(stream) => stream.poll(Waits::ToWrite, $cx, |$io, $cx| $call),
        }
    };
}

#[inline(never)]
fn out_of_line<T>(call: impl FnOnce() -> T) -> T {
    call()
}

// === impl MaybeTls ===

impl<I> MaybeTls<I> {
    pub(crate) fn plain(io: I) -> Self {
        Self(Stream::Plain(io))
    }

    pub(crate) fn tls(io: TlsStream<Metered<I>>) -> Self {
        Self(Stream::Tls(Box::new(io)))
    }

    pub(crate) fn replaceable(tls: TlsStream<Metered<I>>, cut: Arc<Cut>) -> Self {
        Self(Stream::Replaceable(Box::new(Replaceable { tls, cut })))
    }

    /// The stream below. Bytes written to it bypass TLS.
    pub fn get_ref(&self) -> &I {
        match &self.0 {
            Stream::Plain(io) => io,
            Stream::Tls(io) => io.get_ref().0.get_ref(),
            Stream::Replaceable(stream) => stream.tls.get_ref().0.get_ref(),
        }
    }
}

impl<I: Io> AsyncRead for MaybeTls<I> {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Stream::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Stream::Tls(io) => out_of_line(move || Pin::new(io).poll_read(cx, buf).map_err(classify::read)),
            Stream::Replaceable(stream) => {
                let read = |io: &mut TlsStream<Metered<I>>, cx: &mut Context<'_>| Pin::new(io).poll_read(cx, buf);
                stream.poll(Waits::ToRead, cx, read).map_err(classify::read)
            }
        }
    }
}

impl<I: Io> AsyncWrite for MaybeTls<I> {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on!(self, cx, io => Pin::new(io).poll_write(cx, bytes))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on!(self, cx, io => Pin::new(io).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Stream::Plain(io) => io.is_write_vectored(),
            Stream::Tls(io) => io.is_write_vectored(),
            Stream::Replaceable(stream) => stream.tls.is_write_vectored(),
        }
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, cx, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, cx, io => Pin::new(io).poll_shutdown(cx))
    }
}

// === impl Replaceable ===

impl<I> Replaceable<I> {
    #[inline(never)]
    fn poll<T>(
        &mut self,
        waits: Waits,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut TlsStream<Metered<I>>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.cut.check()?;
        let polled = poll(&mut self.tls, cx);
        if polled.is_pending() {
            self.cut.wait(waits, cx)?;
        }
        polled
    }
}

impl<I> fmt::Debug for MaybeTls<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self.0, Stream::Plain(_)) { "MaybeTls(plain)" } else { "MaybeTls(tls)" })
    }
}
