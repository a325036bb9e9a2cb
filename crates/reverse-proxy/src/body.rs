use crate::{
    stall::{Exchange, Waiting, Watched},
    trailers,
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use skybridge_core::BoxError;
use std::{
    fmt, mem,
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
    Passing(#[pin] B, End, Option<Waiting>),
    Watched(Watched<B>),
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
    /// Of a request.
    pub(crate) fn passing(body: B, exchange: Option<&Arc<Exchange>>) -> Self {
        Self(Source::Passing(body, End::Passes, exchange.map(Waiting::new)))
    }

    /// Of a request by HTTP/2. Where the client has reset its stream by NO_ERROR, hyper says that the body is over, and
    /// drops the request when that is polled next. An end that wasn't announced waits so long, or what was sent up to
    /// there would pass for a whole body.
    pub(crate) fn resettable(body: B, exchange: Option<&Arc<Exchange>>) -> Self {
        Self(Source::Passing(body, End::Waits, exchange.map(Waiting::new)))
    }

    /// Of a response.
    pub(crate) fn of_response(body: B, exchange: Option<Arc<Exchange>>) -> Self
    where
        B: Body,
    {
        match exchange.filter(|_| !body.is_end_stream()) {
            Some(exchange) => Self(Source::Watched(Watched::new(body, exchange))),
            None => Self(Source::Passing(body, End::Passes, None)),
        }
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
            SourceProj::Passing(_, End::Waited, _) => return Poll::Ready(None),
            SourceProj::Passing(mut body, end, waiting) => {
                let polled = body.as_mut().poll_frame(cx);
                let frame = match waiting {
                    Some(waiting) => match ready!(waiting.poll(polled, cx)) {
                        Ok(frame) => frame,
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    },
                    None => ready!(polled),
                };
                if frame.is_none() && *end == End::Waits && !body.is_end_stream() {
                    *end = End::Waited;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                frame.map(|frame| frame.map_err(Into::into))
            }
            SourceProj::Watched(body) => ready!(body.poll_frame(cx)),
            SourceProj::Own(text) if text.is_empty() => None,
            SourceProj::Own(text) => Some(Ok(Frame::data(mem::take(text)))),
        };
        Poll::Ready(cleaned(frame))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Passing(body, ..) => body.is_end_stream(),
            Source::Watched(body) => body.is_end_stream(),
            Source::Own(text) => text.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Passing(body, ..) => body.size_hint(),
            Source::Watched(body) => body.size_hint(),
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
            Source::Passing(..) | Source::Watched(_) => "Passing",
            Source::Own(_) => "Own",
        };
        f.debug_tuple("ProxiedBody").field(&source).finish()
    }
}
