use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use skybridge_core::BoxError;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// The body of a response, over whichever protocol was chosen. `default()` is the empty body of HTTP/1.1.
#[pin_project(project = Either)]
#[derive(Debug)]
pub enum NegotiatedBody<A, C> {
    /// Received over HTTP/1.1.
    Http1(#[pin] A),
    /// Received over HTTP/2.
    Http2(#[pin] C),
}

impl<A: Default, C> Default for NegotiatedBody<A, C> {
    fn default() -> Self {
        Self::Http1(A::default())
    }
}

impl<A, C> Body for NegotiatedBody<A, C>
where
    A: Body<Data = Bytes, Error: Into<BoxError>>,
    C: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    /// Always inlined: it chooses, and a call for that costs more than the choice.
    #[inline(always)]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project() {
            Either::Http1(body) => body.poll_frame(cx).map_err(Into::into),
            Either::Http2(body) => body.poll_frame(cx).map_err(Into::into),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}
