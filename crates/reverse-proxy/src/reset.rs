//! Whether a client has reset its stream of HTTP/2.

use skybridge_core::{Runtime, sync::Mutex};
use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How often a stream is asked, while nobody waits for what it says next.
const ASKED_EVERY: Duration = Duration::from_millis(500);

/// A client's stream, for who copies it and who asks whether it was reset. Its lock is never waited for: both are of
/// one task.
///
/// hyper reads a reset by CANCEL as the end of the stream, as if the client might still listen, and wakes nobody of
/// whom nothing is under way to the client. Only to write or to flush then fails.
pub(crate) struct Stream<I> {
    io: Mutex<I>,
    /// Whether somebody waits for what the client says next, and is woken by a reset.
    is_heard: AtomicBool,
}

// === impl Stream ===

impl<I> Stream<I> {
    pub(crate) fn new(io: I) -> Self {
        Self { io: Mutex::new(io), is_heard: AtomicBool::new(false) }
    }

    fn is_heard(&self) -> bool {
        self.is_heard.load(Ordering::Relaxed)
    }
}

impl<I: AsyncWrite + Unpin> Stream<I> {
    /// Ends when the client has reset it: after its end, or while what it has said waits for the upstream. To be polled
    /// behind who reads it. A stream that is heard costs no timer.
    pub(crate) async fn reset(&self, rt: &dyn Runtime) {
        let mut timer = None;
        poll_fn(|cx| {
            if timer.is_none() && self.is_heard() {
                return Poll::Pending;
            }
            loop {
                ready!(timer.get_or_insert_with(|| rt.sleep_until(rt.now() + ASKED_EVERY)).as_mut().poll(cx));
                timer = None;
                if self.is_heard() {
                    return Poll::Pending;
                }
                if let Poll::Ready(Err(_)) = Pin::new(&mut &*self).poll_flush(cx) {
                    return Poll::Ready(());
                }
            }
        })
        .await;
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for &Stream<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut *self.io.lock()).poll_read(cx, buf);
        self.is_heard.store(read.is_pending(), Ordering::Relaxed);
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for &Stream<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io.lock()).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io.lock()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io.lock()).poll_shutdown(cx)
    }
}
