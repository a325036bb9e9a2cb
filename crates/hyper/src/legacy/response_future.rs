use crate::legacy::{body::Body, error::Error};
use http::Response;
use skybridge_core::BoxFuture;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use sync_wrapper::SyncWrapper;

/// A response to come. Nothing is done before it is polled. Dropped, it cancels the request.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(SyncWrapper<BoxFuture<Result<Response<Body>, Error>>>);

impl ResponseFuture {
    pub(crate) fn new(response: impl Future<Output = Result<Response<Body>, Error>> + Send + 'static) -> Self {
        Self(SyncWrapper::new(Box::pin(response)))
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.get_mut().as_mut().poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Future<Response>")
    }
}
