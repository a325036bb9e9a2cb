use super::request_body::Shared;
use pin_project::pin_project;
use skybridge_core::WriteFailure;
use std::{
    io::{IoSlice, Result},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The stream below hyper: sees to what hyper doesn't tell or wait for.
///
/// It tells when all of a request has left. And until the connection becomes something else (101), where writing fails
/// it gives what can still be read first: a server that answers before it has taken the request, and hangs up, has
/// answered.
#[pin_project]
pub(crate) struct Wire<I, B> {
    #[pin]
    io: I,
    failure: WriteFailure,
    /// A request is being written: otherwise there is nothing to see to.
    writing: bool,
    /// Since that began something was read.
    heard: bool,
    shared: Arc<Shared<B>>,
}

// === impl Wire ===

impl<I, B> Wire<I, B> {
    pub(crate) fn new(io: I, shared: Arc<Shared<B>>) -> Self {
        Self { io, failure: WriteFailure::default(), writing: false, heard: false, shared }
    }
}

impl<I: AsyncWrite, B> Wire<I, B> {
    #[inline]
    fn poll_bytes(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut I>, &mut Context<'_>) -> Poll<Result<usize>>,
    ) -> Poll<Result<usize>> {
        let this = self.as_mut().project();
        if !*this.writing {
            (*this.writing, *this.heard) = (true, false);
        }
        self.poll_out(cx, poll)
    }

    #[inline]
    fn poll_out<T>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut I>, &mut Context<'_>) -> Poll<Result<T>>,
    ) -> Poll<Result<T>> {
        let this = self.project();
        if this.shared.lifecycle.is_upgraded() {
            return poll(this.io, cx);
        }
        let io = this.io;
        this.failure.poll_write(cx, this.shared.turn(), |cx| poll(io, cx))
    }
}

impl<I: AsyncRead, B> AsyncRead for Wire<I, B> {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.project();
        if !*this.writing {
            return this.io.poll_read(cx, buf);
        }
        let filled = buf.filled().len();
        let polled = this.io.poll_read(cx, buf);
        let something = buf.filled().len() > filled;
        *this.heard |= something;
        this.failure.poll_read(cx, this.shared.turn(), polled, something, |_| Poll::Ready(()))
    }
}

impl<I: AsyncWrite, B> AsyncWrite for Wire<I, B> {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.poll_bytes(cx, |io, cx| io.poll_write(cx, buf))
    }

    #[inline]
    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        self.poll_bytes(cx, |io, cx| io.poll_write_vectored(cx, bufs))
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// hyper asks for it when it has nothing left to write.
    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if !self.writing {
            return self.project().io.poll_flush(cx);
        }
        let flushed = self.as_mut().poll_out(cx, |io, cx| io.poll_flush(cx));
        if matches!(flushed, Poll::Ready(Ok(()))) && self.shared.lifecycle.flushed() {
            let this = self.project();
            *this.writing = false;
            if *this.heard {
                // An answer that came early may be over, and hyper looks for the next request when it is polled the
                // next time, whenever that is.
                cx.waker().wake_by_ref();
            }
        }
        flushed
    }

    /// A peer that takes nothing would hold the connection's task and its socket: what can't be said at once in parting
    /// is not waited for.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match self.as_mut().project().io.poll_shutdown(cx) {
            Poll::Pending if !self.shared.lifecycle.is_upgraded() => Poll::Ready(Ok(())),
            polled => polled,
        }
    }
}
