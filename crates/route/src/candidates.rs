use crate::{
    error::{NoAddresses, NothingSelected, OtherFamily},
    proxy_selector::{ProxyChains, ProxyChoice, SharedSelector},
    resolve::{Lookup, Resolved, resolve},
    route_database::RouteDatabase,
    route_history::RouteHistory,
    settings::Settings,
};
use skybridge_core::{
    AddressSource, Advice, BoxFuture, ConnectError, Dial, Endpoint, Endpoints, EventKind, Families, OriginError, Phase,
    Proxy, ProxyError, ProxyKind, Resolver, Route, Scheme, Span, Target, ascii_host,
};
use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// The routes that may reach one target, one for each chain of proxies. Each is decided when the one before has failed,
/// so that no proxy is looked up that isn't needed.
pub(crate) struct Candidates<R> {
    resolver: R,
    settings: Settings,
    database: Arc<RouteDatabase>,
    target: Target,
    /// Asked for the chains when the first is needed.
    selector: Option<SharedSelector>,
    proxy_chains: ProxyChains,
    /// The index of the next chain.
    next: usize,
    first_error: Option<ConnectError>,
}

/// A route whose first addresses are known.
pub(crate) struct Candidate {
    pub(crate) route: Route,
    pub(crate) history: Arc<RouteHistory>,
    /// The origin's addresses, where the last proxy must be given one. Each is tried in turn.
    pub(crate) proxy_targets: Option<Endpoints>,
    pub(crate) late_answers: LateAnswers,
    /// How long it may take to reach the first proxy, if that is known to be down and others are left.
    pub(crate) limit: Option<Duration>,
}

/// Lookups that still run. While they are polled, they add to the endpoints of their [`Candidate`].
#[derive(Default)]
pub(crate) struct LateAnswers(Vec<BoxFuture<()>>);

// === impl Candidates ===

impl<R: Resolver> Candidates<R> {
    pub(crate) fn new(
        resolver: R,
        settings: Settings,
        database: Arc<RouteDatabase>,
        proxy_choice: ProxyChoice,
        target: Target,
    ) -> Self {
        let (selector, proxy_chains) = match (target.connect_options().proxies.clone(), proxy_choice) {
            (Some(chain), _) => (None, [chain].into()),
            (None, ProxyChoice::Fixed(chains)) => (None, sort(chains, settings, &database, &target)),
            (None, ProxyChoice::Selected(selector)) => (Some(selector), [].into()),
        };
        Self { resolver, settings, database, target, selector, proxy_chains, next: 0, first_error: None }
    }

    /// How many attempts each candidate may make.
    pub(crate) fn max_attempts(&self) -> usize {
        self.settings.max_attempts
    }

    /// All chains, in the order in which they are tried.
    pub(crate) fn ways(&self) -> Vec<Arc<[Proxy]>> {
        self.proxy_chains.to_vec()
    }

    /// The next candidate whose names can be resolved.
    pub(crate) async fn next(&mut self) -> Result<Box<Candidate>, ConnectError> {
        // Before anybody is asked for a proxy or an address.
        if let Err(refused) = self.target.connect_options().egress.check_cleartext(self.target.origin()) {
            return Err(ConnectError::new(Phase::Acquire, refused).fatal());
        }
        if let Some(selector) = self.selector.take() {
            let chains = selector.select(self.target.origin()).await?;
            self.proxy_chains = sort(chains, self.settings, &self.database, &self.target);
        }
        if self.proxy_chains.is_empty() {
            let origin = Box::new(self.target.origin().clone());
            return Err(NothingSelected { origin }.into());
        }
        while let Some(proxies) = self.proxy_chains.get(self.next).cloned() {
            self.next += 1;
            match self.decide(proxies).await {
                Ok(candidate) => return Ok(candidate),
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => self.failed(error),
            }
        }
        Err(self.first_error.take().unwrap_or_else(|| no_addresses(&self.target)))
    }

    /// A candidate failed. The final error is that of the first; the others are in the attempt log.
    pub(crate) fn failed(&mut self, error: ConnectError) {
        self.first_error.get_or_insert(error);
    }

    async fn decide(&mut self, proxies: Arc<[Proxy]>) -> Result<Box<Candidate>, ConnectError> {
        check_names(&proxies)?;
        let mut route = Route::direct(self.target.clone(), Endpoints::fixed([]));
        let history = Arc::new(RouteHistory::new(Arc::clone(&self.database), &self.target, Arc::clone(&proxies)));
        route.proxies = proxies;
        route.feedback = Some(history.clone());
        let is_last = self.next == self.proxy_chains.len();
        let limit = (!is_last && history.is_first_proxy_down()).then_some(self.settings.failed_proxy_timeout);
        let late_answers = LateAnswers::default();
        let mut candidate = Box::new(Candidate { route, history, proxy_targets: None, late_answers, limit });
        let decided = match self.resolve_first_hop(&mut candidate).await {
            Ok(()) => self.resolve_proxy_targets(&mut candidate).await,
            error => error,
        };
        match decided {
            Ok(()) => Ok(candidate),
            Err(error) => Err(error.on_route(&candidate.route)),
        }
    }

