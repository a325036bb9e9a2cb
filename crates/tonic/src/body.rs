use crate::status::status_of;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use skybridge::Error;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tonic::Status;

/// The body of a response, whose errors are statuses.
#[pin_project]
#[derive(Debug, Default)]
pub struct TonicBody<B>(#[pin] B);

impl<B> TonicBody<B> {
    pub(crate) fn new(body: B) -> Self {
        Self(body)
    }

    /// The body below: that of a client knows its [connection](skybridge::Body::connection).
    pub fn get_ref(&self) -> &B {
        &self.0
    }
}

impl<B> Body for TonicBody<B>
where
    B: Body<Data = Bytes, Error: Into<skybridge::types::BoxError>>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(self.project().0.poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(|error| status_of(Error::of_body(error)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
