//! All origins of a pool: found by key, by URI, by address; and what is done to all of them.

pub(crate) mod by_address;
pub(crate) mod by_key;
pub(crate) mod by_uri;
mod ending;
mod explaining;
mod searching;
mod snapshot;

use self::{by_address::ByAddress, by_key::ByKey, by_uri::UriCache};
use crate::{
    connection::{PooledConnection, lent::Lent},
    origin::{Host, OriginPool, pending_connect::PendingConnect, waiter::RequestContext},
    shared::{Settings, Shared, clock::Clock, reaper::Expire, time::Timestamp},
};
use http::Uri;
use skybridge_core::{
    BoxFuture, ConnectError, Ctx, Endpoint, Key, KeyRef, OriginError, Outline, Route, Runtime, Scheme, Search, Target,
};
use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

/// Begins to connect. It hides the planner, so that nothing else in the pool has its type.
pub(crate) trait Connect<C: Send + 'static>: Send + Sync {
    fn begin(
        &self,
        pool: &Arc<Registry<C>>,
        origin: &Arc<OriginPool<C>>,
        connect: Arc<PendingConnect>,
        context: &RequestContext,
    );

    /// Plans, and says what the plan would do.
    fn outline(&self, target: Target) -> BoxFuture<Result<Outline, ConnectError>>;
}

/// All origins of a pool. Handles and running requests keep it; tasks hold it weakly, and so do origins, so that the
/// pool closes when the last handle is dropped.
pub(crate) struct Registry<C: Send + 'static> {
    pub(crate) shared: Arc<Shared>,
    by_key: ByKey<C>,
    by_uri: UriCache<C>,
    /// Shared ones, which names may be coalesced onto.
    by_address: ByAddress<C>,
    /// Those to proxies that forward requests, whose peer is the proxy for any origin: exclusive ones are lent, shared
    /// ones are used by all.
    forwarded: ByAddress<C>,
    connect: Box<dyn Connect<C>>,
    /// How often it was begun to evict everything, and how often that has ended.
    evictions: [AtomicUsize; 2],
    this: Weak<Self>,
}

impl<C: Send + 'static> Registry<C> {
    pub(crate) fn new(settings: Settings, connect: Box<dyn Connect<C>>) -> Arc<Self> {
        let shared = Shared::new(settings);
        Arc::new_cyclic(|this| Self {
            shared,
            by_key: ByKey::new(),
            by_uri: UriCache::new(),
            by_address: ByAddress::new(),
            forwarded: ByAddress::new(),
            connect,
            evictions: Default::default(),
            this: this.clone(),
        })
    }

    /// The origin of a key; made when it isn't there, for which the key must be valid.
    #[inline]
    pub(crate) fn by_key(&self, key: KeyRef<'_>) -> Result<Arc<OriginPool<C>>, OriginError> {
        self.by_key.find_or_insert(key, |key, hash| {
            let host: Weak<dyn Host<C>> = self.this.clone();
            OriginPool::new(key, hash, Arc::clone(&self.shared), host)
        })
    }

    /// The origin of a request without options, when it was spelled like that before.
    #[inline]
    pub(crate) fn by_uri(&self, uri: &Uri) -> Option<Arc<OriginPool<C>>> {
        self.by_uri.find(uri)
    }

    /// From now on the origin is found by this spelling.
    pub(crate) fn cache_uri(&self, uri: &Uri, origin: &Arc<OriginPool<C>>) {
        self.by_uri.insert(uri, origin);
    }

    /// The context of a connect that is made for this request.
    pub(crate) fn ctx(&self, request: &RequestContext) -> Ctx {
        let shared = &self.shared;
        let ctx = Ctx::new(Arc::clone(&shared.runtime))
            .with_ids(Arc::clone(&shared.ids))
            .observer(request.observer.as_ref().or(shared.observer.as_ref()).cloned())
            .with_limits(request.timeouts.or(&shared.timeouts));
        match request.call {
            Some(call) => ctx.with_call(call),
            None => ctx,
        }
    }

    /// A shared connection of another name that may carry this origin to one of these endpoints, and will. Those that
    /// may not are listed in the search.
    pub(crate) fn coalesce(
        &self,
        origin: &Arc<OriginPool<C>>,
        route: &Route,
        endpoints: &[Endpoint],
        mut search: Option<&mut Search>,
    ) -> Option<Arc<PooledConnection<C>>> {
        let forwarded = self.is_forwarded(origin, route);
        if !self.shared.config.coalesce || !(forwarded || origin.key.origin.scheme() == Scheme::Https) {
            return None;
        }
        let mut joins = |connection: &Arc<PooledConnection<C>>| {
            !connection.exclusive
                && Self::is_fit(&connection.info, self.joins(connection, origin, route, endpoints), &mut search)
        };
        if forwarded {
            let mut find =
                |endpoint| self.forwarded.find(endpoint, |connection| joins(&connection).then_some(connection));
            return endpoints.iter().find_map(&mut find);
        }
        endpoints.iter().flat_map(|endpoint| self.by_address.at(endpoint)).find(joins)
    }

    /// How often everything was evicted; `None` while it is.
    pub(crate) fn evictions(&self) -> Option<usize> {
        let [begun, ended] = &self.evictions;
        let ended = ended.load(SeqCst);
        (begun.load(SeqCst) == ended).then_some(ended)
    }

    /// An idle connection of another origin to the proxy that would forward this one's requests too. Those that it
    /// can't be are listed in the search.
    pub(crate) fn lend(
        &self,
        origin: &OriginPool<C>,
        route: &Route,
        mut search: Option<&mut Search>,
    ) -> Option<Lent<C>> {
        if !self.shared.config.coalesce || !self.is_forwarded(origin, route) || origin.is_closed() {
            return None;
        }
        let mut lend = |connection: Arc<PooledConnection<C>>| {
            let is_anothers = connection.exclusive && !origin.is_home_of(&connection);
            let is_fit =
                is_anothers && Self::is_fit(&connection.info, Self::may_be_lent(&connection, route), &mut search);
            is_fit.then(|| Self::lend_one(connection, &mut search)).flatten()
        };
        let endpoints = route.endpoints.snapshot();
        // All of them are looked at, as there may be any number in use. Where nothing is idle, none is.
        let endpoints = endpoints.iter().take_while(|_| self.shared.idle.get() > 0);
        endpoints.into_iter().find_map(|endpoint| self.forwarded.find(endpoint, &mut lend))
    }
}

