use crate::{Body, stack::LeasedBody};
use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use pin_project::pin_project;
use skybridge_core::{BoxError, Error};
use std::{
    any::Any,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The body that a user's layer responds with, in a client's types.
pub(crate) type LayeredBody = Pin<Box<dyn http_body::Body<Data = Bytes, Error = Error> + Send>>;

/// The client's body: as it is when the user's layer left it as it was, or it is a pool's of the usual connections,
/// boxed otherwise.
pub(crate) fn into_body<B>(body: B) -> Body
where
    B: http_body::Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    let mut body = Some(body);
    let any = &mut body as &mut dyn Any;
    if let Some(own) = any.downcast_mut::<Option<Body>>() {
        return own.take().unwrap_or_default();
    }
    if let Some(leased) = any.downcast_mut::<Option<LeasedBody>>() {
        return leased.take().map(Body::pooled).unwrap_or_default();
    }
    body.map_or_else(Body::default, |body| Body::layered(Box::pin(InOurTypes(body))))
}

#[pin_project]
struct InOurTypes<B>(#[pin] B);

impl<B> http_body::Body for InOurTypes<B>
where
    B: http_body::Body<Data: Buf, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let in_bytes = |mut data: B::Data| data.copy_to_bytes(data.remaining());
        let frame = ready!(self.project().0.poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(in_bytes)).map_err(Error::of_body)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