    /// Within the limit of a proxy that is known to be down. That a proxy's name has no addresses is remembered.
    async fn resolve_first_hop(&mut self, candidate: &mut Candidate) -> Result<(), ConnectError> {
        let Err(error) = self.resolve_endpoints(candidate).await else { return self.keep_allowed(candidate) };
        // A name without addresses is the origin's own where there is no proxy.
        if self.is_of_name(&error) && !candidate.route.proxies.is_empty() {
            candidate.history.path_failed(Phase::Resolve, &error, false);
        }
        Err(error)
    }

    /// Of the endpoints of a connector that looks names up by itself, and may have no race below that asks the egress
    /// policy: those that it allows.
    fn keep_allowed(&self, candidate: &mut Candidate) -> Result<(), ConnectError> {
        let (origin, egress) = (self.target.origin(), &self.target.connect_options().egress);
        if !self.settings.unresolved || egress.is_any() {
            return Ok(());
        }
        let is_direct = candidate.route.proxies.is_empty();
        let mut first_refused = None;
        let mut allowed = candidate.route.endpoints.snapshot();
        allowed.retain(|endpoint| {
            let judged = if is_direct { egress.check(origin, endpoint) } else { egress.check_proxy(origin, endpoint) };
            judged.map_err(|refused| first_refused.get_or_insert(refused)).is_ok()
        });
        match first_refused {
            Some(refused) if allowed.is_empty() => Err(ConnectError::new(Phase::Tcp, refused).fatal()),
            _ => {
                candidate.route.endpoints = Endpoints::fixed(allowed);
                Ok(())
            }
        }
    }

    /// Whether a look-up failed for its name, and not for want of a thread or a descriptor here, or within a time that
    /// was too short.
    fn is_of_name(&self, error: &ConnectError) -> bool {
        let is_ours = error.is_overloaded() || error.is_out_of_descriptors();
        let is_short = error.timed_out().is_some_and(|timed_out| timed_out.limit < self.settings.timeout);
        error.phase() == Some(Phase::Resolve) && !is_ours && !is_short
    }

    /// Where the first proxy listens or, without proxies, the origin.
    async fn resolve_endpoints(&mut self, candidate: &mut Candidate) -> Result<(), ConnectError> {
        let origin = self.target.origin();
        let (ip, host, port) = match candidate.route.proxies.first() {
            Some(proxy) => (proxy.ip(), proxy.name(), proxy.port),
            None => {
                let dial = self.target.connect_options().dial.as_ref();
                if let Some(endpoints) = dial.and_then(Dial::endpoints) {
                    let endpoints = self.of_families(endpoints.to_vec())?;
                    self.tell(AddressSource::Dial, || origin.name().to_owned(), &endpoints);
                    let endpoints = candidate.history.sort_failed_last(endpoints);
                    candidate.route.endpoints = Endpoints::fixed(endpoints);
                    return Ok(());
                }
                match dial.and_then(Dial::host) {
                    Some((name, port)) => (None, self.may_look_up(name, port)?, port),
                    None => (origin.ip(), origin.name(), origin.port()),
                }
            }
        };
        if let Some(ip) = ip {
            let endpoint = SocketAddr::new(ip, port).into();
            if !self.settings.families.have(&endpoint) {
                return Err(self.other_family(endpoint));
            }
            self.tell(AddressSource::Literal, || ip.to_string(), std::slice::from_ref(&endpoint));
            candidate.route.endpoints = Endpoints::fixed([endpoint]);
            return Ok(());
        }
        // The record of a proxy, or of a host that is connected to in place of the origin, is no record of the origin;
        // and behind a proxy it is that which resolves.
        let is_own = candidate.route.proxies.is_empty() && self.target.connect_options().dial.is_none();
        let https_record = is_own && origin.scheme() == Scheme::Https;
        if self.settings.unresolved {
            let endpoint = Endpoint::Name { host: host.into(), port };
            candidate.route.endpoints = Endpoints::fixed([endpoint]);
            return Ok(());
        }
        let lookup = Lookup { host: host.into(), port, families: self.settings.families, https_record };
        let resolved = self.resolve(candidate, lookup).await;
        candidate.route.endpoints = match candidate.route.proxies.first() {
            Some(proxy) => resolved.map_err(|error| error.of_proxy(proxy))?,
            None => resolved?,
        };
        Ok(())
    }

    /// Tells of addresses that nobody was asked for.
    fn tell(&self, source: AddressSource, host: impl FnOnce() -> String, endpoints: &[Endpoint]) {
        let ctx = &self.target.ctx;
        if ctx.is_observed() {
            ctx.emit(None, None, EventKind::addresses_found(&host(), endpoints, source));
        }
    }

