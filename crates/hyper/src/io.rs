use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use skybridge_core::{CloseReason, ConnInfo, EventKind, Io, Link, Protocol};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connected stream for hyper's clients: implements both hyper's and tokio's I/O traits, and carries the facts of the
/// connection. [`connected`](Connection::connected) reports whether the peer speaks HTTP/2 and whether a proxy forwards
/// requests (hyper then writes them in absolute form), and puts the facts, an `Arc<ConnInfo>`, into the extensions of
/// every response.
#[derive(Debug)]
pub struct HyperIo<I>(TokioIo<ObservedIo<I>>);

/// Notes how the stream ends, for the observer.
#[derive(Debug)]
struct ObservedIo<I> {
    io: I,
    /// Declared after the stream, so that the stream is closed when its end is reported.
    close: CloseGuard,
}

/// Reports the end of a connection when dropped.
#[derive(Debug)]
struct CloseGuard {
    info: Arc<ConnInfo>,
    reason: CloseReason,
}

// === impl HyperIo ===

impl<I> HyperIo<I> {
    pub(crate) fn new(link: Link<I>, protocol: Protocol) -> Self {
        let info = link.info.freeze(protocol);
        let close = CloseGuard { info, reason: CloseReason::Shutdown };
        close.emit(EventKind::Created(&close.info));
        Self(TokioIo::new(ObservedIo { io: link.io, close }))
    }

    /// The facts of the connection.
    pub fn info(&self) -> &Arc<ConnInfo> {
        &self.0.inner().close.info
    }
}

impl<I: Io> Connection for HyperIo<I> {
    fn connected(&self) -> Connected {
        let info = self.info();
        let connected = Connected::new().proxy(info.forwarded).extra(Arc::clone(info));
        if info.protocol == Some(Protocol::Http2) { connected.negotiated_h2() } else { connected }
    }
}

impl<I: Io> Read for HyperIo<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<I: Io> Write for HyperIo<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }
}

impl<I: Io> AsyncRead for HyperIo<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.0.inner_mut()).poll_read(cx, buf)
    }
}

impl<I: Io> AsyncWrite for HyperIo<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.0.inner_mut()).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.0.inner_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.0.inner_mut()).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.inner().is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.0.inner_mut()).poll_write_vectored(cx, bufs)
    }
}

// === impl Watched ===

impl<I> ObservedIo<I> {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if result.is_err() && self.close.reason == CloseReason::Shutdown {
            self.close.reason = CloseReason::Protocol;
        }
        result
    }
}

impl<I: Io> AsyncRead for ObservedIo<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (before, room) = (buf.filled().len(), buf.remaining());
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, buf));
        if read.is_ok() && room > 0 && buf.filled().len() == before && self.close.reason == CloseReason::Shutdown {
            self.close.reason = CloseReason::PeerFin;
        }
        Poll::Ready(self.note(read))
    }
}

impl<I: Io> AsyncWrite for ObservedIo<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf));
        Poll::Ready(self.note(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.io).poll_flush(cx));
        Poll::Ready(self.note(flushed))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs));
        Poll::Ready(self.note(written))
    }
}

// === impl End ===

impl CloseGuard {
    fn emit(&self, kind: EventKind<'_>) {
        self.info.route.ctx().emit(Some(self.info.attempt), self.info.id, kind);
    }
}

impl Drop for CloseGuard {
    fn drop(&mut self) {
        self.emit(EventKind::Closed(self.reason));
    }
}
