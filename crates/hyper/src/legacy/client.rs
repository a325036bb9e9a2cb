use crate::legacy::{body::Body, error::Error, response_future::ResponseFuture};
use http::{Request, Response, Uri, Version};
use http_body::Body as HttpBody;
use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// Sends requests over the connections of a connector `C`. Clones share one pool, which closes with the last of them.
///
/// Its stack, from the top: retry (of what was not sent), pool, route without a resolver, negotiate, the connector.
pub struct Client<C, B> {
    send: Arc<dyn Fn(Request<B>) -> ResponseFuture + Send + Sync>,
    _connector: PhantomData<fn() -> C>,
}

impl<C, B> Client<C, B> {
    pub(crate) fn new(send: impl Fn(Request<B>) -> ResponseFuture + Send + Sync + 'static) -> Self {
        Self { send: Arc::new(send), _connector: PhantomData }
    }

    /// Sends a request. Its URI must be absolute. Nothing happens before the future is polled.
    pub fn request(&self, request: Request<B>) -> ResponseFuture {
        match request.version() {
            Version::HTTP_11 | Version::HTTP_2 => (self.send)(request),
            version => ResponseFuture::new(std::future::ready(Err(Error::of_version(version)))),
        }
    }

    /// Sends a `GET` request, whose body is the default one, and so must be empty by default.
    pub fn get(&self, uri: Uri) -> ResponseFuture
    where
        B: HttpBody + Default,
    {
        let mut request = Request::new(B::default());
        *request.uri_mut() = uri;
        self.request(request)
    }
}

impl<C, B> Service<Request<B>> for Client<C, B> {
    type Response = Response<Body>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        self.request(request)
    }
}

impl<C, B> Service<Request<B>> for &Client<C, B> {
    type Response = Response<Body>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        self.request(request)
    }
}

impl<C, B> Clone for Client<C, B> {
    fn clone(&self) -> Self {
        Self { send: Arc::clone(&self.send), _connector: PhantomData }
    }
}

impl<C, B> fmt::Debug for Client<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
