use crate::{TonicBody, TonicLayer, future::Calling, kept, status::status_of, timeout, user_agent};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header::TE};
use http_body::Body;
use skybridge::{
    Error, HttpVersions, IntoUri, RequestBody, RequestOptions,
    types::{BoxError, RequestError},
};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::Status;
use tower_layer::Layer;
use tower_service::Service;

/// The service of [`TonicLayer`]: a client under a generated client. Cheap to clone if the client is.
#[derive(Clone)]
pub struct Tonic<S> {
    pub(crate) inner: S,
    pub(crate) settings: Arc<TonicLayer>,
}

impl<S> Tonic<S> {
    /// A client for calls of the server at this URL; [`TonicLayer`] has settings.
    ///
    /// # Errors
    /// As [`TonicLayer::new`].
    pub fn new(client: S, url: impl IntoUri) -> Result<Self, RequestError> {
        Ok(TonicLayer::new(url)?.layer(client))
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

// === impl TonicLayer ===

impl TonicLayer {
    /// The call as the client takes it.
    fn prepare(&self, request: Request<tonic::body::Body>) -> Result<Request<RequestBody>, Status> {
        let (mut head, body) = request.into_parts();
        if head.uri.authority().is_none() {
            head.uri = self.absolute(head.uri)?;
        }
        head.headers.entry(TE).or_insert(HeaderValue::from_static("trailers"));
        user_agent::put(&mut head.headers, &self.user_agent);
        let mut limit = timeout::read(&head.headers)?;
        if let Some(longest) = self.timeout.filter(|longest| limit.is_none_or(|limit| limit > *longest)) {
            head.headers.insert(timeout::GRPC_TIMEOUT, timeout::write(longest));
            limit = Some(longest);
        }
        let options = head.extensions.get_or_insert_default::<RequestOptions>();
        if options.connect_options.http_versions == HttpVersions::Any {
            options.connect_options.http_versions = HttpVersions::Http2;
        }
        if let Some(limit) = limit {
            let own = options.timeouts.call;
            options.timeouts.call = Some(own.map_or(limit, |own| own.min(limit)));
        }
        let body = if self.keep == 0 { RequestBody::wrap(body) } else { kept::keep(body, self.keep)? };
        Ok(Request::from_parts(head, body))
    }

    fn absolute(&self, uri: Uri) -> Result<Uri, Status> {
        let mut parts = uri.into_parts();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query.get_or_insert(http::uri::PathAndQuery::from_static("/"));
        Uri::from_parts(parts).map_err(|error| Status::internal(error.to_string()))
    }
}

impl<S: fmt::Debug> fmt::Debug for Tonic<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tonic").field("inner", &self.inner).field("settings", &self.settings).finish()
    }
}
