//! How much of a peer's handshake is read at a time, so that one that sends much leaves other tasks served.

use skybridge_core::Io;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream of which one poll of a handshake reads no more than 64 KiB. What comes after is not limited.
pub(crate) struct Metered<I> {
    io: I,
    /// What may be read before the next poll, but for the end of the last read.
    left: usize,
}

/// 64 KiB, less what rustls reads at once.
const MOST: usize = (64 << 10) - (4 << 10);

impl<I> Metered<I> {
    pub(crate) fn new(io: I) -> Self {
        Self { io, left: MOST }
    }

    /// Another poll begins.
    pub(crate) fn refill(&mut self) {
        self.left = MOST;
    }

    /// The handshake is over.
    pub(crate) fn lift(&mut self) {
        self.left = usize::MAX;
    }

    pub(crate) fn get_ref(&self) -> &I {
        &self.io
    }
}

impl<I: Io> AsyncRead for Metered<I> {
    #[inline]
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left == usize::MAX {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        if self.left == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        self.left = self.left.saturating_sub(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<I: Io> AsyncWrite for Metered<I> {
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    #[inline]
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

    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
