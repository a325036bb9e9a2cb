//! What of a request's messages is kept, so that a call that was not processed can be sent again.

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use skybridge::RequestBody;
use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};
use tonic::Status;

/// The most frames that are read of a stream at once: who has only empty ones would otherwise never be through.
const FRAMES: usize = 64;

/// A stream whose beginning has been read already.
struct Begun {
    begin: Option<Frame<Bytes>>,
    /// What was read and isn't joined to it.
    next: Option<Frame<Bytes>>,
    rest: tonic::body::Body,
}

/// The messages as bytes, if they are all at hand, in one piece or in several of not more than `limit` bytes; otherwise
/// as the stream that they are, also one of very many pieces. It waits for none: whoever has to is polled again when
/// the request is sent.
///
/// # Errors
/// When a message can't be encoded: nothing needs to be sent then.
pub(crate) fn keep(mut body: tonic::body::Body, limit: usize) -> Result<RequestBody, Status> {
    let (mut begin, mut read) = (Bytes::new(), 0);
    let next = loop {
        if read == FRAMES {
            break None;
        }
        read += 1;
        let frame = match Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(None) => return Ok(begin.into()),
            Poll::Ready(Some(frame)) => frame?,
            Poll::Pending => break None,
        };
        match frame.into_data() {
            // That of a unary call is not copied.
            Ok(data) if begin.is_empty() => begin = data,
            Ok(data) if begin.len() + data.len() <= limit => begin = joined(begin, &data),
            Ok(data) => break Some(Frame::data(data)),
            Err(other) => break Some(other),
        }
    };
    let begin = (!begin.is_empty()).then(|| Frame::data(begin));
    Ok(RequestBody::wrap(Begun { begin, next, rest: body }))
}

fn joined(begin: Bytes, data: &[u8]) -> Bytes {
    let mut joined = BytesMut::from(begin);
    joined.extend_from_slice(data);
    joined.freeze()
}

impl Body for Begun {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.begin.take().or_else(|| self.next.take()) {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.begin.is_none() && self.next.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let bytes =
            |frame: &Option<Frame<Bytes>>| frame.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        let begun = bytes(&self.begin) + bytes(&self.next);
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(begun + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(begun + upper);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    /// More empty frames than are read at once, which counts how many were asked for.
    struct Empty(Arc<AtomicUsize>);

    impl Body for Empty {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            let asked = self.0.fetch_add(1, Ordering::Relaxed);
            Poll::Ready((asked < 10 * FRAMES).then(|| Ok(Frame::data(Bytes::new()))))
        }
    }

    #[test]
    #[allow(clippy::unwrap_used, reason = "a test")]
    fn a_stream_that_says_nothing_for_long_is_left_for_later() {
        let asked = Arc::new(AtomicUsize::new(0));
        let body = keep(tonic::body::Body::new(Empty(Arc::clone(&asked))), 1_000).unwrap();
        assert!(!body.is_end_stream() && asked.load(Ordering::Relaxed) == FRAMES);
    }
}
