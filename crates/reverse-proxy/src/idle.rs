//! How long nothing may pass between two streams that are joined.

use skybridge_core::Runtime;
use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Whether anything has passed since it was looked at.
#[derive(Debug, Default)]
pub(crate) struct Passed(AtomicBool);

/// A stream of which each piece that is read or written is noted.
pub(crate) struct Watched<'a, I> {
    io: I,
    passed: &'a Passed,
}

/// Runs `work`, until nothing has passed for as long as `limit`; `Duration::MAX` is for ever.
///
/// A piece costs a look at the clock and no timer: that is set again when it expires.
pub(crate) async fn unless_idle(work: impl Future<Output = ()>, passed: &Passed, limit: Duration, rt: &dyn Runtime) {
    let mut work = pin!(work);
    let mut last = rt.now();
    let Some(deadline) = last.checked_add(limit) else { return work.await };
    let mut timer = rt.sleep_until(deadline);
    poll_fn(|cx| {
        if work.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if passed.0.swap(false, Ordering::Relaxed) {
            last = rt.now();
        }
        while timer.as_mut().poll(cx).is_ready() {
            match last.checked_add(limit).filter(|deadline| *deadline > rt.now()) {
                Some(deadline) => timer.as_mut().reset(deadline),
                None => return Poll::Ready(()),
            }
        }
        Poll::Pending
    })
    .await;
}

// === impl Passed ===

impl Passed {
    pub(crate) fn watch<I>(&self, io: I) -> Watched<'_, I> {
        Watched { io, passed: self }
    }

    fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

// === impl Watched ===

impl<I: AsyncRead + Unpin> AsyncRead for Watched<'_, I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if read.is_ready() {
            self.passed.note();
        }
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<'_, I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        if written.is_ready() {
            self.passed.note();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
