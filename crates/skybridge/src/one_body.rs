use http::Request;
use std::{
    fmt,
    marker::PhantomData,
    task::{Context, Poll},
};
use tower::Service;

/// A service of requests with one type of body alone. Made by [`Client::one_body`](crate::Client::one_body).
pub struct OneBody<B, S> {
    inner: S,
    _body: PhantomData<fn(B)>,
}

impl<B, S> OneBody<B, S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, _body: PhantomData }
    }

    /// The service of requests with any body.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<B, S: Service<Request<B>>> Service<Request<B>> for OneBody<B, S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> S::Future {
        self.inner.call(request)
    }
}

impl<B, S: Clone> Clone for OneBody<B, S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl<B, S: fmt::Debug> fmt::Debug for OneBody<B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OneBody").field(&self.inner).finish()
    }
}
