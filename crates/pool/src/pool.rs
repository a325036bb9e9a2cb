use crate::{
    exchange::{Exchange, body::PooledBody},
    registry::Registry,
    stats::PoolStats,
};
use http::{Request, Response};
use skybridge_core::{Connection, Failed};
use std::{
    fmt,
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
