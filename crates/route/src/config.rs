use crate::{
    proxy_order::ProxyOrder,
    proxy_selector::{ProxyChains, ProxyChoice, ProxySelector, SharedSelector},
    settings::Settings,
};
use skybridge_core::{Families, IntoProxyChain};
use std::time::Duration;

/// About as many addresses as fit in an answer over UDP, and more than anybody needs.
const MAX_ADDRESSES: usize = 64;
const MAX_ATTEMPTS: usize = 64;
/// Longer than the second after which a lost SYN is sent again.
const FAILED_PROXY_TIMEOUT: Duration = Duration::from_secs(2);
/// A system's resolver sends a query again after 5 s and, where there is one server, gives up after 10 s.
const TIMEOUT: Duration = Duration::from_secs(15);

/// How a [`RouteLayer`](crate::RouteLayer) chooses proxies and addresses, whichever resolver it asks.
///
/// | setting | default |
/// |---|---|
/// | [`proxies`](Self::proxies), [`proxy_selector`](Self::proxy_selector) | none: a direct connection |
/// | [`proxy_order`](Self::proxy_order) | those last, but nothing direct before a proxy listed before it |
/// | [`failed_proxy_timeout`](Self::failed_proxy_timeout) | 2 s |
/// | [`timeout`](Self::timeout) | 15 s |
/// | [`families`](Self::families) | both |
/// | [`max_addresses`](Self::max_addresses) | 64 of each family |
/// | [`max_attempts`](Self::max_attempts) | 64 |
/// | [`remember_failures`](Self::remember_failures) | 5 minutes |
#[derive(Clone, Debug)]
pub struct RouteConfig {
    pub(crate) proxy_choice: ProxyChoice,
    pub(crate) settings: Settings,
    pub(crate) remember_failures: Duration,
}

impl RouteConfig {
    /// The defaults of the table above.
    pub fn new() -> Self {
        let settings = Settings {
            proxy_order: ProxyOrder::default(),
            failed_proxy_timeout: FAILED_PROXY_TIMEOUT,
            timeout: TIMEOUT,
            families: Families::Both,
            max_addresses: MAX_ADDRESSES,
            max_attempts: MAX_ATTEMPTS,
            unresolved: false,
        };
        let proxy_choice = ProxyChoice::Fixed([[].into()].into());
        Self { proxy_choice, settings, remember_failures: Duration::from_secs(5 * 60) }
    }

    /// The chains of proxies to try, in [order](Self::proxy_order) (default: a direct connection, and nothing else). In
    /// a chain the proxy nearest to this machine comes first; an empty chain is a direct connection. The names of a
    /// chain are looked up, and it is tried, only when everything that the chain before it leads to has failed.
    /// [`ConnectOptions::proxies`](skybridge_core::ConnectOptions::proxies) of a request takes precedence over all of
    /// them.
    ///
    /// `[[proxy]]` is one proxy for everything, `[vec![first, second]]` one chain of two proxies, and
    /// `[[one], [other]]` two chains of one proxy each, the second for when the first fails. Unless an empty chain is
    /// among them, no connection is ever direct, whatever fails; where there are no chains at all, every connect fails
    /// with [`NothingSelected`](crate::NothingSelected).
    pub fn proxies<C: IntoProxyChain>(mut self, chains: impl IntoIterator<Item = C>) -> Self {
        let chains: ProxyChains = chains.into_iter().map(IntoProxyChain::into_chain).collect();
        self.proxy_choice = ProxyChoice::Fixed(chains);
        self
    }

    /// Asks a service for the chains of proxies that lead to an origin, instead of taking the same for all (default:
    /// no service). It is asked for each connect, and not for requests that have
    /// [`ConnectOptions::proxies`](skybridge_core::ConnectOptions::proxies) of their own, nor where a pooled connection
    /// is found: see [`ProxySelector`]. Of this and [`proxies`](Self::proxies) the last call counts.
    ///
    /// The chains are tried in [order](Self::proxy_order), and no connection is direct unless an empty chain is among
    /// them. If it fails, so does the connect, and nothing else is tried. The time that it takes is part of the pool's
    /// limit for connecting.
    ///
    /// [`EnvironmentProxies`](crate::EnvironmentProxies) is one: the proxies that `http_proxy` and its like name.
    ///
    /// ```
    /// use skybridge_core::{Origin, Proxy};
    /// use skybridge_route::RouteConfig;
    /// use std::{convert::Infallible, sync::Arc};
    /// use tower::service_fn;
    ///
    /// let proxy: Arc<[Proxy]> = [Proxy::parse("http://proxy.test:3128")?].into();
    /// let config = RouteConfig::new().proxy_selector(service_fn(move |origin: Origin| {
    ///     let chain = if origin.name().ends_with(".internal.test") { [].into() } else { Arc::clone(&proxy) };
    ///     async move { Ok::<_, Infallible>([chain]) }
    /// }));
    /// # let _ = config;
    /// # Ok::<_, skybridge_core::ProxyError>(())
    /// ```
    pub fn proxy_selector(mut self, selector: impl ProxySelector) -> Self {
        self.proxy_choice = ProxyChoice::Selected(SharedSelector::new(selector));
        self
    }

