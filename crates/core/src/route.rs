use crate::{
    AttemptId, ConnectError, Ctx, Endpoint, Endpoints, Error, HttpVersions, Key, Outcome, Phase, PhaseGuard, Proxy,
    Scheme, Span, Target,
};
use std::{fmt, sync::Arc};

/// One decided way to reach an origin.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Route {
    /// What is to be reached.
    pub target: Target,
    /// The proxies on the way, in order; none is "directly".
    pub proxies: Arc<[Proxy]>,
    /// Where the first hop, or without hops the origin, listens.
    pub endpoints: Endpoints,
    /// Where the origin listens, when the last hop is to be told an address rather than the origin's name.
    pub proxy_target: Option<Endpoint>,
    /// Who wants to know how the first exchange went.
    pub feedback: Option<Arc<dyn RouteFeedback>>,
    /// When its endpoints were looked up, if they were.
    pub resolved: Option<Span>,
    /// How many endpoints may be tried at most: a wish of whoever asks for a connection, and who tries several stops there.
    pub max_attempts: usize,
}

/// How the first exchange on a new connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum FirstExchange<'a> {
    /// With a complete response.
    Completed,
    /// With an error of the connection, not of its user.
    Failed(&'a Error),
}

/// Remembers how routes turned out. Filled in by the layer that decides routes, told once per connection by the pool.
pub trait RouteFeedback: fmt::Debug + Send + Sync + 'static {
    /// The first exchange at `endpoint` ended.
    fn report(&self, endpoint: &Endpoint, how: FirstExchange<'_>);

    /// Whether `endpoint` failed lately, so that the others should be tried first. Nothing is ever left out for it.
    fn failed_recently(&self, endpoint: &Endpoint) -> bool {
        let _ = endpoint;
        false
    }
}

/// One try at one endpoint of one route.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The route.
    pub route: Route,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Counts from 1 within the search for one connection.
    pub id: AttemptId,
}

// === impl Route ===

impl Route {
    /// A direct route, by as many attempts as there are endpoints.
    pub fn direct(target: Target, endpoints: Endpoints) -> Self {
        let max_attempts = usize::MAX;
        Self { target, proxies: [].into(), endpoints, proxy_target: None, feedback: None, resolved: None, max_attempts }
    }

    /// Who is asking.
    pub fn ctx(&self) -> &Ctx {
        &self.target.ctx
    }

    /// Whether requests are forwarded by the last hop, in absolute form (RFC 9112, section 3.2.2), rather than sent through a tunnel: in
    /// cleartext over HTTP/1.1, to the place that the request names, by an HTTP proxy that isn't [asked for tunnels alone](Proxy::tunnels_all).
    pub fn is_forwarded(&self) -> bool {
        let Key { origin, connect_options } = &*self.target.key;
        let cleartext = origin.scheme() == Scheme::Http && connect_options.http_versions != HttpVersions::Http2;
        cleartext
            && self.proxy_target.is_none()
            && self.proxies.last().is_some_and(|proxy| proxy.kind.is_http() && !proxy.tunnels_all)
    }

    /// Begins a phase; the guard times it, tells the observer of it, and notices when it is dropped.
    pub fn phase(&self, phase: Phase) -> PhaseGuard {
        PhaseGuard::begin(self.ctx(), phase, None)
    }

    /// A numbered try at one endpoint.
    pub fn attempt(&self, endpoint: Endpoint) -> Attempt {
        let id = self.ctx().attempt_log().begin(self.to_string(), endpoint.clone(), self.ctx().runtime().now());
        Attempt { route: self.clone(), endpoint, id }
    }
}

impl fmt::Display for Route {
    /// The origin's host and port, and the proxies on the way.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.target.origin().authority())?;
        for (i, proxy) in self.proxies.iter().enumerate() {
            write!(f, "{}{proxy}", if i == 0 { " via " } else { ", " })?;
        }
        Ok(())
    }
}

// === impl Attempt ===

impl Attempt {
    /// Begins a phase of this try.
    pub fn phase(&self, phase: Phase) -> PhaseGuard {
        PhaseGuard::begin(self.route.ctx(), phase, Some(self.id))
    }

    /// This try failed, also when no phase guard saw it: a time limit dropped the guard, or a foreign dialer has none.
    pub fn failed(&self, error: impl Into<ConnectError>) -> ConnectError {
        let ctx = self.route.ctx();
        let error = error.into().in_phase(Phase::Tcp).of_attempt(self.id, ctx);
        if !ctx.attempt_log().has_failed(self.id) {
            ctx.attempt_log().end(self.id, ctx.runtime().now(), Outcome::Failed(error.clone()));
        }
        error
    }
}
