use crate::{
    frame_counts::Done,
    frame_scanner::{Found, FrameScanner},
    frame_tap::FrameTap,
    small_frames::{Turn, join},
    wire::Wire,
};
use pin_project::pin_project;
use skybridge_core::{Runtime, Sleep, WriteFailure};
use std::{
    io::{Error, IoSlice, Result},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long what the peer has sent is waited for when writing has failed. It is here, if anything is: the socket is
/// gone.
const PATIENCE: Duration = Duration::from_millis(250);
/// How much of it is looked at before there is a driver.
const LAST_WORDS: usize = 64 * 1024;
const SETTINGS: u8 = 0x4;
const GOAWAY: u8 = 0x7;
const ACK: u8 = 0x1;
/// ENHANCE_YOUR_CALM (RFC 9113, section 7).
const CALM: u8 = 0xb;
/// Where type and flags of a frame stand in its header, after the length (RFC 9113, section 4.1).
const TYPE: usize = 3;
const FLAGS: usize = 4;

/// The stream below the h2 crate: checks what that crate doesn't, counts writes, and looks out for control frames. When
/// writing fails, what can still be read is read first: a response, or a GOAWAY, which says more than a broken pipe.
/// The peer's first frame must be SETTINGS (RFC 9113, section 3.4). A GOAWAY in its place is let through, since it
/// carries the reason. Small DATA frames that follow each other are made one.
#[pin_project]
pub(crate) struct PrefaceIo<I> {
    #[pin]
    io: I,
    /// How many bytes of the first frame have been checked; `None` when it is done.
    seen: Option<usize>,
    frames: FrameScanner,
    turn: Turn,
    failure: WriteFailure,
    patience: Patience,
    max_informational: u32,
    /// Reads along, where somebody observes the connection.
    tap: Option<Box<FrameTap>>,
    wire: Wire,
}

/// Limits the wait for the peer's last words.
struct Patience {
    runtime: Arc<dyn Runtime>,
    timer: Option<Pin<Box<dyn Sleep>>>,
}

impl Patience {
    #[cold]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let runtime = &self.runtime;
        let timer = self.timer.get_or_insert_with(|| runtime.sleep_until(runtime.now() + PATIENCE));
        timer.as_mut().poll(cx)
    }
}

// === impl PrefaceIo ===

impl<I> PrefaceIo<I> {
    pub(crate) fn new(io: I, wire: Wire, runtime: Arc<dyn Runtime>, max_informational: u32) -> Self {
        Self {
            io,
            seen: Some(0),
            frames: FrameScanner::default(),
            turn: Turn::default(),
            failure: WriteFailure::default(),
            patience: Patience { runtime, timer: None },
            max_informational,
            tap: wire.watch().map(|_| Box::new(FrameTap::new())),
            wire,
        }
    }
}

impl<I: AsyncRead + AsyncWrite> PrefaceIo<I> {
    #[inline]
    fn poll_bytes(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut I>, &mut Context<'_>) -> Poll<Result<usize>>,
    ) -> Poll<Result<usize>> {
        let this = self.as_mut().project();
        if this.failure.has_failed() {
            return self.poll_failed_before(cx);
        }
        this.wire.count_attempt();
        let mut written = poll(this.io, cx);
        if this.wire.polls() != 0 {
            written = this.wire.record(written);
        }
        match written {
            Poll::Ready(Err(error)) => self.poll_failed(cx, Some(error)),
            written => written,
        }
    }

