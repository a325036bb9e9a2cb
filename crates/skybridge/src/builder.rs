use crate::{Client, RequestBody, call::Care};
use skybridge_core::{ConnectOptions, Dialer, Ids, Observe, Proxy, Resolver, Runtime, Timeouts};
use skybridge_dns::System;
use skybridge_h1::H1;
use skybridge_h2::H2;
use skybridge_negotiate::NegotiateLayer;
use skybridge_pool::{PoolConfig, PoolLayer};
use skybridge_retry::RetryLayer;
use skybridge_route::{RouteConfig, RouteLayer};
use skybridge_runtime::TokioRuntime;
use skybridge_tcp::{RaceLayer, Tcp};
use skybridge_tls::{TlsConnector, TlsLayer};
use skybridge_tunnel::TunnelLayer;
use std::{fmt, sync::Arc};
use tower::ServiceBuilder;

/// Makes a [`Client`]. It has no settings of its own: each method takes what the layer has that owns them, and [`build`](Self::build) stacks the
/// layers. In which order the methods are called makes no difference; of one that is called twice the last call counts.
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
pub struct ClientBuilder<R = System, D = Tcp> {
    settings: Settings,
    resolver: R,
    dialer: D,
}

/// All that changes no type. Each is kept as it was given: they meet in [`build`](ClientBuilder::build).
struct Settings {
    runtime: Option<Arc<dyn Runtime>>,
    observer: Option<Arc<dyn Observe>>,
    timeouts: Timeouts,
    connect_options: ConnectOptions,
    retry: RetryLayer<RequestBody>,
    pool: PoolConfig,
    route: RouteConfig,
    proxies: Option<Vec<Arc<[Proxy]>>>,
    h1: H1<RequestBody>,
    h2: H2<RequestBody>,
    tls: TlsLayer,
    proxy_tls: Option<TlsConnector>,
    race: RaceLayer,
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        let settings = Settings {
            runtime: None,
            observer: None,
            timeouts: Timeouts::new(),
            connect_options: ConnectOptions::default(),
            retry: RetryLayer::safe(),
            pool: PoolConfig::new(),
            route: RouteConfig::new(),
            proxies: None,
            h1: H1::new(),
            h2: H2::new(),
            tls: TlsLayer::native(),
            proxy_tls: None,
            race: RaceLayer::happy_eyeballs(),
        };
        Self { settings, resolver: System::new(), dialer: Tcp::new() }
    }
}

impl<R: Resolver, D: Dialer> ClientBuilder<R, D> {
    /// The clock, timers and tasks of everything; without it, those of the tokio runtime that [`build`](Self::build) is called in.
    pub fn runtime(mut self, runtime: Arc<dyn Runtime>) -> Self {
        self.settings.runtime = Some(runtime);
        self
    }

    /// Who is told of everything, unless a request's [`RequestOptions`](crate::RequestOptions) names somebody else.
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.settings.observer = Some(observer);
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

    /// Who is asked for addresses.
    pub fn resolver<R2: Resolver>(self, resolver: R2) -> ClientBuilder<R2, D> {
        ClientBuilder { settings: self.settings, resolver, dialer: self.dialer }
    }

    /// The ways to go, in order, each a list of proxies, so that one proxy for everything is `[[proxy]]`. As [`RouteConfig::proxies`], before
    /// which they go.
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
    pub fn proxies<W: Into<Arc<[Proxy]>>>(mut self, ways: impl IntoIterator<Item = W>) -> Self {
        self.settings.proxies = Some(ways.into_iter().map(Into::into).collect());
        self
    }

    /// How HTTP/1.1 is spoken.
    pub fn h1(mut self, h1: H1<RequestBody>) -> Self {
        self.settings.h1 = h1;
        self
    }

    /// How HTTP/2 is spoken.
    pub fn h2(mut self, h2: H2<RequestBody>) -> Self {
        self.settings.h2 = h2;
        self
    }

    /// Whom to trust, what to pin, who to be. By default the system's roots, read when the first `https` URL is called for.
    pub fn tls(mut self, tls: TlsLayer) -> Self {
        self.settings.tls = tls;
        self
    }

    /// The same for proxies that are spoken to over TLS. Without it they are [verified](TlsLayer::proxy_connector) by the roots of [`tls`](Self::tls),
    /// and by its pins if those name them; never told its identity, and never trusted because it is insecure.
    pub fn proxy_tls(mut self, connector: TlsConnector) -> Self {
        self.settings.proxy_tls = Some(connector);
        self
    }

    /// How several addresses are tried.
    pub fn race(mut self, race: RaceLayer) -> Self {
        self.settings.race = race;
        self
    }

    /// How one address is dialled: a [`Tcp`] with other options, a layer around it, a network in memory.
    pub fn dialer<D2: Dialer>(self, dialer: D2) -> ClientBuilder<R, D2> {
        ClientBuilder { settings: self.settings, resolver: self.resolver, dialer }
    }

    /// Stacks the layers.
    ///
    /// # Panics
    /// Without a [`runtime`](Self::runtime), when called outside of a tokio runtime.
    #[track_caller]
    pub fn build(self) -> Client {
        let Self { settings, resolver, dialer } = self;
        let Settings { observer, timeouts, connect_options, h1, h2, tls, race, .. } = settings;
        let runtime = settings.runtime.unwrap_or_else(|| Arc::new(TokioRuntime::current()));
        let connector = settings.proxy_tls.unwrap_or_else(|| tls.proxy_connector());
        let route = match settings.proxies {
            Some(ways) => settings.route.proxies(ways),
            None => settings.route,
        };
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
        let stack = ServiceBuilder::new()
            .layer(retry)                                   // send again what may safely be sent again
            .layer(pool)                                    // on a pooled connection, or a new one
            .layer(RouteLayer::new(resolver).config(route)) // found by address, or through proxies
            .layer(NegotiateLayer::new(h1, h2))             // that speaks HTTP/2 or HTTP/1.1
            .layer(tls)                                     // sealed and verified
            .layer(TunnelLayer::new().proxy_tls(connector))      // through HTTP and SOCKS proxies
            .layer(race)                                    // over whichever address answers first
            .service(dialer); // by a socket

        Client::of(stack, Care { runtime, observer, timeouts, ids: Ids::default() })
    }
}

impl<R: fmt::Debug, D: fmt::Debug> fmt::Debug for ClientBuilder<R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { timeouts, connect_options, retry, pool, route, proxies, h1, h2, tls, race, .. } = &self.settings;
        f.debug_struct("ClientBuilder")
            .field("limits", timeouts)
            .field("terms", connect_options)
            .field("retry", retry)
            .field("pool", pool)
            .field("route", route)
            .field("proxies", proxies)
            .field("resolver", &self.resolver)
            .field("h1", h1)
            .field("h2", h2)
            .field("tls", tls)
            .field("race", race)
            .field("dialer", &self.dialer)
            .finish_non_exhaustive()
    }
}
