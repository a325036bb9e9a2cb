use crate::{
    Client, RequestBody,
    call::CallDefaults,
    seams::{AbovePool, AboveRetry, Built, InPlace, Seams},
    stack::{ClientStack, Http, HttpPool},
    tls::{ProxyTls, TlsService, TlsSettings},
};
use http::{Request, Response};
use skybridge_core::{
    BoxError, Cleartext, ConnectOptions, Connector, Dialer, Egress, Failed, Ids, IntoProxyChain, Observe, Origin, Plan,
    Planner, Proxy, Resolver, Runtime, Timeouts,
};
use skybridge_dns::System;
#[cfg(feature = "hickory")]
use skybridge_dns::{CacheLayer, Hickory};
use skybridge_h1::H1;
use skybridge_h2::H2;
use skybridge_negotiate::{Negotiate, NegotiateLayer};
use skybridge_pool::{PoolConfig, PoolLayer};
use skybridge_retry::{Retry, RetryLayer};
use skybridge_route::{EnvironmentProxies, ProxySelector, RouteConfig, RouteConnector, RouteLayer, RoutePlanner};
use skybridge_runtime::TokioRuntime;
use skybridge_tcp::{Race, RaceLayer, Tcp};
#[cfg(feature = "tls")]
use skybridge_tls::{TlsConnector, TlsLayer};
use skybridge_tunnel::{Tunnel, TunnelLayer};
use std::{fmt, future::poll_fn, sync::Arc};
use tower::{Layer, Service, ServiceBuilder, layer::util::Stack, service_fn, util::BoxCloneSyncService};

/// Makes a [`Client`]. It has no settings of its own: each method takes what the layer has that owns them, and
/// [`build`](Self::build) stacks the layers. In which order the methods are called makes no difference; of one that is
/// called twice the last call counts.
///
/// ```
/// use skybridge::{Client, PoolConfig, RaceLayer};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let client = Client::builder()
///     .pool(PoolConfig::new().max_per_origin(6))
///     .race(RaceLayer::happy_eyeballs().delay(Duration::from_millis(100)))
///     .build();
/// # let _ = client;
/// # }
/// ```
#[must_use = "nothing is made until it is built"]
pub struct ClientBuilder<R = System, D = Tcp, L = Seams> {
    settings: Settings,
    resolver: R,
    dialer: D,
    seams: L,
}

/// A selector of proxies without its type.
type SharedSelector = BoxCloneSyncService<Origin, Arc<[Arc<[Proxy]>]>, BoxError>;

/// All that changes no type. Each is kept as it was given: they meet in [`build`](ClientBuilder::build).
struct Settings {
    runtime: Option<Arc<dyn Runtime>>,
    observer: Option<Arc<dyn Observe>>,
    #[cfg(feature = "inspect")]
    inspected: crate::inspect::Inspected,
    timeouts: Timeouts,
    connect_options: ConnectOptions,
    cleartext: Cleartext,
    retry: RetryLayer<RequestBody>,
    pool: PoolConfig,
    route: RouteConfig,
    proxies: Option<Vec<Arc<[Proxy]>>>,
    proxy_selector: Option<SharedSelector>,
    negotiate: NegotiateLayer<H1<RequestBody>, H2<RequestBody>>,
    h1: Option<H1<RequestBody>>,
    h2: Option<H2<RequestBody>>,
    tls: TlsSettings,
    tunnel: TunnelLayer,
    race: RaceLayer,
    unresolved: bool,
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        let settings = Settings {
            runtime: None,
            observer: None,
            #[cfg(feature = "inspect")]
            inspected: crate::inspect::Inspected::default(),
            timeouts: Timeouts::new(),
            connect_options: ConnectOptions::default(),
            cleartext: Cleartext::permitted(),
            retry: RetryLayer::safe(),
            pool: PoolConfig::new(),
            route: RouteConfig::new(),
            proxies: None,
            proxy_selector: None,
            negotiate: NegotiateLayer::new(H1::new(), H2::new()),
            h1: None,
            h2: None,
            tls: TlsSettings::new(),
            tunnel: TunnelLayer::new(),
            race: RaceLayer::happy_eyeballs(),
            unresolved: false,
        };
        Self { settings, resolver: System::new(), dialer: Tcp::new(), seams: Seams::default() }
    }
}

