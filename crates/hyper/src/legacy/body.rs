use crate::legacy::error::Error;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use sync_wrapper::SyncWrapper;

/// The body of a response, in the place of hyper's `Incoming`: `Send`, `Sync` and `Unpin` whatever the request's body
/// is. Read to its end, it gives its connection back.
pub struct Body {
    body: SyncWrapper<Pin<Box<dyn HttpBody<Data = Bytes, Error = skybridge_core::Error> + Send>>>,
    /// As of the last frame, since a shared reference can't ask the body itself.
    is_end: bool,
    size: SizeHint,
}

impl Body {
    pub(crate) fn new(body: impl HttpBody<Data = Bytes, Error = skybridge_core::Error> + Send + 'static) -> Self {
        let (is_end, size) = (body.is_end_stream(), body.size_hint());
        Self { body: SyncWrapper::new(Box::pin(body)), is_end, size }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let body = this.body.get_mut();
        let frame = ready!(body.as_mut().poll_frame(cx));
        (this.is_end, this.size) = (body.is_end_stream(), body.size_hint());
        Poll::Ready(frame.map(|frame| frame.map_err(Error::of_body)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::clone(&self.size)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}