    /// Those of the families that are connected to. A resolver is only asked for these.
    fn of_families(&self, mut endpoints: Vec<Endpoint>) -> Result<Vec<Endpoint>, ConnectError> {
        let first = endpoints.first().cloned();
        endpoints.retain(|endpoint| self.settings.families.have(endpoint));
        match first {
            Some(first) if endpoints.is_empty() => Err(self.other_family(first)),
            _ => Ok(endpoints),
        }
    }

    fn other_family(&self, endpoint: Endpoint) -> ConnectError {
        let error = OtherFamily { endpoint, families: self.settings.families };
        ConnectError::new(Phase::Tcp, error).advise(Advice::NoAddresses)
    }

    /// Where the origin listens, if the last proxy must be given an address: a SOCKS proxy that doesn't resolve names,
    /// or any proxy when the target names the endpoints to dial.
    async fn resolve_proxy_targets(&mut self, candidate: &mut Candidate) -> Result<(), ConnectError> {
        let Some(last) = candidate.route.proxies.last() else { return Ok(()) };
        let origin = self.target.origin();
        let dial = self.target.connect_options().dial.as_ref();
        let other = dial.and_then(Dial::host);
        if let Some(endpoints) = dial.and_then(Dial::endpoints) {
            let inet: Vec<Endpoint> = endpoints.iter().filter(|endpoint| endpoint.inet().is_some()).cloned().collect();
            if inet.is_empty() {
                return Err(no_addresses(&self.target));
            }
            candidate.proxy_targets = Some(Endpoints::fixed(inet));
        } else if last.kind.wants_address() && (other.is_some() || origin.ip().is_none()) {
            if self.settings.unresolved {
                return Err(no_addresses(&self.target));
            }
            let families = if last.kind == ProxyKind::Socks4 { Families::V4 } else { self.settings.families };
            let (host, port) = match other {
                Some((name, port)) => (self.may_look_up(name, port)?, port),
                None => (origin.name(), origin.port()),
            };
            let lookup = Lookup { host: host.into(), port, families, https_record: false };
            candidate.proxy_targets = Some(self.resolve(candidate, lookup).await?);
        }
        Ok(())
    }

    /// The name of the host that is connected to in place of the origin's, if the egress policy has nothing against it.
    /// Its addresses are judged when they are connected to.
    fn may_look_up<'n>(&self, name: &'n str, port: u16) -> Result<&'n str, ConnectError> {
        let Target { key, .. } = &self.target;
        match key.connect_options.egress.check_other(&key.origin, name, port, None) {
            Ok(()) => Ok(name),
            Err(refused) => Err(ConnectError::new(Phase::Tcp, refused).fatal()),
        }
    }

    async fn resolve(&mut self, candidate: &mut Candidate, lookup: Lookup) -> Result<Endpoints, ConnectError> {
        let (route, history) = (&candidate.route, &candidate.history);
        let limit = candidate.limit.map_or(self.settings.timeout, |limit| limit.min(self.settings.timeout));
        let resolved = resolve(self.resolver.clone(), &self.settings, lookup, route, history, limit).await?;
        let Resolved { endpoints, span, rest } = resolved;
        let start = candidate.route.resolved.map_or(span.start, |earlier| earlier.start);
        candidate.route.resolved = Some(Span { start, end: span.end });
        candidate.late_answers.0.extend(rest);
        Ok(endpoints)
    }
}

/// The chains in the order in which they are tried.
fn sort(chains: ProxyChains, settings: Settings, database: &Arc<RouteDatabase>, target: &Target) -> ProxyChains {
    if chains.len() < 2 {
        return chains;
    }
    let failed = |chain: &Arc<[Proxy]>| {
        RouteHistory::new(Arc::clone(database), target, Arc::clone(chain)).path_failed_recently()
    };
    settings.proxy_order.sort(chains.to_vec(), |chain| chain.is_empty(), failed).into()
}

/// A name that isn't ASCII is nobody's: a resolver might take it for one that no certificate and no pin is for.
fn check_names(proxies: &[Proxy]) -> Result<(), ConnectError> {
    let Some(proxy) = proxies.iter().find(|proxy| !proxy.host.is_ascii()) else { return Ok(()) };
    let error = ascii_host(&proxy.host).err().unwrap_or_else(|| OriginError::NotAscii((&*proxy.host).into()));
    Err(ConnectError::new(Phase::Acquire, ProxyError::Host(error)).fatal())
}

fn no_addresses(target: &Target) -> ConnectError {
    NoAddresses { host: target.origin().name().into() }.into()
}

// === impl LateAnswers ===

impl LateAnswers {
    /// Runs a future, and the lookups beside it.
    pub(crate) async fn poll_beside<T>(&mut self, mut future: Pin<&mut impl Future<Output = T>>) -> T {
        std::future::poll_fn(|cx| {
            self.poll(cx);
            future.as_mut().poll(cx)
        })
        .await
    }

    /// Waits until all of them are over.
    pub(crate) async fn finish(&mut self) {
        std::future::poll_fn(|cx| {
            self.poll(cx);
            if self.0.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        self.0.retain_mut(|lookup| matches!(Pin::new(lookup).poll(cx), Poll::Pending));
    }
}
