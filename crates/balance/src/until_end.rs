use crate::health::Health;
use bytes::Buf;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project::{pin_project, pinned_drop};
use skybridge_core::{BoxError, Endpoint, Error};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower::load::{completion::TrackCompletion, pending_requests::Handle};

/// A request is over when the body of its response is: read to its end, failed, or dropped. Then it is known how its
/// server has done.
#[derive(Clone, Default)]
pub(crate) struct UntilEnd(Option<(Endpoint, Arc<Health>)>);

/// The body of a response, with which the request counts as a load of its server.
#[pin_project(PinnedDrop)]
pub struct CountedBody<B> {
    #[pin]
    body: B,
    counted: Option<Counted>,
}

struct Counted {
    server: UntilEnd,
    _load: Handle,
}

impl UntilEnd {
    pub(crate) fn of(endpoint: Endpoint, health: Arc<Health>) -> Self {
        Self(Some((endpoint, health)))
    }

    fn ended(&self, error: Option<&Error>) {
        match (&self.0, error) {
            (Some((endpoint, health)), Some(error)) => health.failed(endpoint, error),
            (Some((endpoint, health)), None) => health.answered(endpoint),
            (None, _) => {}
        }
    }
}

impl<B: Body> TrackCompletion<Handle, Response<B>> for UntilEnd {
    type Output = Response<CountedBody<B>>;

    fn track_completion(&self, load: Handle, response: Response<B>) -> Self::Output {
        response.map(|body| {
            let counted = if body.is_end_stream() {
                self.ended(None);
                None
            } else {
                Some(Counted { server: self.clone(), _load: load })
            };
            CountedBody { body, counted }
        })
    }
}

impl<B> Body for CountedBody<B>
where
    B: Body<Data: Buf, Error: Into<BoxError>>,
{
    type Data = B::Data;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx)).map(|frame| frame.map_err(Error::of_body));
        let error = frame.as_ref().and_then(|frame| frame.as_ref().err());
        if (error.is_some() || frame.is_none() || this.body.is_end_stream())
            && let Some(counted) = this.counted.take()
        {
            counted.server.ended(error);
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

#[pinned_drop]
impl<B> PinnedDrop for CountedBody<B> {
    /// Whoever wants no more of it has nothing against the server.
    fn drop(self: Pin<&mut Self>) {
        if let Some(counted) = self.project().counted.take() {
            counted.server.ended(None);
        }
    }
}

impl<B> fmt::Debug for CountedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountedBody").field("counts", &self.counted.is_some()).finish_non_exhaustive()
    }
}
