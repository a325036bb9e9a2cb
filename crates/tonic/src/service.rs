use crate::{TonicBody, future::Calling, settings::Settings, status::status_of};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use skybridge::{
    Error, IntoUri, RequestBody,
    types::{BoxError, RequestError},
};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::Status;
use tower_service::Service;

/// The service of [`TonicLayer`](crate::TonicLayer): a client under a generated one. Cheap to clone if the client is.
#[derive(Clone)]
pub struct Tonic<S> {
    pub(crate) inner: S,
    pub(crate) settings: Arc<Settings>,
}

impl<S> Tonic<S> {
    /// A client for calls of the server at this URL; [`TonicLayer`](crate::TonicLayer) has settings.
    ///
    /// # Errors
    /// As [`TonicLayer::new`](crate::TonicLayer::new).
    pub fn new(client: S, url: impl IntoUri) -> Result<Self, RequestError> {
        Ok(Self { inner: client, settings: Arc::new(Settings::new(url)?) })
    }

    /// The client.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, B> Service<Request<tonic::body::Body>> for Tonic<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<Error>>,
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Response = Response<TonicBody<B>>;
    type Error = Status;
    type Future = Calling<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(cx).map_err(|error| status_of(error.into()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Calling<S::Future> {
        match self.settings.prepare(request) {
            Ok(request) => Calling::sending(self.inner.call(request)),
            Err(status) => Calling::failed(status),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Tonic<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tonic").field("inner", &self.inner).field("settings", &self.settings).finish()
    }
}
