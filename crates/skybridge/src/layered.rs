use crate::{
    Body, RequestBody,
    layered_body::into_body,
    stack::{ClientStack, Progress, Sending, timed_out_error},
};
use bytes::Buf;
use http::{Request, Response};
use pin_project::pin_project;
use skybridge_core::{BoxError, Delivery, Error, Origin, OriginRef, Phase, TimedOut};
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower::Service;

/// A layer of the user's in a client's stack. `E` is the error that is expected above it.
///
/// It is always ready, as a client is: a request waits in its own future until the user's layer is ready for it. Of a
/// request that the user's layer was given, nobody knows how far it got: a call limit that ends it says
/// [`Delivery::Unknown`].
pub struct Layered<S, E> {
    inner: S,
    _error: PhantomData<fn() -> E>,
}

/// A request that goes through a user's layer.
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct LayeredFuture<S: Service<Request<RequestBody>>, E> {
    #[pin]
    state: State<S, S::Future>,
    _error: PhantomData<fn() -> E>,
}

#[pin_project(project = StateProj)]
#[allow(clippy::large_enum_variant, reason = "the large one is the usual one, and is not boxed on purpose")]
enum State<S, F> {
    /// The service isn't ready yet; the request is taken when it is.
    Waiting(S, Option<Request<RequestBody>>),
    Calling(#[pin] F),
    Failed,
}

// === impl Layered ===

impl<S, E> Layered<S, E> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, _error: PhantomData }
    }

    /// Sends a request, as soon as a clone of the service below is ready.
    fn wait_and_send(&self, request: Request<RequestBody>) -> LayeredFuture<S, E>
    where
        S: Service<Request<RequestBody>> + Clone,
    {
        LayeredFuture { state: State::Waiting(self.inner.clone(), Some(request)), _error: PhantomData }
    }
}

impl<S, E, B> Service<Request<RequestBody>> for Layered<S, E>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<E>> + Clone,
    B: http_body::Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = E;
    type Future = LayeredFuture<S, E>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        self.wait_and_send(request)
    }
}

#[diagnostic::do_not_recommend]
impl<S, B> ClientStack for Layered<S, Error>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<Error>> + Clone,
    B: http_body::Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    type Body = Body;
    type Sending = LayeredFuture<S, Error>;

    fn send(&self, request: Request<RequestBody>) -> Self::Sending {
        self.wait_and_send(request)
    }
}

impl<S: Clone, E> Clone for Layered<S, E> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl<S: fmt::Debug, E> fmt::Debug for Layered<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Layered").field(&self.inner).finish()
    }
}

// === impl LayeredFuture ===

impl<S, E, B> Future for LayeredFuture<S, E>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<E>>,
    B: http_body::Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Waiting(service, request) => match ready!(service.poll_ready(cx)) {
                    Ok(()) => {
                        let Some(request) = request.take() else { return Poll::Pending };
                        let calling = service.call(request);
                        state.set(State::Calling(calling));
                    }
                    Err(error) => {
                        state.set(State::Failed);
                        return Poll::Ready(Err(error.into()));
                    }
                },
                StateProj::Calling(calling) => {
                    let answered = ready!(calling.poll(cx));
                    return Poll::Ready(answered.map(|response| response.map(into_body)).map_err(Into::into));
                }
                StateProj::Failed => return Poll::Pending,
            }
        }
    }
}

impl<S: Service<Request<RequestBody>>, E> Progress for LayeredFuture<S, E> {
    fn delivery(&self) -> Delivery {
        match self.state {
            State::Waiting(..) => Delivery::Unsent,
            State::Calling(_) | State::Failed => Delivery::Unknown,
        }
    }

    fn progress(&self) -> (Phase, Option<Origin>) {
        let origin = match &self.state {
            State::Waiting(_, Some(request)) => OriginRef::of(request.uri()).and_then(OriginRef::to_owned).ok(),
            _ => None,
        };
        (Phase::Call, origin)
    }
}

impl<S: Service<Request<RequestBody>>> Sending for LayeredFuture<S, Error> {
    fn give_up(self: Pin<&mut Self>, timed_out: TimedOut) -> Error {
        timed_out_error(self.delivery(), timed_out)
    }
}

impl<S: Service<Request<RequestBody>>, E> fmt::Debug for LayeredFuture<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Waiting(..) => "Waiting",
            State::Calling(_) => "Calling",
            State::Failed => "Failed",
        };
        f.debug_struct("LayeredFuture").field("state", &state).finish_non_exhaustive()
    }
}
