use crate::{exchange::Exchange, exchange::body::PooledBody, registry::Hub, stats::PoolStats};
use http::{Request, Response};
use skybridge_core::{CloseReason, Connection, Failed};
use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// Sends requests on connections that it keeps. A handle: clones share one pool, which closes when the last of them, and the last request
/// under way, is dropped. Bodies under way run to their end; requests that outlive their responses for as long as
/// [`upload_grace`](crate::PoolConfig::upload_grace) allows.
pub struct Pool<C: Connection<B>, B> {
    hub: Arc<Hub<C>>,
    _request: PhantomData<fn(B)>,
}

impl<C: Connection<B>, B> Pool<C, B> {
    #[inline]
    pub(crate) fn new(hub: Arc<Hub<C>>) -> Self {
        Self { hub, _request: PhantomData }
    }

    /// What is in it right now.
    pub fn stats(&self) -> PoolStats {
        self.hub.stats()
    }

    /// Closes what is idle, and keeps nothing of what is in use. New requests open new connections.
    pub fn evict_all(&self) {
        for bucket in self.hub.buckets.all() {
            bucket.shut(&self.hub, CloseReason::Evicted);
        }
    }

    /// Ends it for all handles: idle connections close, searches end, requests that wait and those that come fail with
    /// [`Cause::Closed`](skybridge_core::Cause::Closed), unsent. Exchanges under way run to the end of their responses;
    /// what is left of their requests then is not sent any more.
    pub fn close(&self) {
        self.hub.close();
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
        Exchange::new(Arc::clone(&self.hub), request)
    }
}

impl<C: Connection<B>, B> Clone for Pool<C, B> {
    #[inline]
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.hub))
    }
}

impl<C: Connection<B>, B> fmt::Debug for Pool<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl<C: Connection<B>, B> Pool<C, B> {
    pub(crate) fn hub(&self) -> &Arc<Hub<C>> {
        &self.hub
    }
}
