//! Peers that cost nothing: they answer from memory within the write that ends a request, so that what is counted is
//! the client's own work.

use crate::request::END;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, Waker},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const H1: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nhello";
/// To a request without headers of its own: as few as can be.
const H1_PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
/// The head of such a request, with its `host`, is not longer than this.
const PLAIN_HEAD: usize = 64;
/// An empty SETTINGS frame (RFC 9113, section 6.5), and its acknowledgement.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const SETTINGS_ACK: &[u8] = &[0, 0, 0, 4, 1, 0, 0, 0, 0];
/// The client's preface begins with so many bytes that are no frame (RFC 9113, section 3.4).
const PREFACE: usize = 24;
const FRAME_HEAD: usize = 9;

/// A stream to a peer that answers each request with `hello`.
pub(crate) struct Canned {
    peer: Peer,
    answer: Vec<u8>,
    read: usize,
    waker: Option<Waker>,
}

enum Peer {
    H1,
    H2(Frames),
}

/// Follows the frames that a client writes, as far as an answer needs it.
#[derive(Default)]
struct Frames {
    head: [u8; FRAME_HEAD],
    /// How much of the head is here.
    known: usize,
    /// How many bytes are to be skipped.
    skip: usize,
}

impl Canned {
    pub(crate) fn h1() -> Self {
        Self { peer: Peer::H1, answer: Vec::with_capacity(1024), read: 0, waker: None }
    }

    pub(crate) fn h2() -> Self {
        let frames = Frames { skip: PREFACE, ..Frames::default() };
        let mut answer = Vec::with_capacity(1024);
        answer.extend_from_slice(SETTINGS);
        Self { peer: Peer::H2(frames), answer, read: 0, waker: None }
    }

    fn take(&mut self, bytes: &[u8]) {
        match &mut self.peer {
            Peer::H1 if bytes.len() <= PLAIN_HEAD && bytes.ends_with(b"\r\n\r\n") => {
                self.answer.extend_from_slice(H1_PLAIN);
            }
            Peer::H1 if bytes.ends_with(b"\r\n\r\n") || bytes.ends_with(END) => {
                self.answer.extend_from_slice(H1);
            }
            Peer::H1 => {}
            Peer::H2(frames) => frames.take(bytes, &mut self.answer),
        }
        if self.read < self.answer.len()
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
    }
}

impl Frames {
    fn take(&mut self, mut bytes: &[u8], answer: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let more = (FRAME_HEAD - self.known).min(bytes.len());
            self.head[self.known..self.known + more].copy_from_slice(&bytes[..more]);
            self.known += more;
            bytes = &bytes[more..];
            if self.known == FRAME_HEAD {
                self.known = 0;
                self.skip = u32::from_be_bytes([0, self.head[0], self.head[1], self.head[2]]) as usize;
                self.frame(answer);
            }
        }
    }

    fn frame(&self, answer: &mut Vec<u8>) {
        let [a, b, c, kind, flags, stream @ ..] = self.head;
        const END_STREAM: u8 = 1;
        match kind {
            0 | 1 if flags & END_STREAM != 0 => {
                if kind == 0 && self.skip > 0 {
                    // The window of the connection is filled up again: WINDOW_UPDATE.
                    answer.extend_from_slice(&[0, 0, 4, 8, 0, 0, 0, 0, 0, 0, a, b, c]);
                }
                // HEADERS with `:status: 200` of the static table and END_HEADERS, DATA with END_STREAM.
                answer.extend_from_slice(&[0, 0, 1, 1, 4]);
                answer.extend_from_slice(&stream);
                answer.extend_from_slice(&[0x88, 0, 0, 5, 0, END_STREAM]);
                answer.extend_from_slice(&stream);
                answer.extend_from_slice(b"hello");
            }
            4 if flags == 0 => answer.extend_from_slice(SETTINGS_ACK),
            _ => {}
        }
    }
}

// Never inlined: a peer is to cost the same wherever its client is compiled.
impl AsyncRead for Canned {
    #[inline(never)]
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let here = &this.answer[this.read..];
        if here.is_empty() {
            match &mut this.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => this.waker = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        let taken = here.len().min(buf.remaining());
        buf.put_slice(&here[..taken]);
        this.read += taken;
        if this.read == this.answer.len() {
            this.answer.clear();
            this.read = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Canned {
    #[inline(never)]
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    #[inline(never)]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let ends = slices.iter().rposition(|slice| !slice.is_empty());
        let mut written = 0;
        for (at, slice) in slices.iter().enumerate() {
            // A head that is followed by its body in one write is not the end of a request.
            if Some(at) == ends || matches!(self.peer, Peer::H2(_)) {
                self.take(slice);
            }
            written += slice.len();
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
