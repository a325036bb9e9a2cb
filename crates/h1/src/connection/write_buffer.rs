use bytes::Buf;
use skybridge_core::Io;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

/// How much an idle connection keeps.
const KEPT: usize = 1024;
/// Data up to here is copied beside the head, so that both leave in one piece; more is written from where it lies.
const COPIED: usize = 1024;
/// How much is copied for a stream that can't write from several places at once.
const STAGED: usize = 16 * 1024;
/// From how many places is written at once.
const SLICES: usize = 16;

/// What is to be written: bytes of ours, behind them data of the request's body where it lies, and behind that bytes of
/// ours again.
#[derive(Debug)]
pub(super) struct WriteBuffer<D> {
    bytes: Vec<u8>,
    /// How many of the bytes were written.
    written: usize,
    data: Option<D>,
    tail: Vec<u8>,
    /// What was written and may still be in a buffer of the stream.
    unflushed: bool,
    /// How many bytes the stream has taken, of this exchange.
    taken: u64,
}

impl<D: Buf> WriteBuffer<D> {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), written: 0, data: None, tail: Vec::new(), unflushed: false, taken: 0 }
    }

    /// Forgets what is there.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.tail.clear();
        (self.written, self.data, self.unflushed) = (0, None, false);
    }

    /// A new exchange begins.
    #[inline]
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        self.clear();
        self.taken = 0;
        &mut self.bytes
    }

    /// How many bytes of the exchange the stream has taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether nothing of the exchange has left us.
    #[inline]
    pub(super) fn is_untouched(&self) -> bool {
        self.taken == 0
    }

    /// Whether more may be put behind what is there.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.data.is_none() && self.bytes.len() - self.written < STAGED
    }

    /// Whether all of it was written, and the stream has sent it on.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.data.is_none() && !self.unflushed
    }

    /// Where bytes of ours go.
    #[inline]
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        if self.data.is_some() { &mut self.tail } else { &mut self.bytes }
    }

    /// Data of the body. Only while it [has room](Self::has_room).
    #[inline]
    pub(super) fn data(&mut self, mut data: D) {
        if data.remaining() > COPIED {
            self.data = Some(data);
            return;
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            self.bytes.extend_from_slice(chunk);
            let taken = chunk.len();
            data.advance(taken);
        }
    }

    /// Writes all that is there, and sees to it that the stream does too.
    #[inline]
    pub(super) fn poll_write(&mut self, io: &mut Pin<Box<dyn Io>>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() || self.data.is_some() {
            let written = if self.data.is_some() {
                ready!(self.poll_write_data(io, cx))?
            } else {
                ready!(io.as_mut().poll_write(cx, &self.bytes[self.written..]))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.taken += written as u64;
            self.advance(written);
        }
        if self.unflushed {
            ready!(io.as_mut().poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_data(&mut self, io: &mut Pin<Box<dyn Io>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(data) = &mut self.data else { return Poll::Ready(Ok(0)) };
        if !io.is_write_vectored() {
            // A few bytes by themselves would make a packet, or a TLS record, of their own.
            self.bytes.drain(..std::mem::take(&mut self.written));
            while data.has_remaining() && self.bytes.len() < STAGED {
                let chunk = data.chunk();
                let length = chunk.len().min(STAGED - self.bytes.len());
                self.bytes.extend_from_slice(&chunk[..length]);
                data.advance(length);
            }
            if !data.has_remaining() {
                self.bytes.append(&mut self.tail);
                self.data = None;
            }
            return io.as_mut().poll_write(cx, &self.bytes);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let ours = &self.bytes[self.written..];
        slices[0] = IoSlice::new(ours);
        let from = usize::from(!ours.is_empty());
        let (all, mut used) = (data.remaining(), from);
        used += data.chunks_vectored(&mut slices[from..SLICES - 1]);
        if !self.tail.is_empty() && slices[from..used].iter().map(|slice| slice.len()).sum::<usize>() == all {
            slices[used] = IoSlice::new(&self.tail);
            used += 1;
        }
        io.as_mut().poll_write_vectored(cx, &slices[..used])
    }

    #[inline]
    fn advance(&mut self, mut written: usize) {
        let ours = written.min(self.bytes.len() - self.written);
        self.written += ours;
        written -= ours;
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.written = 0;
        }
        if let Some(data) = &mut self.data {
            let theirs = written.min(data.remaining());
            data.advance(theirs);
            if !data.has_remaining() {
                self.data = None;
                std::mem::swap(&mut self.bytes, &mut self.tail);
                self.advance(written - theirs);
            }
        }
    }

    /// Nothing will be written for a while: a large buffer is given back.
    #[inline]
    pub(super) fn rest(&mut self) {
        for bytes in [&mut self.bytes, &mut self.tail] {
            if bytes.capacity() > KEPT && bytes.is_empty() {
                *bytes = Vec::new();
            }
        }
    }
}