impl<C: Send + 'static> Host<C> for Registry<C> {
    fn connect(self: Arc<Self>, origin: &Arc<OriginPool<C>>, connect: Arc<PendingConnect>, context: &RequestContext) {
        self.connect.begin(&self, origin, connect, context);
    }

    fn add_address(&self, connection: &Arc<PooledConnection<C>>) {
        // One that can never carry another origin is left out.
        if connection.info.forwarded {
            self.forwarded.insert(connection);
            self.shared.set_forwards(true, !connection.exclusive);
        } else if !connection.exclusive && connection.info.tls.is_some() {
            self.by_address.insert(connection);
        }
    }

    fn reclaim(&self) {
        self.reclaim_idle();
    }

    fn lend_or_reclaim(&self) {
        if !self.shared.permits.next_looks() {
            self.reclaim_idle();
        }
    }

    fn lend_no_more(&self, endpoint: &Endpoint) {
        self.forwarded.remove(endpoint);
    }

    fn evict_oldest(&self, own: &Arc<OriginPool<C>>) {
        self.evict_one(own);
    }

    fn start_reaper(self: Arc<Self>) {
        self.shared.reaper.start(&self);
    }

    fn successor(&self, key: &Key) -> Option<Arc<OriginPool<C>>> {
        if self.shared.is_closed() { None } else { self.by_key(Key::as_ref(key)).ok() }
    }

    fn remove_vacant(&self, origin: &Arc<OriginPool<C>>) {
        self.by_key.remove(origin);
        if origin.is_closed() {
            self.by_uri.remove(origin);
        }
    }
}

impl<C: Send + 'static> Expire for Registry<C> {
    fn expire(&self) -> Option<Timestamp> {
        let raise_at = self.shared.permits.raise(self.shared.now());
        self.expire_all().into_iter().chain(raise_at).min()
    }

    fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.shared.runtime
    }
}

impl<C: Send + 'static> Drop for Registry<C> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<C: Send + 'static> fmt::Debug for Registry<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
impl<C: Send + 'static> Registry<C> {
    pub(crate) fn origins(&self) -> Vec<Arc<OriginPool<C>>> {
        self.by_key.all()
    }

    pub(crate) fn has_addresses(&self) -> bool {
        !self.by_address.is_empty() || !self.forwarded.is_empty()
    }

    pub(crate) fn is_locked(&self) -> bool {
        let by_address = self.by_address.is_locked() || self.forwarded.is_locked();
        self.by_key.is_locked() || by_address || self.shared.permits.is_locked()
    }
}
