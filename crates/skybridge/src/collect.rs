use crate::Body;
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use pin_project::pin_project;
use skybridge_core::{Advice, Delivery, Error, Phase};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Reads a body to its end. Trailers are dropped. Made by [`Body::bytes`].
#[pin_project]
#[must_use = "nothing is read until it is polled"]
pub struct Collecting {
    #[pin]
    body: Body,
    /// The only piece so far.
    first: Bytes,
    /// All pieces, once there is more than one.
    all: BytesMut,
    limit: usize,
}

/// A body has more bytes than its reader takes.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct TooLarge {
    /// How many it takes.
    pub limit: usize,
}

impl Collecting {
    pub(crate) fn new(body: Body, limit: usize) -> Self {
        Self { body, first: Bytes::new(), all: BytesMut::new(), limit }
    }
}

impl Future for Collecting {
    type Output = Result<Bytes, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            if left(&this.body, *this.limit, this.first.len() + this.all.len()).is_none() {
                return Poll::Ready(Err(too_large(this.body, *this.limit)));
            }
            match ready!(this.body.as_mut().poll_frame(cx)?) {
                Some(frame) => frame.into_data().into_iter().for_each(|data| append(this.first, this.all, data)),
                None if this.all.is_empty() => return Poll::Ready(Ok(std::mem::take(this.first))),
                None => return Poll::Ready(Ok(std::mem::take(this.all).freeze())),
            }
        }
    }
}

/// How many bytes there may still be, beyond what is known to come.
fn left(body: &Body, limit: usize, read: usize) -> Option<u64> {
    (limit as u64).checked_sub(read as u64)?.checked_sub(body.size_hint().lower())
}

fn append(first: &mut Bytes, all: &mut BytesMut, data: Bytes) {
    if !all.is_empty() {
        all.extend_from_slice(&data);
    } else if first.is_empty() {
        *first = data;
    } else {
        all.reserve(first.len() + data.len());
        all.extend_from_slice(&std::mem::take(first));
        all.extend_from_slice(&data);
    }
}

/// Drops the body with its connection: nobody will read on.
fn too_large(mut body: Pin<&mut Body>, limit: usize) -> Error {
    let error = Error::new(Delivery::Unknown, Phase::Body, TooLarge { limit }).advise(Advice::TooLarge);
    let error = match body.connection() {
        Some(connection) => error.on(connection),
        None => error,
    };
    body.set(Body::default());
    error
}

impl fmt::Debug for Collecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collecting").field("body", &self.body).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body has more than the {} that are taken at most", InBytes(self.limit))?;
        f.write_str(" (`Body::bytes_up_to` and `text_up_to` take more)")
    }
}

impl fmt::Debug for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl std::error::Error for TooLarge {}

/// A number of bytes, in its largest unit where that comes out even.
struct InBytes(usize);

impl fmt::Display for InBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "bytes")];
        let even = |(unit, _): &&(usize, &str)| self.0 >= *unit && self.0.is_multiple_of(*unit);
        let (unit, name) = units.iter().find(even).copied().unwrap_or((1, "bytes"));
        write!(f, "{} {name}", self.0 / unit)
    }
}