    #[cold]
    fn tell_sent(self: Pin<&mut Self>, bufs: &[IoSlice<'_>], written: &Poll<Result<usize>>) {
        let this = self.project();
        if let (Some(tap), Some(watch), Poll::Ready(Ok(bytes))) = (this.tap, this.wire.watch(), written) {
            tap.sent(bufs, *bytes, watch);
        }
    }

    /// There is something to write, and writing has failed before.
    #[cold]
    fn poll_failed_before(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        if self.wire.polls() == 0 && self.failure.is_held() {
            return self.poll_last_words(cx).map(Err);
        }
        self.poll_failed(cx, None)
    }

    /// Writing has failed, just now with this error, or before.
    #[cold]
    fn poll_failed<T>(mut self: Pin<&mut Self>, cx: &mut Context<'_>, error: Option<Error>) -> Poll<Result<T>> {
        let this = self.as_mut().project();
        let failed = |_: &mut Context<'_>| error.map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
        let written = this.failure.poll_write(cx, this.wire.polls(), failed);
        written.map_err(|error| this.wire.ending().socket_failed(error))
    }

    #[cold]
    fn poll_last_words(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Error> {
        let mut this = self.project();
        let (mut bytes, mut left) = ([0; 1024], LAST_WORDS);
        loop {
            let mut buf = ReadBuf::new(&mut bytes);
            let mut read = this.io.as_mut().poll_read(cx, &mut buf);
            let filled = buf.filled().len();
            if this.frames.scan(buf.filled()).control
                && let Some(goaway) = this.frames.take_goaway()
            {
                this.wire.ending().goaway(goaway);
            }
            left = left.saturating_sub(filled);
            if left == 0 {
                read = Poll::Ready(Ok(()));
            }
            let patience = |cx: &mut Context<'_>| this.patience.poll(cx);
            if let Err(error) = ready!(this.failure.poll_read(cx, 0, read, filled > 0 && left > 0, patience)) {
                return Poll::Ready(this.wire.ending().socket_failed(error));
            }
        }
    }
}

impl<I: AsyncWrite> PrefaceIo<I> {
    /// Something was read, which has filled the buffer from there on: looks through it.
    #[inline]
    fn scan(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>, filled: usize) -> Result<()> {
        let this = self.as_mut().project();
        if let (Some(tap), Some(watch)) = (this.tap, this.wire.watch()) {
            tap.received(&buf.filled()[filled..], watch);
        }
        let found = this.frames.scan(&buf.filled()[filled..]);
        this.wire.count_read(this.frames.data(), this.frames.ended());
        if found.small > 1 {
            join_small(this.turn, this.wire, buf, filled + found.small_from);
        }
        if found.control | found.many { self.look(cx, found) } else { Ok(()) }
    }

    /// As [`poll_read`](AsyncRead::poll_read), whatever has come of reading, which has filled the buffer from there on.
    #[cold]
    fn poll_others(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        read: Poll<Result<()>>,
        buf: &mut ReadBuf<'_>,
        filled: usize,
    ) -> Poll<Result<()>> {
        let this = self.as_mut().project();
        let read_bytes = &buf.filled()[filled..];
        let something = !read_bytes.is_empty();
        let patience = |cx: &mut Context<'_>| this.patience.poll(cx);
        let read = ready!(this.failure.poll_read(cx, this.wire.polls(), read, something, patience));
        read.map_err(|error| this.wire.ending().socket_failed(error))?;
        if !something {
            this.wire.ending().eof();
        }
        if let Some(seen) = *this.seen {
            *this.seen = check_first_frame(seen, read_bytes).ok_or_else(|| this.wire.ending().not_http2())?;
        }
        Poll::Ready(self.scan(cx, buf, filled))
    }

    /// The frames that were read have to be looked at, by the driver too.
    ///
    /// # Errors
    /// There were too many of some kind. The peer is told so, unless something is half written.
    #[cold]
    fn look(self: Pin<&mut Self>, cx: &mut Context<'_>, found: Found) -> Result<()> {
        let this = self.project();
        let wire = this.wire;
        wire.set_control();
        wire.set_acknowledged(this.frames.acknowledged());
        if let Some(goaway) = this.frames.take_goaway() {
            wire.ending().goaway(goaway);
        }
        if !found.many {
            return Ok(());
        }
        let done = Done { at: this.patience.runtime.now(), sent: wire.sent(), opened: wire.opened() };
        let Err(flood) = this.frames.counts.check(done, wire.open_streams(), *this.max_informational) else {
            return Ok(());
        };
        // The h2 crate stops writing in the middle of a frame only to wait for the peer.
        if wire.blocked().is_none() {
            // The last stream of the peer's is 0, as it opens none.
            let goaway = [0, 0, 8, GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, CALM];
            let written = this.io.poll_write(cx, &goaway);
            if let (Some(tap), Some(watch), Poll::Ready(Ok(bytes))) = (this.tap, wire.watch(), written) {
                tap.sent(&[IoSlice::new(&goaway)], bytes, watch);
            }
        }
        Err(wire.ending().flooded(flood))
    }
}

/// Small frames were read, the first of them from there on.
#[cold]
fn join_small(turn: &mut Turn, wire: &Wire, buf: &mut ReadBuf<'_>, from: usize) {
    let Some(read) = buf.filled_mut().get_mut(from..) else { return };
    let (length, left) = join(read);
    buf.set_filled(from + length);
    turn.count(wire.polls(), left);
}

/// Checks more bytes of the first frame: its type, and for SETTINGS that it is no ACK. `None` when it is another.
fn check_first_frame(seen: usize, read: &[u8]) -> Option<Option<usize>> {
    let right = (seen..).zip(read).all(|(at, &byte)| match at {
        TYPE => matches!(byte, SETTINGS | GOAWAY),
        FLAGS => byte & ACK == 0,
        _ => true,
    });
    let seen = seen + read.len();
    right.then_some((seen <= FLAGS).then_some(seen))
}

impl<I: AsyncRead + AsyncWrite> AsyncRead for PrefaceIo<I> {
    #[inline]
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.as_mut().project();
        if this.turn.is_over() {
            this.turn.next();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let filled = buf.filled().len();
        let read = this.io.poll_read(cx, buf);
        if !this.failure.has_failed() && this.seen.is_none() {
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if buf.filled().len() > filled => {
                    return Poll::Ready(self.scan(cx, buf, filled));
                }
                Poll::Ready(_) => {}
            }
        }
        self.poll_others(cx, read, buf, filled)
    }
}

impl<I: AsyncRead + AsyncWrite> AsyncWrite for PrefaceIo<I> {
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let written = self.as_mut().poll_bytes(cx, |io, cx| io.poll_write(cx, buf));
        if self.tap.is_some() {
            self.tell_sent(&[IoSlice::new(buf)], &written);
        }
        written
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = self.as_mut().poll_bytes(cx, |io, cx| io.poll_write_vectored(cx, bufs));
        if self.tap.is_some() {
            self.tell_sent(bufs, &written);
        }
        written
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.as_mut().project();
        if this.failure.has_failed() {
            return self.poll_failed(cx, None);
        }
        match this.io.poll_flush(cx) {
            Poll::Ready(Err(error)) => self.poll_failed(cx, Some(error)),
            flushed => flushed,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.project().io.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_is_checked_however_its_bytes_arrive() {
        let settings = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];
        assert_eq!(check_first_frame(0, &settings), Some(None));
        let bytes = settings.iter().take(5).try_fold(Some(0), |seen, &byte| check_first_frame(seen?, &[byte]));
        assert_eq!(bytes.unwrap(), None);
        assert_eq!(check_first_frame(0, b"HTTP/1.1 400"), None);
        assert_eq!(check_first_frame(3, b"\x01"), None);
        assert_eq!(check_first_frame(4, &[ACK]), None);
    }
}
