use crate::legacy::{capture::Capturing, metadata::ConnectionMetadata};
use http::Request;
use skybridge_core::{
    BoxFuture, Capacity, ConnInfo, ConnectError, Connection, Error, ResponseResult, Route, StatusListener,
};
use std::{
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// Makes connections that tell their requests, their responses and the pool what the connector says of them.
pub(crate) struct Tracking<S, B> {
    inner: S,
    _request: PhantomData<fn(B)>,
}

/// A connection, and what its connector says of it. It stays with its origin: the connector may take another way to
/// another.
pub(crate) struct Tracked<K> {
    connection: K,
    metadata: Option<ConnectionMetadata>,
}

impl<S, B> Tracking<S, B> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, _request: PhantomData }
    }
}

impl<S: Clone, B> Clone for Tracking<S, B> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl<S, B, K> Service<Route> for Tracking<S, B>
where
    S: Service<Route, Response = K, Error = ConnectError>,
    S::Future: Send + 'static,
    K: Connection<B>,
{
    type Response = Tracked<K>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Tracked<K>, ConnectError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, route: Route) -> Self::Future {
        let connecting = self.inner.call(route);
        Box::pin(async move {
            let connection = connecting.await?;
            let metadata = ConnectionMetadata::of(connection.info()).cloned();
            Ok(Tracked { connection, metadata })
        })
    }
}

impl<K> Tracked<K> {
    fn capture<B>(&self, request: &Request<B>) {
        if let (Some(metadata), Some(capturing)) = (&self.metadata, request.extensions().get::<Capturing>()) {
            capturing.set(metadata);
        }
    }
}

impl<K: Connection<B>, B> Connection<B> for Tracked<K> {
    type Body = K::Body;

    fn info(&self) -> &Arc<ConnInfo> {
        self.connection.info()
    }

    fn capacity(&self) -> Capacity {
        self.connection.capacity()
    }

    fn share(&self) -> Option<Self> {
        Some(Self { connection: self.connection.share()?, metadata: self.metadata.clone() })
    }

    fn subscribe(&self, listener: Arc<dyn StatusListener>) {
        if let Some(metadata) = &self.metadata {
            metadata.listen(&listener);
        }
        self.connection.subscribe(listener);
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.connection.poll_ready(cx)
    }

    fn is_sent(&self) -> bool {
        self.connection.is_sent()
    }

    fn sent(&self, cx: &mut Context<'_>) -> Option<u64> {
        self.connection.sent(cx)
    }

    fn timed_out(&self) {
        self.connection.timed_out();
    }

    fn suspect(&self) {
        self.connection.suspect();
    }

    fn start(&mut self, request: Request<B>) {
        self.capture(&request);
        self.connection.start(request);
    }

    fn start_from(&mut self, request: &mut Option<Request<B>>) {
        if let Some(request) = request {
            self.capture(request);
        }
        self.connection.start_from(request);
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, Self::Body>> {
        self.connection.poll_response(cx).map_ok(|mut response| {
            if let Some(metadata) = &self.metadata {
                metadata.get_extras(response.extensions_mut());
            }
            response
        })
    }
}