impl<R, D, L> ClientBuilder<R, D, L> {
    /// The clock, timers and tasks of everything; without it, those of the tokio runtime that [`build`](Self::build) is
    /// called in.
    pub fn runtime(mut self, runtime: Arc<dyn Runtime>) -> Self {
        self.settings.runtime = Some(runtime);
        self
    }

    /// Receives the events of every call and connection, unless a request's [`RequestOptions`](crate::RequestOptions)
    /// names another. One of one's own is an [`Observe`](crate::Observe) in an `Arc`.
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.settings.observer = Some(observer);
        self
    }

    /// Keeps the latest 100 calls for [`inspect`](crate::inspect), beside the [`observer`](Self::observer) (default:
    /// none are kept, and the page says so). Each call then makes events, from which the bytes of bodies are summed up.
    #[cfg(feature = "inspect")]
    pub fn keep_calls(mut self) -> Self {
        self.settings.inspected.keep_calls();
        self
    }

    /// Time limits of every request, where its [`RequestOptions`](crate::RequestOptions) is silent.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.settings.timeouts = timeouts;
        self
    }

    /// What every request asks of its connection, where its [`RequestOptions`](crate::RequestOptions) is silent.
    pub fn connect_options(mut self, connect_options: ConnectOptions) -> Self {
        self.settings.connect_options = connect_options;
        self
    }

    /// Whether `http` URLs may be fetched (default: all may). Where not, a request for one fails before a name is
    /// looked up, also after a redirect and through a proxy, and no request can widen that:
    /// [`Egress::cleartext`](crate::types::Egress::cleartext), besides that of the
    /// [`connect_options`](Self::connect_options). They may not either where the [`tls`](Self::tls) has specs without
    /// `ConnectionSpec::CLEARTEXT`.
    ///
    /// ```
    /// use skybridge::{Client, types::Cleartext};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::builder().cleartext(Cleartext::only_to(["localhost"])?).build();
    /// let error = client.get("http://a.test/").await.unwrap_err();
    /// assert!(error.to_string().contains("cleartext is not permitted"), "{error}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn cleartext(mut self, cleartext: Cleartext) -> Self {
        self.settings.cleartext = cleartext;
        self
    }

    /// No `http` URL may be fetched: [`cleartext`](Self::cleartext) is refused.
    pub fn https_only(self) -> Self {
        self.cleartext(Cleartext::refused())
    }

    /// What is sent again, and with it what connections keep copies of.
    pub fn retry(mut self, retry: RetryLayer<RequestBody>) -> Self {
        self.settings.retry = retry;
        self
    }

    /// What is kept, and how much at once.
    pub fn pool(mut self, config: PoolConfig) -> Self {
        self.settings.pool = config;
        self
    }

    /// How ways and addresses are chosen.
    pub fn route(mut self, config: RouteConfig) -> Self {
        self.settings.route = config;
        self
    }

    /// Who is asked for addresses: any `Service<Query>` whose response is a stream of answers.
    ///
    /// ```
    /// use skybridge::{CacheLayer, Client, ConnectError, Endpoint, tower::{Layer, service_fn}, types::{Answer, Query}};
    /// use skybridge_dns::Once; // or another stream
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let directory = service_fn(|query: Query| async move {
    ///     let endpoint = Endpoint::from(([192, 0, 2, 1], query.port)); // whatever knows it
    ///     Ok::<_, ConnectError>(Once::new(Answer::only([endpoint])))
    /// });
    /// let client = Client::builder().resolver(CacheLayer::new().layer(directory)).build();
    /// # let _ = client;
    /// # }
    /// ```
    pub fn resolver<R2: Resolver>(self, resolver: R2) -> ClientBuilder<R2, D, L> {
        ClientBuilder { settings: self.settings, resolver, dialer: self.dialer, seams: self.seams }
    }

    /// Nobody is asked for addresses, whatever the [`resolver`](Self::resolver): names are left to a
    /// [`connector`](Self::connector) that looks them up by itself. See [`RouteLayer::unresolved`]; the dialer of this
    /// crate opens no socket to a name.
    pub fn unresolved(mut self) -> Self {
        self.settings.unresolved = true;
        self
    }

    /// Asks the server of this URL for addresses, over HTTPS alone (RFC 8484), by another client, and keeps what it
    /// says: a [`resolver`](Self::resolver), of which the last one counts, that is [`Hickory::over_https`] below a
    /// [`CacheLayer`](crate::CacheLayer).
    ///
    /// The other client decides whom to trust, through which proxies the server is asked, and who finds the server. It
    /// needs no pool, time limits or observer of this one's.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use skybridge::Client;
    ///
    /// let client = Client::builder().dns_over_https("https://dns.test/dns-query", Client::new())?.build();
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` when the URL is none of `https`, or has credentials or a fragment.
    #[cfg(feature = "hickory")]
    pub fn dns_over_https(self, url: &str, by: Client) -> std::io::Result<ClientBuilder<impl Resolver, D, L>> {
        Ok(self.resolver(CacheLayer::new().layer(Hickory::over_https(url, by)?)))
    }

    /// The ways to go, in order, each a list of proxies, so that one proxy for everything is `[[proxy]]`. As
    /// [`RouteConfig::proxies`], before which they go.
    ///
    /// ```
    /// use skybridge::{Client, Proxy};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::builder().proxies([vec![Proxy::parse("socks5h://proxy.test")?], vec![]]).build();
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// ```
    pub fn proxies<W: IntoProxyChain>(mut self, ways: impl IntoIterator<Item = W>) -> Self {
        self.settings.proxies = Some(ways.into_iter().map(IntoProxyChain::into_chain).collect());
        self
    }

    /// Who names the ways to an origin, where no [`proxies`](Self::proxies) are listed. As
    /// [`RouteConfig::proxy_selector`], before which it goes.
    pub fn proxy_selector(mut self, selector: impl ProxySelector) -> Self {
        let select = move |origin| {
            let mut selector = selector.clone();
            async move {
                poll_fn(|cx| selector.poll_ready(cx)).await.map_err(Into::into)?;
                selector.select(origin).await.map(Into::into).map_err(Into::into)
            }
        };
        self.settings.proxy_selector = Some(BoxCloneSyncService::new(service_fn(select)));
        self
    }

    /// Goes through the proxies that the environment names, as it is now: `http_proxy`, `https_proxy`, `all_proxy` and
    /// `no_proxy`, by the rules of [`EnvironmentProxies`]. It is a [`proxy_selector`](Self::proxy_selector), of which
    /// the last one counts.
    ///
    /// A client doesn't do so unasked: who starts a program may mean these variables for another one, and they decide
    /// who sees where its requests go, and those in cleartext as a whole. Nor does it look the same on each machine
    /// then: a typing error in a variable fails requests, and without `no_proxy` even those to this machine leave it.
    /// A program that its users start from a shell wants it; a service is better told its proxies by its own
    /// configuration.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let client = skybridge::Client::builder().proxies_from_env().build();
    /// # let _ = client;
    /// # }
    /// ```
    pub fn proxies_from_env(self) -> Self {
        self.proxy_selector(EnvironmentProxies::read())
    }

    /// How a protocol is chosen, and how long its handshake may take. What [`h1`](Self::h1) and [`h2`](Self::h2) say
    /// goes before the protocols that it was made of.
    pub fn negotiate(mut self, negotiate: NegotiateLayer<H1<RequestBody>, H2<RequestBody>>) -> Self {
        self.settings.negotiate = negotiate;
        self
    }

    /// How HTTP/1.1 is spoken.
    pub fn h1(mut self, h1: H1<RequestBody>) -> Self {
        self.settings.h1 = Some(h1);
        self
    }

    /// How HTTP/2 is spoken.
    pub fn h2(mut self, h2: H2<RequestBody>) -> Self {
        self.settings.h2 = Some(h2);
        self
    }

    /// Whom to trust, what to pin, who to be. By default the system's roots, read when the first `https` URL is called
    /// for.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: TlsLayer) -> Self {
        self.settings.tls.layer = tls;
        self
    }

    /// The same for proxies that are spoken to over TLS. Without it they are [verified](TlsLayer::proxy_connector) by
    /// the roots of [`tls`](Self::tls), and by its pins if those name them; never shown the identity, and never trusted
    /// because it is insecure.
    #[cfg(feature = "tls")]
    pub fn proxy_tls(mut self, connector: TlsConnector) -> Self {
        self.settings.tls.proxies = Some(connector);
        self
    }

    /// How long proxies may take to give a tunnel, and whether HTTP/2 is spoken to `https://` ones that choose it. How
    /// TLS is spoken to them is [`proxy_tls`](Self::proxy_tls)'s to say, but for the offer of HTTP/2.
    pub fn tunnel(mut self, tunnel: TunnelLayer) -> Self {
        self.settings.tunnel = tunnel;
        self
    }

    /// How several addresses are tried.
    pub fn race(mut self, race: RaceLayer) -> Self {
        self.settings.race = race;
        self
    }

    /// How one address is dialled: a [`Tcp`] with other options, a layer around it, a network in memory.
    pub fn dialer<D2: Dialer>(self, dialer: D2) -> ClientBuilder<R, D2, L> {
        ClientBuilder { settings: self.settings, resolver: self.resolver, dialer, seams: self.seams }
    }
}

