mod cached;
mod config;
mod entries;
mod found;
mod look_up;
mod progress;
mod shared_lookup;
mod store;
mod waiter;

pub use self::cached::Cached;

use self::{
    config::CacheConfig,
    entries::CacheKey,
    look_up::look_up,
    store::{Found, Refreshing, Store},
    waiter::Waiter,
};
use skybridge_core::{Ctx, Phase, Query, Resolver, timeout};
use std::{
    convert::Infallible,
    fmt,
    future::{Ready, poll_fn, ready},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// How long a lookup ahead of an entry's end may take.
const REFRESH_LIMIT: Duration = Duration::from_secs(15);

/// Keeps the answers of the resolver below, for as long as they may be kept.
///
/// A query is answered by what was found for the same name, port and families, and HTTPS record where it wants that.
/// One that comes while the name is looked up shares that lookup and gets its answers as they come; dropped, it leaves
/// the lookup to the others, and the last ends it. What is kept counts from the beginning of its lookup. That a name
/// doesn't exist or has no addresses is kept too, a failure is not. Where a lookup has found addresses and then failed,
/// its addresses are kept no longer than an answer without. Of each family no more than 128 are taken.
///
/// Lookups that several wait for are polled by those who wait. One ahead of an entry's end runs as a task, no longer
/// than 15 s, and no more than 64 of them at once. A stack's own lookups of `localhost` and of literals need no cache.
#[derive(Clone, Debug, Default)]
pub struct CacheLayer {
    config: CacheConfig,
}

/// The resolver that [`CacheLayer`] makes. Clones share what they keep.
#[derive(Clone)]
pub struct Cache<R> {
    inner: R,
    store: Arc<Store>,
}

// === impl CacheLayer ===

impl CacheLayer {
    /// With the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// For how long addresses are kept at least (default: 10 s). Also for how long those are whose time to live isn't
    /// known, as of the system's resolver.
    pub fn min_ttl(mut self, ttl: Duration) -> Self {
        self.config.min_ttl = ttl;
        self
    }

    /// For how long addresses are kept at most (default: 5 min).
    pub fn max_ttl(mut self, ttl: Duration) -> Self {
        self.config.max_ttl = ttl;
        self
    }

    /// For how long it is kept that a name doesn't exist, or has no addresses (default: 10 s).
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.config.negative_ttl = ttl;
        self
    }

    /// How long before their end addresses that are asked for are looked up again, while they are the answer still
    /// (default: 5 s, but no more than half of the time that they are kept; zero: never).
    pub fn refresh_ahead(mut self, time: Duration) -> Self {
        self.config.refresh_ahead = time;
        self
    }

    /// For how long after their end addresses are still the answer where a lookup fails (default: zero, never). Not
    /// where it is answered that there are none. A lookup that finds nothing for 1.8 s has failed then (RFC 8767,
    /// section 5), and the next is made after [`negative_ttl`](Self::negative_ttl).
    pub fn stale_if_error(mut self, time: Duration) -> Self {
        self.config.stale_if_error = time;
        self
    }

    /// How many answers are kept (default: 1,024). Beyond that the one goes that was not asked for longest.
    pub fn max_entries(mut self, entries: usize) -> Self {
        self.config.max_entries = entries;
        self
    }
}

impl<R: Resolver> Layer<R> for CacheLayer {
    type Service = Cache<R>;

    /// Each resolver gets a cache of its own.
    fn layer(&self, inner: R) -> Self::Service {
        Cache { inner, store: Arc::new(Store::new(self.config)) }
    }
}

// === impl Cache ===

impl<R: Resolver> Service<Query> for Cache<R> {
    type Response = Cached;
    type Error = Infallible;
    type Future = Ready<Result<Cached, Infallible>>;

    /// Always ready: the resolver below is waited for when it is needed.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, query: Query) -> Self::Future {
        let (inner, store, ctx) = (self.inner.clone(), Arc::clone(&self.store), query.ctx.clone());
        let now = ctx.runtime().now();
        let found =
            self.store.find(CacheKey::of(&query), now, |progress| Box::pin(look_up(inner, query, store, progress)));
        let waiter = |lookup| Waiter::new(lookup, Arc::clone(&self.store));
        ready(Ok(match found {
            Found::Entry(entry) => Cached::known(&entry, now),
            Found::Lookup(lookup) => Cached::waiting(waiter(lookup)),
            Found::Refresh(entry, lookup, refreshing) => {
                refresh(waiter(lookup), refreshing, &ctx);
                Cached::known(&entry, now)
            }
        }))
    }
}

/// Drives a lookup to its end, as no query waits for it.
fn refresh(mut waiter: Waiter, refreshing: Refreshing, ctx: &Ctx) {
    // Not the context of the call, which may be over by then.
    let ctx = Ctx::new(Arc::clone(ctx.runtime()));
    let runtime = Arc::clone(ctx.runtime());
    runtime.spawn(Box::pin(async move {
        let drive = async { while poll_fn(|cx| waiter.poll_next(cx)).await.is_some() {} };
        let _ = timeout(&ctx, Phase::Resolve, REFRESH_LIMIT, drive).await;
        drop(refreshing);
    }));
}

impl<R: fmt::Debug> fmt::Debug for Cache<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("inner", &self.inner).finish_non_exhaustive()
    }
}
