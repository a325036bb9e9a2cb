use bytes::Buf;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower::load::{completion::TrackCompletion, pending_requests::Handle};

/// A request is over when the body of its response is: read to its end, failed, or dropped.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UntilEnd(());

/// The body of a response, with which the request counts as a load of its server.
#[pin_project]
pub struct CountedBody<B> {
    #[pin]
    body: B,
    counted: Option<Handle>,
}

impl<B: Body> TrackCompletion<Handle, Response<B>> for UntilEnd {
    type Output = Response<CountedBody<B>>;

    fn track_completion(&self, counted: Handle, response: Response<B>) -> Self::Output {
        response.map(|body| {
            let counted = Some(counted).filter(|_| !body.is_end_stream());
            CountedBody { body, counted }
        })
    }
}

impl<B> Body for CountedBody<B>
where
    B: Body<Data: Buf>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            *this.counted = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> fmt::Debug for CountedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountedBody").field("counts", &self.counted.is_some()).finish_non_exhaustive()
    }
}
