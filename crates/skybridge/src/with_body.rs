use crate::{
    Body,
    stack::{IntoBody, Progress, Sending},
};
use http::Response;
use pin_project::pin_project;
use skybridge_core::{Delivery, Error, Origin, Phase, TimedOut};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower::Service;

/// Responds with a [`Body`], so that the layer above need not know what is below.
#[derive(Clone, Debug)]
pub struct WithBody<S>(S);

/// A request under way, whose response will have a [`Body`].
#[pin_project]
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct WithBodyFuture<F>(#[pin] F);

// === impl WithBody ===

impl<S> WithBody<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self(inner)
    }
}

impl<S, R, B> Service<R> for WithBody<S>
where
    S: Service<R, Response = Response<B>>,
    B: IntoBody,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = WithBodyFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        WithBodyFuture(self.0.call(request))
    }
}

// === impl WithBodyFuture ===

impl<F, B, E> Future for WithBodyFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: IntoBody,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = ready!(self.project().0.poll(cx));
        Poll::Ready(answered.map(|response| response.map(IntoBody::into_body)))
    }
}

impl<F: Progress> Progress for WithBodyFuture<F> {
    fn delivery(&self) -> Delivery {
        self.0.delivery()
    }

    fn progress(&self) -> (Phase, Option<Origin>) {
        self.0.progress()
    }
}

impl<F: Sending> Sending for WithBodyFuture<F> {
    fn give_up(self: Pin<&mut Self>, timed_out: TimedOut) -> Error {
        self.project().0.give_up(timed_out)
    }
}