/// A method that puts a layer at one place, outside of which stands what was put there before.
macro_rules! above {
    ($(#[$doc:meta])* $method:ident: $place:ident of $($name:ident)* => $seams:ty) => {
        $(#[$doc])*
        pub fn $method<T>(self, layer: T) -> ClientBuilder<R, D, $seams> {
            let Seams { $($name),* } = self.seams;
            let $place = Stack::new(layer, $place);
            let seams = Seams { $($name),* };
            ClientBuilder { settings: self.settings, resolver: self.resolver, dialer: self.dialer, seams }
        }
    };
}

/// Layers of one's own, at any place of the stack. One that doesn't belong where it was put is refused by the compiler,
/// at [`build`](Self::build). Of two at the same place the first is the outer one, as with a [`ServiceBuilder`].
///
/// Below the pool they run once for each connection, and change nothing about the type of the client; on a pooled
/// connection they are not asked. Above it they run for each request, their types are part of the client's (no box),
/// and they are always polled until they are ready before they are called, within the call.
///
/// ```
/// # use skybridge_testkit::origin::Origin;
/// use skybridge::{Client, tower::{limit::ConcurrencyLimitLayer, util::MapRequestLayer}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), skybridge::Error> {
/// # let origin = Origin::h1().handle(|_| async { http::Response::new("hello".to_owned()) }).start().await;
/// # let url = origin.url("/");
/// let signed = |mut request: http::Request<skybridge::RequestBody>| {
///     request.headers_mut().insert("x-signature", http::HeaderValue::from_static("..."));
///     request
/// };
/// let client = Client::builder().above_pool(MapRequestLayer::new(signed)).build();
/// assert_eq!(client.get(&url).await?.into_body().text().await?, "hello");
/// # Ok(())
/// # }
/// ```
impl<R, D, L0, L1, L2, L3, L4, L5, L6, L7, L8> ClientBuilder<R, D, Seams<L0, L1, L2, L3, L4, L5, L6, L7, L8>> {
    above! {
        /// Puts a layer above retry: it sees each call once, as a `Request<RequestBody>`, and what came of it after all
        /// tries. Its errors are `Error`, or `BoxError`.
        above_retry: retry of retry pool route negotiate tls tunnel race dialer connector
            => Seams<Stack<T, L0>, L1, L2, L3, L4, L5, L6, L7, L8>
    }

    above! {
        /// Puts a layer between retry and the pool: it sees every try. Its errors are `Failed<Request<RequestBody>>`,
        /// or `BoxError`; what it fails with by itself is final, as no request comes back in it.
        above_pool: pool of retry pool route negotiate tls tunnel race dialer connector
            => Seams<L0, Stack<T, L1>, L2, L3, L4, L5, L6, L7, L8>
    }

    above! {
        /// Puts a layer between the pool and the route layer: it sees each search for a connection, as a `Target`, and
        /// the plan that comes of it.
        above_route: route of retry pool route negotiate tls tunnel race dialer connector
            => Seams<L0, L1, Stack<T, L2>, L3, L4, L5, L6, L7, L8>
    }

    above! {
        /// Puts a layer above the HTTP handshake: it sees each way that is tried, as a `Route`, and the HTTP connection
        /// that comes of it, whose type it leaves as it is. Connections of another type, such as those of `HyperH1`,
        /// belong in a stack by hand: see [`Client::from_stack`].
        above_negotiate: negotiate of retry pool route negotiate tls tunnel race dialer connector
            => Seams<L0, L1, L2, Stack<T, L3>, L4, L5, L6, L7, L8>
    }

    above! {
        /// Puts a layer above TLS: it sees each `Route`, and the `Link` that TLS was spoken on, if its origin is
        /// `https`.
        above_tls: tls of retry pool route negotiate tls tunnel race dialer connector
            => Seams<L0, L1, L2, L3, Stack<T, L4>, L5, L6, L7, L8>
    }

    above! {
        /// Puts a layer above the tunnel through proxies: it sees each `Route`, and the `Link` to the origin before
        /// TLS.
        above_tunnel: tunnel of retry pool route negotiate tls tunnel race dialer connector
            => Seams<L0, L1, L2, L3, L4, Stack<T, L5>, L6, L7, L8>
    }

    above! {
        /// Puts a layer above happy eyeballs: it sees each `Route`, and the `Link` of the address that won.
        above_race: race of retry pool route negotiate tls tunnel race dialer connector
            => Seams<L0, L1, L2, L3, L4, L5, Stack<T, L6>, L7, L8>
    }

    above! {
        /// Puts a layer above the dialer: it sees each `Attempt`, and the `Link` of one socket.
        above_dialer: dialer of retry pool route negotiate tls tunnel race dialer connector
            => Seams<L0, L1, L2, L3, L4, L5, L6, Stack<T, L7>, L8>
    }

    /// What connects, whole: any `Service<Route>` whose response is a `Link`, in place of happy eyeballs and the
    /// dialer. What was said of those two, and layers above the dialer, have no effect then. TLS and the tunnel through
    /// proxies stay above it. One that runs TLS by itself is put in place of these too, by
    /// `above_tls(`[`InPlace::new`](crate::seams::InPlace::new)`(connector))`.
    ///
    /// With [`unresolved`](Self::unresolved) it looks up names by itself. It connects to an endpoint of the route,
    /// which is the first proxy's where there is one, and not to the origin: what a tunnel or a proxy is told must not
    /// reach that. `FromHyper` of `skybridge-hyper` makes one of any `Service<Uri>` for hyper-util.
    ///
    /// ```
    /// # use skybridge_testkit::origin::Origin;
    /// use skybridge::{Client, types::{ConnectError, Endpoint, Link, Phase, Route}};
    /// use tokio::net::TcpStream;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), skybridge::Error> {
    /// # let origin = Origin::h1().handle(|_| async { http::Response::new("hello".to_owned()) }).start().await;
    /// # let url = origin.url("/");
    /// async fn connect(route: Route) -> Result<Link<TcpStream>, ConnectError> {
    ///     let endpoint = route.endpoints.snapshot().into_iter().next();
    ///     let stream = match &endpoint {
    ///         Some(Endpoint::Name { host, port }) => TcpStream::connect((&**host, *port)).await?,
    ///         Some(Endpoint::Inet(addr)) => TcpStream::connect(addr).await?,
    ///         _ => return Err(ConnectError::new(Phase::Tcp, "neither a name nor an address")),
    ///     };
    ///     let remote = stream.peer_addr()?;
    ///     Ok(route.link(stream, remote))
    /// }
    ///
    /// let client = Client::builder().unresolved().connector(skybridge::tower::service_fn(connect)).build();
    /// assert_eq!(client.get(&url).await?.into_body().text().await?, "hello");
    /// # Ok(())
    /// # }
    /// ```
    #[allow(clippy::type_complexity, reason = "all but one are as they were")]
    pub fn connector<C: Connector>(
        self,
        connector: C,
    ) -> ClientBuilder<R, D, Seams<L0, L1, L2, L3, L4, L5, L6, L7, InPlace<C>>> {
        let Seams { retry, pool, route, negotiate, tls, tunnel, race, dialer, connector: _ } = self.seams;
        let connector = InPlace(connector);
        let seams = Seams { retry, pool, route, negotiate, tls, tunnel, race, dialer, connector };
        ClientBuilder { settings: self.settings, resolver: self.resolver, dialer: self.dialer, seams }
    }

    /// Stacks the layers.
    ///
    /// # Panics
    /// Without a [`runtime`](Self::runtime), when called outside of a tokio runtime.
    #[track_caller]
    pub fn build(self) -> Client<<L0 as AboveRetry<Retry<L1::Service>>>::Service>
    where
        // From the bottom up, so that of a wrong layer the compiler tells first, and not of what stands on it.
        R: Resolver,
        L7: Layer<D, Service: Dialer>,
        L8: Layer<Race<L7::Service>, Service: Connector>,
        L6: Layer<L8::Service, Service: Connector>,
        L5: Layer<Tunnel<L6::Service, ProxyTls>, Service: Connector>,
        L4: Layer<TlsService<L5::Service>, Service: Connector>,
        L3: Layer<Negotiate<L4::Service, H1<RequestBody>, H2<RequestBody>>, Service: RouteConnector<Connection = Http>>,
        L2: Layer<RoutePlanner<L3::Service, R>, Service: Planner<Plan: Plan<Connection = Http>>>,
        L1: AbovePool<
            Service: Service<
                Request<RequestBody>,
                Response = Response<L1::Body>,
                Error: Into<Failed<Request<RequestBody>>>,
            > + Clone,
        >,
        L0: AboveRetry<Retry<L1::Service>, Service: ClientStack>,
    {
        let Self { settings, resolver, dialer, seams } = self;
        let Settings { observer, timeouts, mut connect_options, cleartext, race, .. } = settings;
        let cleartext = Egress::any().cleartext(cleartext).and(&settings.tls.egress());
        connect_options.egress = connect_options.egress.and(&cleartext);
        #[cfg(feature = "inspect")]
        let (inspected, observer) = (settings.inspected.clone(), settings.inspected.observer(observer));
        let runtime = settings.runtime.unwrap_or_else(|| Arc::new(TokioRuntime::current()));
        let explainer = settings.tls.explainer(race);
        let (tls, tunnel) = settings.tls.layers(settings.tunnel);
        let negotiate = settings.h1.into_iter().fold(settings.negotiate, NegotiateLayer::h1);
        let negotiate = settings.h2.into_iter().fold(negotiate, NegotiateLayer::h2);
        let route = match (settings.proxies, settings.proxy_selector) {
            (Some(ways), _) => settings.route.proxies(ways),
            (None, Some(selector)) => settings.route.proxy_selector(selector),
            (None, None) => settings.route,
        };
        let route = RouteLayer::new(resolver).config(route);
        let route = if settings.unresolved { route.leave_names() } else { route };
        #[cfg(feature = "inspect")]
        let route = route.failed_routes(inspected.failed_routes.clone());
        let mut retry = settings.retry.runtime(Arc::clone(&runtime));
        let mut pool = PoolLayer::shared(Arc::clone(&runtime))
            .config(settings.pool)
            .timeouts(timeouts.clone())
            .connect_options(connect_options);
        if let Some(observer) = &observer {
            retry = retry.observer(Arc::clone(observer));
            pool = pool.observer(Arc::clone(observer));
        }

        #[rustfmt::skip]
        let pool: HttpPool = ServiceBuilder::new()
            .layer(pool)                                    // on a pooled connection, or a new one
            .layer(seams.route)
            .layer(route)                                   // found by address, or through proxies
            .layer(seams.negotiate)
            .layer(negotiate)                               // that speaks HTTP/2 or HTTP/1.1
            .layer(seams.tls)
            .layer(tls)                                     // encrypted and verified
            .layer(seams.tunnel)
            .layer(tunnel)                                  // through HTTP and SOCKS proxies
            .layer(seams.race)
            .layer(seams.connector)
            .layer(race)                                    // over whichever address answers first
            .layer(seams.dialer)
            .service(dialer); // by a socket
        let built = Built {
            pool: pool.clone(),
            explainer,
            #[cfg(feature = "inspect")]
            inspected,
        };
        let defaults = CallDefaults { runtime, observer, timeouts, ids: Ids::default(), pool: built };
        #[rustfmt::skip]
        let stack = ServiceBuilder::new()
            .layer(retry)                                   // send again what may safely be sent again
            .service(seams.pool.put(pool));
        Client::of(seams.retry.put(stack), defaults)
    }
}

impl<R: fmt::Debug, D: fmt::Debug, L> fmt::Debug for ClientBuilder<R, D, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { timeouts, connect_options, retry, pool, route, proxies, negotiate, .. } = &self.settings;
        let Settings { proxy_selector, h1, h2, tls, tunnel, race, .. } = &self.settings;
        f.debug_struct("ClientBuilder")
            .field("timeouts", timeouts)
            .field("connect_options", connect_options)
            .field("retry", retry)
            .field("pool", pool)
            .field("route", route)
            .field("proxies", proxies)
            .field("selects_proxies", &proxy_selector.is_some())
            .field("resolver", &self.resolver)
            .field("negotiate", negotiate)
            .field("h1", h1)
            .field("h2", h2)
            .field("tls", tls)
            .field("tunnel", tunnel)
            .field("race", race)
            .field("dialer", &self.dialer)
            .finish_non_exhaustive()
    }
}
