use crate::{mode::Mode, pause::Pause};
use bytes::{BufMut, Bytes, BytesMut};
use fastrand::Rng;
use http_body::{Body, Frame, SizeHint};
use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A body made of its request's id, over and over, that comes in pieces: requests have it, and responses.
#[derive(Debug)]
pub(crate) struct Pieces {
    id: u64,
    /// Ids to come.
    left: usize,
    /// Breaks off with that many left.
    breaks_at: Option<usize>,
    sized: bool,
    pace: Option<(Rng, Mode)>,
    pause: Option<Pause>,
}

/// Reads what [`Pieces`] wrote, in whatever frames it comes.
#[derive(Debug)]
pub(crate) struct Reader {
    id: [u8; 8],
    bytes: usize,
}

const ID: usize = size_of::<u64>();

impl Pieces {
    /// All at once, where its size is told.
    pub(crate) fn at_once(id: u64, ids: usize) -> Self {
        Self { id, left: ids, breaks_at: None, sized: true, pace: None, pause: None }
    }

    pub(crate) fn slow(id: u64, ids: usize, mut rng: Rng, mode: Mode) -> Self {
        let breaks_at = (ids > 0 && rng.u8(..32) == 0).then(|| rng.usize(..ids));
        let sized = rng.bool();
        Self { id, left: ids, breaks_at, sized, pace: Some((rng, mode)), pause: None }
    }

    /// The bytes of all that are left.
    pub(crate) fn bytes(&self) -> Bytes {
        self.repeat(self.left)
    }

    fn repeat(&self, ids: usize) -> Bytes {
        let mut bytes = BytesMut::with_capacity(ids * ID);
        (0..ids).for_each(|_| bytes.put_u64(self.id));
        bytes.freeze()
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if let Some(pause) = &mut this.pause {
            ready!(Pin::new(pause).poll(cx));
            this.pause = None;
        }
        if this.left == 0 {
            return Poll::Ready(None);
        }
        if this.breaks_at.is_some_and(|at| this.left <= at) {
            this.left = 0;
            return Poll::Ready(Some(Err(io::Error::other("the body broke off, as planned"))));
        }
        let mut ids = this.left;
        if let Some((rng, mode)) = &mut this.pace {
            ids = rng.usize(1..=ids.min(512));
            this.pause = Some(Pause::random(rng, *mode));
        }
        this.left -= ids;
        Poll::Ready(Some(Ok(Frame::data(this.repeat(ids)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        if self.sized { SizeHint::with_exact((self.left * ID) as u64) } else { SizeHint::default() }
    }
}

impl Reader {
    pub(crate) fn new(id: u64) -> Self {
        Self { id: id.to_be_bytes(), bytes: 0 }
    }

    /// False when it is another's.
    pub(crate) fn read(&mut self, data: &[u8]) -> bool {
        let start = self.bytes;
        self.bytes += data.len();
        data.iter().zip(start..).all(|(byte, at)| *byte == self.id[at % ID])
    }

    /// Whether that was all.
    pub(crate) fn is_whole(&self, ids: usize) -> bool {
        self.bytes == ids * ID
    }
}
