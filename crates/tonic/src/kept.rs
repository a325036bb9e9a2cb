//! What of a request's messages is kept, so that a call that was not processed can be sent again.

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use skybridge::RequestBody;
use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};
use tonic::Status;

/// A stream whose beginning has been read already.
struct Begun {
    begin: Option<Frame<Bytes>>,
    /// A frame that isn't data ended the reading.
    next: Option<Frame<Bytes>>,
    rest: tonic::body::Body,
}

/// The messages as bytes, if they are all at hand and not more than `limit` bytes; otherwise as the stream that they
/// are. It waits for none: whoever has to is polled again when the request is sent.
///
/// # Errors
/// When a message can't be encoded: nothing needs to be sent then.
pub(crate) fn keep(mut body: tonic::body::Body, limit: usize) -> Result<RequestBody, Status> {
    let mut begin = Bytes::new();
    let next = loop {
        if begin.len() > limit {
            break None;
        }
        match Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(None) => return Ok(begin.into()),
            Poll::Ready(Some(Err(status))) => return Err(status),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => begin = joined(begin, data),
                Err(other) => break Some(other),
            },
            Poll::Pending => break None,
        }
    };
    let begin = (!begin.is_empty()).then(|| Frame::data(begin));
    Ok(RequestBody::wrap(Begun { begin, next, rest: body }))
}

/// A unary call's one piece is not copied.
fn joined(begin: Bytes, data: Bytes) -> Bytes {
    if begin.is_empty() {
        return data;
    }
    let mut joined = BytesMut::from(begin);
    joined.extend_from_slice(&data);
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
        let begun = self.begin.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(begun + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(begun + upper);
        }
        hint
    }
}
