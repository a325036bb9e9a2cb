use crate::trailers;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A body that passes the proxy as it comes, either way, with the trailers that may (see [this crate](crate)); or a few
/// words of the proxy's own.
#[pin_project]
#[derive(Debug)]
pub struct ProxiedBody<B>(#[pin] Source<B>);

#[pin_project(project = SourceProj)]
#[derive(Debug)]
enum Source<B> {
    Passing(#[pin] B, End),
    Own(Bytes),
}

/// What becomes of an end that the body hasn't announced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Passes,
    Waits,
    /// It has waited.
    Waited,
}

impl<B> ProxiedBody<B> {
    pub(crate) fn passing(body: B) -> Self {
        Self(Source::Passing(body, End::Passes))
    }

    /// Of a request by HTTP/2. Where the client has reset its stream by NO_ERROR, hyper says that the body is over, and
    /// drops the request when that is polled next. An end that wasn't announced waits so long, or what was sent up to
    /// there would pass for a whole body.
    pub(crate) fn resettable(body: B) -> Self {
        Self(Source::Passing(body, End::Waits))
    }

    pub(crate) fn own(text: impl Into<Bytes>) -> Self {
        Self(Source::Own(text.into()))
    }
}

impl<B: Body<Data = Bytes>> Body for ProxiedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().0.project() {
            SourceProj::Passing(_, End::Waited) => Poll::Ready(None),
            SourceProj::Passing(mut body, end) => {
                let mut frame = ready!(body.as_mut().poll_frame(cx));
                if frame.is_none() && *end == End::Waits && !body.is_end_stream() {
                    *end = End::Waited;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                if let Some(trailers) = frame.as_mut().and_then(|frame| frame.as_mut().ok()?.trailers_mut()) {
                    trailers::clean(trailers);
                    if trailers.is_empty() {
                        return Poll::Ready(None);
                    }
                }
                Poll::Ready(frame)
            }
            SourceProj::Own(text) if text.is_empty() => Poll::Ready(None),
            SourceProj::Own(text) => Poll::Ready(Some(Ok(Frame::data(mem::take(text))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Passing(body, _) => body.is_end_stream(),
            Source::Own(text) => text.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Passing(body, _) => body.size_hint(),
            Source::Own(text) => SizeHint::with_exact(text.len() as u64),
        }
    }
}
