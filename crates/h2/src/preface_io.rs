use pin_project::pin_project;
use skybridge_core::WriteFailure;
use std::{
    io::{Error, ErrorKind, IoSlice, Result},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const SETTINGS: u8 = 0x4;
const GOAWAY: u8 = 0x7;
const ACK: u8 = 0x1;
/// Where type and flags of a frame stand in its header, after the length (RFC 9113, section 4.1).
const TYPE: usize = 3;
const FLAGS: usize = 4;

/// The stream below the h2 crate: sees to what that crate doesn't tell or insist on.
///
/// Where writing fails, what can still be read is read first: an answer, or GOAWAY, which says more than a broken pipe.
///
/// The peer's first frame must be SETTINGS (RFC 9113, section 3.4). GOAWAY may come in its place: it says more than a broken rule would.
#[derive(Debug)]
#[pin_project]
pub(crate) struct Opening<I> {
    #[pin]
    io: I,
    /// How many bytes of the first frame have been seen; `None` when they were enough.
    seen: Option<usize>,
    failure: WriteFailure,
    writes: Writes,
}

/// Counts the tries to write. The h2 crate tries as soon as it has encoded something, so as long as nothing was tried nothing that was
/// handed to it meanwhile has left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writes(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    tries: AtomicUsize,
    /// Those that took something.
    taken: AtomicUsize,
    /// The last one waits for the peer.
    stuck: AtomicBool,
    /// How often the driver was polled: the h2 crate reads first each time. 0 as long as there is none.
    turn: AtomicU32,
}

// === impl Writes ===

impl Writes {
    /// Those so far. What the driver did is seen once its effect on a stream is: both are under the h2 crate's lock.
    pub(crate) fn count(&self) -> usize {
        self.0.tries.load(Ordering::Relaxed)
    }

    /// How often something was taken, if what is left waits for the peer.
    pub(crate) fn stuck(&self) -> Option<usize> {
        self.0.stuck.load(Ordering::Relaxed).then(|| self.0.taken.load(Ordering::Relaxed))
    }

    /// The driver is polled.
    #[inline]
    pub(crate) fn next_turn(&self) {
        self.0.turn.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn turn(&self) -> u32 {
        self.0.turn.load(Ordering::Relaxed)
    }

    #[inline]
    fn one_more(&self) {
        self.0.tries.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn tried(&self, taken: Poll<Result<usize>>) -> Poll<Result<usize>> {
        self.0.stuck.store(taken.is_pending(), Ordering::Relaxed);
        if taken.is_ready() {
            self.0.taken.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }
}

// === impl Opening ===

impl<I> Opening<I> {
    pub(crate) fn new(io: I, writes: Writes) -> Self {
        Self { io, seen: Some(0), failure: WriteFailure::default(), writes }
    }
}

impl<I: AsyncWrite> Opening<I> {
    #[inline]
    fn poll_bytes(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut I>, &mut Context<'_>) -> Poll<Result<usize>>,
    ) -> Poll<Result<usize>> {
        let this = self.project();
        let (io, writes) = (this.io, this.writes);
        if writes.turn() == 0 {
            // The handshake reads nothing.
            writes.one_more();
            return poll(io, cx);
        }
        this.failure.poll_write(cx, writes.turn(), |cx| {
            writes.one_more();
            writes.tried(poll(io, cx))
        })
    }
}

/// How many bytes have been seen after these.
fn look(seen: usize, read: &[u8]) -> Result<Option<usize>> {
    let right = (seen..).zip(read).all(|(at, &byte)| match at {
        TYPE => matches!(byte, SETTINGS | GOAWAY),
        FLAGS => byte & ACK == 0,
        _ => true,
    });
    if !right {
        return Err(Error::new(
            ErrorKind::InvalidData,
            "the peer does not speak HTTP/2: its first frame is not SETTINGS",
        ));
    }
    let seen = seen + read.len();
    Ok((seen <= FLAGS).then_some(seen))
}

impl<I: AsyncRead> AsyncRead for Opening<I> {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.project();
        let filled = buf.filled().len();
        let read = this.io.poll_read(cx, buf);
        let something = buf.filled().len() > filled;
        ready!(this.failure.poll_read(cx, this.writes.turn(), read, something))?;
        if let Some(seen) = *this.seen {
            *this.seen = look(seen, &buf.filled()[filled..])?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite> AsyncWrite for Opening<I> {
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

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.project();
        let (io, turn) = (this.io, this.writes.turn());
        if turn == 0 {
            return io.poll_flush(cx);
        }
        this.failure.poll_write(cx, turn, |cx| io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.project().io.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_is_judged_however_its_bytes_come() {
        let settings = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];
        assert_eq!(look(0, &settings).unwrap(), None);
        let bytes = settings.iter().take(5).try_fold(Some(0), |seen, &byte| look(seen.unwrap(), &[byte]));
        assert_eq!(bytes.unwrap(), None);
        assert!(look(0, b"HTTP/1.1 400").is_err());
        assert!(look(3, b"\x01").is_err());
        assert!(look(4, &[ACK]).is_err());
    }
}
