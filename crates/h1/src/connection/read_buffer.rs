use bytes::BytesMut;
use skybridge_core::Io;
use std::{
    cell::RefCell,
    future::Future,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};
use tokio::io::AsyncReadExt;

/// How much is read at first.
const LEAST: usize = 1024;
/// How much is read at once at most.
const MOST: usize = 256 * 1024;
/// How many small pieces of memory a thread keeps for the next connection that reads.
const SPARES: usize = 8;

thread_local! {
    /// What connections that became idle on this thread have given back. Whoever reads next on it takes the latest: so
    /// an idle connection keeps no buffer, and a busy one allocates none.
    static SPARE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// What was read and not yet taken. Responses are slices of it, so nothing is copied; what is left of it serves the
/// next responses.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    bytes: BytesMut,
    /// How large the piece of memory is that it is a part of.
    allocated: usize,
    /// How much to make room for: doubled when a read fills it, halved when one fills a quarter only.
    next: usize,
}

impl ReadBuffer {
    pub(super) fn new() -> Self {
        Self { bytes: BytesMut::new(), allocated: 0, next: LEAST }
    }

    #[inline]
    pub(super) fn bytes(&mut self) -> &mut BytesMut {
        &mut self.bytes
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Reads once: how many bytes there were, 0 at the end.
    #[inline]
    pub(super) fn poll_fill(&mut self, io: &mut Pin<Box<dyn Io>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut capacity = self.bytes.capacity() - self.bytes.len();
        if capacity < self.next / 4 {
            if self.allocated == 0 {
                self.take_spare();
            }
            self.bytes.reserve(self.next);
            capacity = self.bytes.capacity() - self.bytes.len();
            self.allocated = self.allocated.max(self.bytes.capacity());
        }
        let read = ready!(pin!(io.read_buf(&mut self.bytes)).poll(cx))?;
        if read == capacity {
            self.next = (self.next * 2).min(MOST);
        } else if read < self.next / 4 {
            self.next = (self.next / 2).max(LEAST);
        }
        Poll::Ready(Ok(read))
    }

    /// A buffer that another connection has given back. Room that a response still refers to is not given again:
    /// `reserve` sees to that.
    #[inline]
    fn take_spare(&mut self) {
        // A thread that is ending has none.
        if let Ok(Some(spare)) = SPARE.try_with(|spares| spares.borrow_mut().pop()) {
            self.bytes = spare;
            self.allocated = LEAST;
        }
    }

    /// Nothing will be read for a while: the buffer is given back.
    #[inline]
    pub(super) fn rest(&mut self) {
        if !self.bytes.is_empty() || self.allocated == 0 {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        if self.allocated <= LEAST {
            let _ = SPARE.try_with(|spares| {
                let mut spares = spares.borrow_mut();
                if spares.len() < SPARES {
                    spares.push(bytes);
                }
            });
        }
        self.allocated = 0;
    }
}
