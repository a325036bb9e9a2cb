use crate::{
    exchange::{Exchange, body::PooledBody, find::key_of},
    explanation::Explanation,
    origin::waiter::RequestContext,
    registry::Registry,
    snapshot::PoolSnapshot,
    stats::PoolStats,
};
use http::{Request, Response};
use skybridge_core::{Connection, Error, Failed, RequestOptions, validate_request};
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// Sends requests on connections that it keeps. A handle: clones share one pool, which closes when the last of them,
/// and the last request under way, is dropped. Bodies under way run to their end; requests that outlive their responses
/// for as long as [`upload_grace`](crate::PoolConfig::upload_grace) allows.
pub struct Pool<C: Connection<B>, B> {
    registry: Arc<Registry<C>>,
    _request: PhantomData<fn(B)>,
}

impl<C: Connection<B>, B> Pool<C, B> {
    #[inline]
    pub(crate) fn new(registry: Arc<Registry<C>>) -> Self {
        Self { registry, _request: PhantomData }
    }

    /// What is in it right now.
    pub fn stats(&self) -> PoolStats {
        self.registry.stats()
    }

    /// What would become of a request: by which connection it would go and why, or how a new one would be opened. It
    /// changes nothing and opens no connection, but where a new one would be needed names are looked up, and the
    /// proxies chosen, as for a request. What layers above would change about the request isn't known here.
    ///
    /// # Errors
    /// Those that the request would have before a connection is opened for it.
    pub fn explain<T: http_body::Body>(
        &self,
        request: &Request<T>,
    ) -> impl Future<Output = Result<Explanation, Error>> + Send + use<C, B, T> {
        let options = request.extensions().get::<RequestOptions>();
        let key = validate_request(request)
            .map_err(Error::from)
            .and_then(|version| key_of(&self.registry, request.uri(), options, version));
        let context = options.map_or_else(RequestContext::default, |options| RequestContext {
            observer: options.observer.clone(),
            call: options.call_id,
            timeouts: options.timeouts.clone(),
        });
        let registry = Arc::clone(&self.registry);
        async move { registry.explain(key?, context).await }
    }

    /// What is in it right now, by origin: of at most so many origins. For people who look: it locks each origin in
    /// turn, for as long as it takes to copy what is there, and allocates.
    pub fn snapshot(&self, most_origins: usize) -> PoolSnapshot {
        self.registry.snapshot(most_origins)
    }

    /// Closes what is idle, and keeps nothing of what is in use. New requests open new connections.
    pub fn evict_all(&self) {
        self.registry.evict_all();
    }

    /// Ends it for all handles: idle connections close, connects end, requests that wait and those that come fail with
    /// [`Cause::Closed`](skybridge_core::Cause::Closed), unsent. Exchanges under way run to the end of their responses;
    /// what is left of their requests then is not sent any more.
    pub fn close(&self) {
        self.registry.close();
    }
}

impl<C, B> Service<Request<B>> for Pool<C, B>
where
    C: Connection<B>,
    B: http_body::Body + 'static,
{
    type Response = Response<PooledBody<C, B>>;
    type Error = Failed<Request<B>>;
    type Future = Exchange<C, B>;

    /// Always ready: admission is per origin, and the origin isn't known yet.
    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        Exchange::new(Arc::clone(&self.registry), request)
    }
}

impl<C: Connection<B>, B> Clone for Pool<C, B> {
    #[inline]
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.registry))
    }
}

impl<C: Connection<B>, B> fmt::Debug for Pool<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
impl<C: Connection<B>, B> Pool<C, B> {
    pub(crate) fn registry(&self) -> &Arc<Registry<C>> {
        &self.registry
    }
}
