use crate::{Balanced, EndpointState, NotAName, discovery::Discovery, health::Health, lookup::Name};
use http::{Request, Response, Uri};
use http_body::Body;
use skybridge_core::{Failed, Families, Origin, OriginRef, Resolver, Runtime, sync::Mutex};
use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, Weak},
    time::Duration,
};
use tower::{Layer, Service};

/// Spreads the requests for one origin over its servers. See the [crate's page](crate) for what it does.
///
/// `B` is the body of the requests, which the compiler infers. Clones share what [`endpoints`](Self::endpoints) shows.
pub struct BalanceLayer<R, B> {
    runtime: Arc<dyn Runtime>,
    origin: Arc<Origin>,
    resolver: R,
    families: Families,
    refresh: Duration,
    most: usize,
    made: Arc<Mutex<Vec<Weak<Health>>>>,
    _body: PhantomData<fn(B)>,
}

impl<R: Resolver, B> BalanceLayer<R, B> {
    /// The servers of an origin, such as `https://api.test:8443`, are all addresses that the resolver finds for its
    /// host. They are looked up when the first request comes. A resolver that has a list for every name, as
    /// `skybridge_dns::Fixed`, makes it a list.
    ///
    /// # Errors
    /// When the URI has no origin, or its host is an IP address, which has no servers behind it.
    pub fn new(runtime: impl Runtime, origin: &Uri, resolver: R) -> Result<Self, NotAName> {
        Self::shared(Arc::new(runtime), origin, resolver)
    }

    /// As [`new`](Self::new), with a runtime that others have too.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn shared(runtime: Arc<dyn Runtime>, origin: &Uri, resolver: R) -> Result<Self, NotAName> {
        let origin = OriginRef::of(origin).and_then(OriginRef::to_owned).map_err(NotAName::Origin)?;
        let origin = match origin.ip() {
            Some(ip) => return Err(NotAName::Address(ip)),
            None => Arc::new(origin),
        };
        Ok(Self {
            runtime,
            origin,
            resolver,
            families: Families::Both,
            refresh: Duration::from_secs(30),
            most: 256,
            made: Arc::default(),
            _body: PhantomData,
        })
    }

    /// When addresses are looked up again of which the resolver doesn't say how long they hold (default: 30 s; at least
    /// 1 s), and the longest time until a lookup that failed is made again. What a resolver says is kept to 1 s to
    /// 5 min. When a server can't be connected to they are looked up before, but not within 1 s of the last time.
    pub fn refresh(mut self, after: Duration) -> Self {
        self.refresh = after;
        self
    }

    /// Of which family the servers' addresses are (default: both). Those that the client doesn't
    /// [connect to](skybridge_core::Families) would be servers that fail.
    pub fn families(mut self, families: Families) -> Self {
        self.families = families;
        self
    }

    /// How many servers a name may have (default: 256). One that has more is an error: none of them is left out
    /// without a word.
    pub fn max_endpoints(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// The servers that are known now, in no order: of all stacks that this layer and its clones were put on.
    pub fn endpoints(&self) -> Vec<EndpointState> {
        let made = self.made.lock().iter().filter_map(Weak::upgrade).collect::<Vec<_>>();
        made.iter().flat_map(|health| health.states()).collect()
    }

    fn name(&self) -> Name<R> {
        let (host, port) = (self.origin.name().into(), self.origin.port());
        let (families, refresh, most) = (self.families, self.refresh, self.most);
        Name { resolver: self.resolver.clone(), host, port, families, refresh, most }
    }
}

impl<R, B, S, T> Layer<S> for BalanceLayer<R, B>
where
    R: Resolver,
    S: Service<Request<B>, Response = Response<T>, Error: Into<Failed<Request<B>>>> + Clone + Send + 'static,
    T: Body,
    B: Send + 'static,
{
    type Service = Balanced<S, B>;

    fn layer(&self, inner: S) -> Balanced<S, B> {
        let health = Arc::new(Health::new(Arc::clone(&self.runtime)));
        let mut made = self.made.lock();
        made.retain(|health| health.strong_count() > 0);
        made.push(Arc::downgrade(&health));
        drop(made);
        let discovery = Discovery::new(self.name(), Arc::clone(&self.origin), inner, Arc::clone(&health));
        Balanced::new(Arc::clone(&self.origin), discovery, health)
    }
}

impl<R: Clone, B> Clone for BalanceLayer<R, B> {
    fn clone(&self) -> Self {
        Self {
            runtime: Arc::clone(&self.runtime),
            origin: Arc::clone(&self.origin),
            resolver: self.resolver.clone(),
            families: self.families,
            refresh: self.refresh,
            most: self.most,
            made: Arc::clone(&self.made),
            _body: PhantomData,
        }
    }
}

impl<R, B> fmt::Debug for BalanceLayer<R, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BalanceLayer")
            .field("origin", &self.origin)
            .field("families", &self.families)
            .field("refresh", &self.refresh)
            .field("max_endpoints", &self.most)
            .finish_non_exhaustive()
    }
}
