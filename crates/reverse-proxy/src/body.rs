use crate::{
    stall::{Exchange, Waiting, Watched},
    trailers,
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use skybridge_core::BoxError;
use std::{
    fmt, io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// A body that passes the proxy as it comes, either way, with the trailers that may (see [this crate](crate)); or a few
/// words of the proxy's own. Its errors are those of the body below, or a [`TimedOut`](skybridge_core::TimedOut) of its
/// [limit](crate::ReverseProxy::body_idle_limit): of a response, as the cause of an [`Error`](skybridge_core::Error).
#[pin_project]
pub struct ProxiedBody<B>(#[pin] Source<B>);

#[pin_project(project = SourceProj)]
enum Source<B> {
    Request(#[pin] B, End, Waiting),
    Response(Watched<B>),
    /// A response without one.
    Empty(B),
    Own(Bytes),
}

/// What becomes of an end that the body hasn't announced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Passes,
    Waits,
    /// It has waited.
    Waited,
    /// It has passed, or failed.
    Over,
}

impl<B> ProxiedBody<B> {
    /// Of a request.
    pub(crate) fn of_request(body: B, exchange: &Arc<Exchange>) -> Self {
        Self(Source::Request(body, End::Passes, Waiting::new(exchange)))
    }

    /// Of a request by HTTP/2. Where the client has reset its stream by NO_ERROR, hyper says that the body is over, and
    /// drops the request when that is polled next, or the response where that has begun. An end that wasn't announced
    /// waits so long, or what was sent up to there would pass for a whole body. Once the response is over or dropped,
    /// such an end is a failure: there is nothing to tell it from one by NO_ERROR, and nothing left to lose.
    pub(crate) fn resettable(body: B, exchange: &Arc<Exchange>) -> Self {
        Self(Source::Request(body, End::Waits, Waiting::new(exchange)))
    }

    /// Of a response.
    pub(crate) fn of_response(body: B, exchange: Arc<Exchange>) -> Self
    where
        B: Body,
    {
        if body.is_end_stream() {
            exchange.answered();
            return Self(Source::Empty(body));
        }
        Self(Source::Response(Watched::new(body, exchange)))
    }

    pub(crate) fn own(text: impl Into<Bytes>) -> Self {
        Self(Source::Own(text.into()))
    }
}

impl<B> Body for ProxiedBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = match self.project().0.project() {
            SourceProj::Request(_, end @ End::Waited, waiting) => {
                *end = End::Over;
                let is_broken = waiting.exchange().is_answered();
                return Poll::Ready(is_broken.then(|| Err(io::Error::from(io::ErrorKind::ConnectionReset).into())));
            }
            SourceProj::Request(_, End::Over, _) => None,
            SourceProj::Request(mut body, end, waiting) => {
                let polled = body.as_mut().poll_frame(cx);
                let frame = match ready!(waiting.poll(polled, cx)) {
                    Ok(frame) => frame,
                    Err(error) => return Poll::Ready(Some(Err(error))),
                };
                if frame.is_none() && *end == End::Waits && !body.is_end_stream() {
                    *end = End::Waited;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                frame.map(|frame| frame.map_err(Into::into))
            }
            SourceProj::Response(body) => ready!(body.poll_frame(cx)),
            SourceProj::Empty(_) => None,
            SourceProj::Own(text) if text.is_empty() => None,
            SourceProj::Own(text) => Some(Ok(Frame::data(mem::take(text)))),
        };
        Poll::Ready(cleaned(frame))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Request(body, ..) => body.is_end_stream(),
            Source::Response(body) => body.is_end_stream(),
            Source::Empty(body) => body.is_end_stream(),
            Source::Own(text) => text.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Request(body, ..) => body.size_hint(),
            Source::Response(body) => body.size_hint(),
            Source::Empty(body) => body.size_hint(),
            Source::Own(text) => SizeHint::with_exact(text.len() as u64),
        }
    }
}

/// With the trailers that may pass.
fn cleaned(mut frame: Option<Result<Frame<Bytes>, BoxError>>) -> Option<Result<Frame<Bytes>, BoxError>> {
    if let Some(trailers) = frame.as_mut().and_then(|frame| frame.as_mut().ok()?.trailers_mut()) {
        trailers::clean(trailers);
        if trailers.is_empty() {
            return None;
        }
    }
    frame
}

impl<B> fmt::Debug for ProxiedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.0 {
            Source::Request(..) => "Request",
            Source::Response(_) | Source::Empty(_) => "Response",
            Source::Own(_) => "Own",
        };
        f.debug_tuple("ProxiedBody").field(&source).finish()
    }
}