    /// In which order the chains of proxies are tried when some of them failed recently (default: those last, but never
    /// a direct connection before a proxy that is listed before it): see [`ProxyOrder`].
    pub fn proxy_order(mut self, order: ProxyOrder) -> Self {
        self.settings.proxy_order = order;
        self
    }

    /// How long it may take to reach a proxy that couldn't be reached recently, while other chains are left to try
    /// (default: 2 s; `Duration::MAX`: as long as any other). It holds for looking up its name, and again for opening a
    /// socket to it; what comes after that has the usual limits. A proxy counts as such for
    /// [`remember_failures`](Self::remember_failures) from the last time that all of it failed without this limit.
    pub fn failed_proxy_timeout(mut self, timeout: Duration) -> Self {
        self.settings.failed_proxy_timeout = timeout;
        self
    }

    /// How long it may take until the first addresses of a name are known (default: 15 s; `Duration::MAX` is no limit).
    /// Addresses that arrive later than that are not waited for. By default a lost packet fails no lookup: a system's
    /// resolver sends its query again after 5 s. After 10 s it reports its own error, unless it has several servers.
    ///
    /// What a resolver waits before it begins, as for a free thread, may take as long again. It is the phase
    /// [`LookupQueue`](skybridge_core::Phase::LookupQueue) of errors and events.
    /// [`Timeouts::resolve`](skybridge_core::Timeouts::resolve) of a request takes precedence.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Which address families are connected to (default: both): the resolver is asked for no others, and an address in
    /// a URL, of a proxy, or to [dial](skybridge_core::ConnectOptions::dial) that is not of them fails
    /// ([`OtherFamily`](crate::OtherFamily)). What a proxy connects to is not meant.
    pub fn families(mut self, families: Families) -> Self {
        self.settings.families = families;
        self
    }

    /// How many addresses of each family are taken from one lookup (default: 64; at least 1), so that whoever answers
    /// for a name doesn't decide how much is kept and tried. Addresses that failed recently are the first to be left
    /// out. How many were left out is reported by [`EventKind::LeftOut`](skybridge_core::EventKind::LeftOut) and
    /// [`ConnectError::left_out`](skybridge_core::ConnectError::left_out).
    pub fn max_addresses(mut self, max: usize) -> Self {
        self.settings.max_addresses = max.max(1);
        self
    }

    /// How many attempts one connect may make by each chain of proxies (default: 64; at least 1). Attempts count over
    /// all addresses of the proxies and of the origin, and again where a phase after TCP has failed. How many addresses
    /// were not tried because of it is reported as with [`max_addresses`](Self::max_addresses).
    pub fn max_attempts(mut self, max: usize) -> Self {
        self.settings.max_attempts = max.max(1);
        self
    }

    /// For how long an endpoint that failed is tried after the others (default: 5 minutes; zero: never). It is still
    /// tried when the others have failed too, and its failure is forgotten as soon as it works.
    ///
    /// An endpoint to which no socket could be opened is postponed for every origin. A later failure, in a tunnel, TLS,
    /// a handshake or the first exchange, postpones it for that origin alone: another name at the same address may
    /// work. Likewise chains of proxies: see [`proxy_order`](Self::proxy_order).
    ///
    /// For as long, the address of a host goes first that connected while one that was tried before it didn't answer:
    /// so a black hole costs one connection its delay. That is not refreshed, so that the other has a chance again.
    pub fn remember_failures(mut self, time: Duration) -> Self {
        self.remember_failures = time;
        self
    }
}

impl Default for RouteConfig {
    fn default() -> Self {
        Self::new()
    }
}
