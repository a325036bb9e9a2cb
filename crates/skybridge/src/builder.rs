use crate::{Client, RequestBody, call::Care};
use skybridge_core::{Dialer, Hop, Ids, Limits, Observe, Resolver, Runtime, Terms};
use skybridge_dns::System;
use skybridge_h1::H1;
use skybridge_h2::H2;
use skybridge_negotiate::NegotiateLayer;
use skybridge_pool::{PoolConfig, PoolLayer};
use skybridge_retry::RetryLayer;
use skybridge_route::RouteLayer;
use skybridge_runtime::TokioRuntime;
use skybridge_tcp::{RaceLayer, Tcp};
use skybridge_tls::{Sealer, TlsLayer};
use skybridge_tunnel::TunnelLayer;
use std::{fmt, sync::Arc};
use tower::ServiceBuilder;

/// Makes a [`Client`]. It has no settings of its own: each method takes the layer that owns them, and [`build`](Self::build) stacks the layers.
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
    runtime: Option<Arc<dyn Runtime>>,
    observer: Option<Arc<dyn Observe>>,
    limits: Limits,
    terms: Terms,
    retry: RetryLayer<RequestBody>,
    pool: PoolConfig,
    route: RouteLayer<R>,
    h1: H1<RequestBody>,
    h2: H2<RequestBody>,
    tls: TlsLayer,
    proxy_tls: Option<Sealer>,
    race: RaceLayer,
    dialer: D,
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        Self {
            runtime: None,
            observer: None,
            limits: Limits::new(),
            terms: Terms::default(),
            retry: RetryLayer::safe(),
            pool: PoolConfig::new(),
            route: RouteLayer::new(System::new()),
            h1: H1::replayable(RequestBody::replay),
            h2: H2::replayable(RequestBody::replay),
            tls: TlsLayer::native(),
            proxy_tls: None,
            race: RaceLayer::happy_eyeballs(),
            dialer: Tcp::new(),
        }
    }
}

impl<R: Resolver, D: Dialer> ClientBuilder<R, D> {
    /// The clock, timers and tasks of everything; without it, those of the tokio runtime that [`build`](Self::build) is called in.
    pub fn runtime(mut self, runtime: Arc<dyn Runtime>) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Who is told of everything, unless a request's [`Wish`](crate::Wish) names somebody else.
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Time limits of every request, where its [`Wish`](crate::Wish) is silent.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What every request asks of its connection, where its [`Wish`](crate::Wish) is silent.
    pub fn terms(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }

    /// What is sent again. With less than [`RetryLayer::safe`], connections need not be [replayable](H1::replayable) either.
    pub fn retry(mut self, retry: RetryLayer<RequestBody>) -> Self {
        self.retry = retry;
        self
    }

    /// What is kept, and how much at once.
    pub fn pool(mut self, config: PoolConfig) -> Self {
        self.pool = config;
        self
    }

    /// How addresses are found and chosen.
    pub fn route<R2: Resolver>(self, route: RouteLayer<R2>) -> ClientBuilder<R2, D> {
        let Self { runtime, observer, limits, terms, retry, pool, route: _, h1, h2, tls, proxy_tls, race, dialer } =
            self;
        ClientBuilder { runtime, observer, limits, terms, retry, pool, route, h1, h2, tls, proxy_tls, race, dialer }
    }

    /// Who is asked for addresses: [`route`](Self::route) with all else as it is by default.
    pub fn resolver<R2: Resolver>(self, resolver: R2) -> ClientBuilder<R2, D> {
        self.route(RouteLayer::new(resolver))
    }

    /// The ways to go, in order: [`RouteLayer::proxies`] of the route layer there is by now.
    ///
    /// ```
    /// use skybridge::{Client, Hop};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::builder().proxies([vec![Hop::parse("socks5h://proxy.test")?], vec![]]).build();
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// ```
    pub fn proxies<W: Into<Arc<[Hop]>>>(mut self, ways: impl IntoIterator<Item = W>) -> Self {
        self.route = self.route.proxies(ways);
        self
    }

    /// How HTTP/1.1 is spoken.
    pub fn h1(mut self, h1: H1<RequestBody>) -> Self {
        self.h1 = h1;
        self
    }

    /// How HTTP/2 is spoken.
    pub fn h2(mut self, h2: H2<RequestBody>) -> Self {
        self.h2 = h2;
        self
    }

    /// Whom to trust, what to pin, who to be. By default the system's roots, read when the first `https` URL is called for.
    pub fn tls(mut self, tls: TlsLayer) -> Self {
        self.tls = tls;
        self
    }

    /// The same for proxies that are spoken to over TLS. Without it they are [verified](TlsLayer::proxy_sealer) by the roots of [`tls`](Self::tls),
    /// and by its pins if those name them; never told its identity, and never trusted because it is insecure.
    pub fn proxy_tls(mut self, sealer: Sealer) -> Self {
        self.proxy_tls = Some(sealer);
        self
    }

    /// How several addresses are tried.
    pub fn race(mut self, race: RaceLayer) -> Self {
        self.race = race;
        self
    }

    /// How one address is dialled: a [`Tcp`] with other options, a layer around it, a network in memory.
    pub fn dialer<D2: Dialer>(self, dialer: D2) -> ClientBuilder<R, D2> {
        let Self { runtime, observer, limits, terms, retry, pool, route, h1, h2, tls, proxy_tls, race, dialer: _ } =
            self;
        ClientBuilder { runtime, observer, limits, terms, retry, pool, route, h1, h2, tls, proxy_tls, race, dialer }
    }

    /// Stacks the layers.
    ///
    /// # Panics
    /// Without a [`runtime`](Self::runtime), when called outside of a tokio runtime.
    #[track_caller]
    pub fn build(self) -> Client {
        let runtime = self.runtime.unwrap_or_else(|| Arc::new(TokioRuntime::current()));
        let sealer = self.proxy_tls.unwrap_or_else(|| self.tls.proxy_sealer());
        let mut retry = self.retry.runtime(Arc::clone(&runtime));
        let mut pool =
            PoolLayer::shared(Arc::clone(&runtime)).config(self.pool).limits(self.limits.clone()).terms(self.terms);
        if let Some(observer) = &self.observer {
            retry = retry.observer(Arc::clone(observer));
            pool = pool.observer(Arc::clone(observer));
        }

        #[rustfmt::skip]
        let stack = ServiceBuilder::new()
            .layer(retry)                                  // send again what may safely be sent again
            .layer(pool)                                   // on a pooled connection, or a new one
            .layer(self.route)                             // found by its address
            .layer(NegotiateLayer::new(self.h1, self.h2))  // that speaks HTTP/2 or HTTP/1.1
            .layer(self.tls)                               // sealed and verified
            .layer(TunnelLayer::new().sealing(sealer))     // through its proxies
            .layer(self.race)                              // over whichever address answers first
            .service(self.dialer); // by a socket

        Client::of(stack, Care { runtime, observer: self.observer, limits: self.limits, ids: Ids::default() })
    }
}

impl<R: fmt::Debug, D: fmt::Debug> fmt::Debug for ClientBuilder<R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("limits", &self.limits)
            .field("terms", &self.terms)
            .field("retry", &self.retry)
            .field("pool", &self.pool)
            .field("route", &self.route)
            .field("h1", &self.h1)
            .field("h2", &self.h2)
            .field("tls", &self.tls)
            .field("race", &self.race)
            .field("dialer", &self.dialer)
            .finish_non_exhaustive()
    }
}
