use crate::{
    config::RouteConfig, failed_routes::FailedRoutes, planner::RoutePlanner, proxy_order::ProxyOrder,
    proxy_selector::ProxySelector, route_database::RouteDatabase, unresolved::Unresolved,
};
use skybridge_core::{Deferred, Families, IntoProxyChain, Resolver, RouteConnector};
use std::{sync::Arc, time::Duration};
use tower_layer::Layer;

/// Decides how an origin is reached: at which addresses, and through which proxies.
///
/// Belongs directly above what makes HTTP connections of routes. It asks the resolver for the host of the origin (or of
/// the first proxy), unless that is an address already or the target names the endpoints to dial. Addresses that failed
/// recently are tried after the others.
///
/// Its response is a plan: addresses are known, and no socket exists. So tower's `timeout` or `concurrency_limit`
/// *above* it limit the lookup alone; *below* it, above what makes connections, they limit connects. There each call
/// opens one route, and a call that fails may be followed by another for the addresses that are left.
#[derive(Clone, Debug)]
pub struct RouteLayer<R> {
    resolver: R,
    config: RouteConfig,
    unresolved: bool,
    shown: Option<FailedRoutes>,
}

impl RouteLayer<Unresolved> {
    /// Asks nobody: a route has one endpoint, which is the [name](skybridge_core::Endpoint::Name) that would be looked
    /// up. For a connector that takes an origin and looks it up by itself, such as a `Service<Uri>` of hyper-util's
    /// kind, in place of the layers below. Endpoints [to dial](skybridge_core::ConnectOptions::dial) and addresses in
    /// URLs are as with a resolver. A target whose [`Egress`](skybridge_core::Egress) is limited is refused, unless its
    /// address is known and allowed: which one a name has, the connector would be alone to know. So are the
    /// [families](Self::families) that a name is connected to the connector's to choose.
    ///
    /// ```
    /// use skybridge_core::{Connector, Endpoint, Plan, Planner, Route, Target};
    /// use skybridge_route::RouteLayer;
    /// use skybridge_runtime::TokioRuntime;
    /// use tower::{Layer, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let told = |route: Route| async move { Ok::<_, std::io::Error>(route.endpoints.snapshot()) };
    /// let mut planner = RouteLayer::unresolved().layer(service_fn(told));
    /// let plan = planner.plan(Target::of(&"https://a.test/".parse()?, TokioRuntime::ctx())?).await?;
    /// assert_eq!(plan.connect().await?, [Endpoint::Name { host: "a.test".into(), port: 443 }]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn unresolved() -> Self {
        Self::new(Unresolved).leave_names()
    }
}

impl<R> RouteLayer<R> {
    /// Asks nobody, whatever its resolver is: see [`unresolved`](RouteLayer::unresolved).
    pub fn leave_names(mut self) -> Self {
        self.unresolved = true;
        self
    }
}

impl<R: Resolver> RouteLayer<R> {
    /// Asks this resolver, with the defaults of [`RouteConfig`].
    pub fn new(resolver: R) -> Self {
        Self { resolver, config: RouteConfig::new(), unresolved: false, shown: None }
    }

    /// Replaces all settings but the resolver.
    pub fn config(mut self, config: RouteConfig) -> Self {
        self.config = config;
        self
    }

    /// The chains of proxies to try, in order: see [`RouteConfig::proxies`].
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
    pub fn proxies<C: IntoProxyChain>(mut self, chains: impl IntoIterator<Item = C>) -> Self {
        self.config = self.config.proxies(chains);
        self
    }

    /// Asks a service for the chains of proxies, by origin: see [`RouteConfig::proxy_selector`].
    pub fn proxy_selector(mut self, selector: impl ProxySelector) -> Self {
        self.config = self.config.proxy_selector(selector);
        self
    }

    /// In which order proxies are tried when some failed recently: see [`RouteConfig::proxy_order`].
    pub fn proxy_order(mut self, order: ProxyOrder) -> Self {
        self.config = self.config.proxy_order(order);
        self
    }

    /// How long it may take to reach a proxy that failed recently (default: 2 s): see
    /// [`RouteConfig::failed_proxy_timeout`].
    pub fn failed_proxy_timeout(mut self, timeout: Duration) -> Self {
        self.config = self.config.failed_proxy_timeout(timeout);
        self
    }

    /// How long resolving may take (default: 15 s): see [`RouteConfig::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.config = self.config.timeout(timeout);
        self
    }

    /// Which address families are connected to (default: both): see [`RouteConfig::families`].
    pub fn families(mut self, families: Families) -> Self {
        self.config = self.config.families(families);
        self
    }

    /// How many addresses of each family are taken from one lookup (default: 64): see [`RouteConfig::max_addresses`].
    pub fn max_addresses(mut self, max: usize) -> Self {
        self.config = self.config.max_addresses(max);
        self
    }

    /// How many attempts one connect may make by each chain of proxies (default: 64): see
    /// [`RouteConfig::max_attempts`].
    pub fn max_attempts(mut self, max: usize) -> Self {
        self.config = self.config.max_attempts(max);
        self
    }

    /// For how long an endpoint that failed is tried after the others (default: 5 minutes): see
    /// [`RouteConfig::remember_failures`].
    pub fn remember_failures(mut self, time: Duration) -> Self {
        self.config = self.config.remember_failures(time);
        self
    }
}

impl<R> RouteLayer<R> {
    /// Shows in `handle` what the service that is made of it remembers of routes that failed (default: nowhere). Of
    /// several services it is the one made last.
    pub fn failed_routes(mut self, handle: FailedRoutes) -> Self {
        self.shown = Some(handle);
        self
    }
}

impl<S: RouteConnector, R: Resolver> Layer<S> for RouteLayer<R> {
    type Service = Deferred<S::Connection, RoutePlanner<S, R>>;

    /// Each service has a route database of its own: stacks don't share what they know of failures.
    fn layer(&self, inner: S) -> RoutePlanner<S, R> {
        let RouteConfig { proxy_choice, mut settings, remember_failures } = self.config.clone();
        settings.unresolved = self.unresolved;
        let database = Arc::new(RouteDatabase::new(remember_failures));
        self.shown.iter().for_each(|shown| shown.show(&database));
        RoutePlanner { inner, resolver: self.resolver.clone(), settings, database, proxy_choice }
    }
}
