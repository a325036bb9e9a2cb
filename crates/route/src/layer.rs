use crate::{config::RouteConfig, connector::RouteConnector, memory::Memory, planner::RoutePlanner};
use skybridge_core::{Deferred, Families, Proxy, Resolver};
use std::{sync::Arc, time::Duration};
use tower_layer::Layer;

/// Finds an origin by its address, or through proxies.
///
/// Belongs directly above what makes HTTP connections of routes. It asks the resolver for the host of the origin (or of the first proxy),
/// unless that is an address already or the target says what to dial. Addresses that failed lately are tried after the others.
///
/// What it makes is a plan: known addresses, and no socket. So tower's `timeout` or `concurrency_limit` *above* it limit the look-up alone;
/// *below* it, above what makes connections, they limit connects. There each call connects by one way, and a call that fails may be followed by
/// another for the addresses that are left.
#[derive(Clone, Debug)]
pub struct RouteLayer<R> {
    resolver: R,
    config: RouteConfig,
}

impl<R: Resolver> RouteLayer<R> {
    /// Asks this resolver. Everything else is as [configured](RouteConfig) by default.
    pub fn new(resolver: R) -> Self {
        Self { resolver, config: RouteConfig::new() }
    }

    /// Everything but the resolver.
    pub fn config(mut self, config: RouteConfig) -> Self {
        self.config = config;
        self
    }

    /// The ways to go, in order, each a list of proxies: [`RouteConfig::proxies`].
    ///
    /// ```
    /// # use skybridge_core::{Endpoint, Proxy};
    /// # use skybridge_dns::Fixed;
    /// # use skybridge_route::RouteLayer;
    /// # let resolver = Fixed::new([Endpoint::from(([127, 0, 0, 1], 0))]);
    /// let near = Proxy::parse("http://near.test:3128")?;
    /// let far = Proxy::parse("socks5h://alice:secret@far.test")?;
    /// let layer = RouteLayer::new(resolver).proxies([vec![near.clone()], vec![near, far], vec![]]);
    /// # Ok::<_, skybridge_core::ProxyError>(())
    /// ```
    pub fn proxies<W: Into<Arc<[Proxy]>>>(mut self, ways: impl IntoIterator<Item = W>) -> Self {
        self.config = self.config.proxies(ways);
        self
    }

    /// How long resolving may take: [`RouteConfig::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.config = self.config.timeout(timeout);
        self
    }

    /// Which addresses are asked for: [`RouteConfig::families`].
    pub fn families(mut self, families: Families) -> Self {
        self.config = self.config.families(families);
        self
    }

    /// How many addresses of each family are taken of one look-up: [`RouteConfig::max_addresses`].
    pub fn max_addresses(mut self, most: usize) -> Self {
        self.config = self.config.max_addresses(most);
        self
    }

    /// How many attempts one connect may make by each of its ways: [`RouteConfig::max_attempts`].
    pub fn max_attempts(mut self, most: usize) -> Self {
        self.config = self.config.max_attempts(most);
        self
    }

    /// How long an endpoint that failed is tried after the others: [`RouteConfig::remember_failures`].
    pub fn remember_failures(mut self, time: Duration) -> Self {
        self.config = self.config.remember_failures(time);
        self
    }
}

impl<S: RouteConnector, R: Resolver> Layer<S> for RouteLayer<R> {
    type Service = Deferred<S::Connection, RoutePlanner<S, R>>;

    /// Each stack that is built remembers failures for itself.
    fn layer(&self, inner: S) -> RoutePlanner<S, R> {
        let RouteConfig { ways, settings, remember_failures } = self.config.clone();
        RoutePlanner {
            inner,
            resolver: self.resolver.clone(),
            settings,
            memory: Arc::new(Memory::new(remember_failures)),
            ways,
        }
    }
}
