mod endpoint;
mod endpoints;
mod feedback;
mod query;
mod service_binding;

pub use self::{
    endpoint::Endpoint,
    endpoints::{Endpoints, EndpointsFeed},
    feedback::{FirstExchange, RecentFailure, RouteFeedback},
    query::{Answer, Families, Query},
    service_binding::ServiceBinding,
};

use crate::{
    AttemptId, ConnInfo, ConnectError, ConnectOptions, Ctx, Dial, EgressRefused, HttpVersions, Key, Link, Outcome,
    Phase, PhaseGuard, Proxy, Scheme, Span, Target, connection::TriedBy,
};
use std::{fmt, net::SocketAddr, sync::Arc};

/// One way to reach an origin: which proxies, and which endpoints of the first one or of the origin itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Route {
    /// What is to be reached, and on whose behalf.
    pub target: Target,
    /// The proxies, the nearest first; empty for a direct connection.
    pub proxies: Arc<[Proxy]>,
    /// Where the first proxy listens or, without proxies, the origin.
    pub endpoints: Endpoints,
    /// The address of the origin, when the last proxy must be given an address rather than the origin's name.
    pub proxy_target: Option<Endpoint>,
    /// Is notified how the first exchange ended.
    pub feedback: Option<Arc<dyn RouteFeedback>>,
    /// When its endpoints were looked up; `None` when they needed no lookup.
    pub resolved: Option<Span>,
    /// How many attempts may be made at most. A layer that tries several endpoints must not exceed it.
    pub max_attempts: usize,
}

/// One attempt to connect to one endpoint of a route.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The route it belongs to.
    pub route: Route,
    /// The endpoint to connect to.
    pub endpoint: Endpoint,
    /// Its number in the attempt log.
    pub id: AttemptId,
    /// Once there is a link.
    pub(crate) tried_by: TriedBy,
}

// === impl Route ===

impl Route {
    /// A direct route to these endpoints, which are all there are.
    pub fn to<E: Into<Endpoint>>(target: Target, endpoints: impl IntoIterator<Item = E>) -> Self {
        Self::direct(target, Endpoints::fixed(endpoints.into_iter().map(Into::into)))
    }

    /// A direct route without a limit of attempts.
    pub fn direct(target: Target, endpoints: Endpoints) -> Self {
        let max_attempts = usize::MAX;
        Self { target, proxies: [].into(), endpoints, proxy_target: None, feedback: None, resolved: None, max_attempts }
    }

    /// The context of its target.
    pub fn ctx(&self) -> &Ctx {
        &self.target.ctx
    }

    /// Whether the last proxy forwards the requests, in absolute form (RFC 9112, section 3.2.2), rather than give a
    /// tunnel. That is so for requests in cleartext over HTTP/1.1 through an HTTP proxy, unless it is [asked for
    /// tunnels only](Proxy::tunnels_all) or must connect to another address or host than the request names.
    pub fn is_forwarded(&self) -> bool {
        let Key { origin, connect_options } = &*self.target.key;
        let cleartext = origin.scheme() == Scheme::Http && connect_options.http_versions != HttpVersions::Http2;
        cleartext
            && self.proxy_target.is_none()
            && connect_options.dial.as_ref().is_none_or(|dial| dial.host().is_none())
            && self.proxies.last().is_some_and(|proxy| proxy.kind.is_http() && !proxy.tunnels_all)
    }

    /// Checks the [egress policy](crate::Egress) for everything that the proxies of this route would be asked to
    /// connect to, or to forward to. What a name resolves to, only the proxy knows that is asked.
    ///
    /// # Errors
    /// With the first that is refused.
    pub fn check_proxied(&self) -> Result<(), EgressRefused> {
        let (origin, ConnectOptions { egress, dial, .. }) = (self.target.origin(), self.target.connect_options());
        let other = dial.as_ref().and_then(Dial::host);
        for (i, proxy) in self.proxies.iter().enumerate() {
            let next = self.proxies.get(i + 1);
            let address = match (next, &self.proxy_target) {
                (Some(next), _) => next.ip().map(|ip| SocketAddr::new(ip, next.port).into()),
                (None, Some(address)) => Some(address.clone()),
                (None, None) if other.is_some() => None,
                (None, None) => origin.ip().map(|ip| SocketAddr::new(ip, origin.port()).into()),
            };
            match (address, next, other) {
                (Some(address), None, _) => egress.check(origin, &address)?,
                (Some(address), Some(_), _) => egress.check_proxy(origin, &address)?,
                (None, None, Some((name, port))) => egress.check_other(origin, name, port, Some(proxy))?,
                (None, next, _) => egress.check_name(origin, proxy, next)?,
            }
        }
        Ok(())
    }

    /// Begins a phase of connecting that belongs to no single attempt.
    pub fn phase(&self, phase: Phase) -> PhaseGuard {
        PhaseGuard::begin(self.ctx(), phase, None)
    }

    /// Begins an attempt to connect to this endpoint, and logs it.
    pub fn attempt(&self, endpoint: Endpoint) -> Attempt {
        let id = self.ctx().attempt_log().begin(self.to_string(), endpoint.clone(), self.ctx().runtime().now());
        Attempt { route: self.clone(), endpoint, id, tried_by: TriedBy::default() }
    }

    /// A link of a stream that a connector of one's own has opened by this route, to this endpoint: logged as an
    /// attempt, and without TLS, proxies or a local address until its [`info`](Link::info) is told of them.
    ///
    /// ```
    /// # use skybridge_runtime::TokioRuntime;
    /// use skybridge_core::{ConnectError, Connector, Route, Target};
    /// use std::net::SocketAddr;
    /// use tower::service_fn;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let address = SocketAddr::from(([192, 0, 2, 1], 80));
    /// let mut connector = service_fn(move |route: Route| async move {
    ///     let (stream, _theirs) = tokio::io::duplex(1024); // whatever connects
    ///     Ok::<_, ConnectError>(route.link(stream, address))
    /// });
    /// let target = Target::of(&"http://a.test/".parse()?, TokioRuntime::ctx())?;
    /// let link = connector.connect(Route::to(target, [address])).await?;
    /// assert_eq!(link.info.remote.inet(), Some(address));
    /// # Ok(())
    /// # }
    /// ```
    pub fn link<Io>(&self, io: Io, remote: impl Into<Endpoint>) -> Link<Io> {
        self.attempt(remote.into()).link(io)
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
    /// Begins a phase of this attempt.
    pub fn phase(&self, phase: Phase) -> PhaseGuard {
        PhaseGuard::begin(self.route.ctx(), phase, Some(self.id)).tried_by(self.tried_by.clone())
    }

    /// A link of a stream that a dialer of one's own has opened to the endpoint of this attempt. Its local address
    /// isn't known until its [`info`](Link::info) is told.
    pub fn link<Io>(&self, io: Io) -> Link<Io> {
        Link::new(io, ConnInfo::new(self, None, self.endpoint.clone()))
    }

    /// Logs that this attempt failed, unless a phase guard has done so. There may be none: a time limit drops the
    /// guard, and a foreign dialer doesn't have one. Logs it anew where more is known by now: that it is a
    /// [proxy's](ConnectError::of_proxy), or [by which settings](ConnectError::by_settings) it was tried. Returns the
    /// error with the attempt and its endpoint added.
    pub fn failed(&self, error: impl Into<ConnectError>) -> ConnectError {
        let ctx = self.route.ctx();
        let error = self.tried_by.mark(error.into().in_phase(Phase::Tcp).of_attempt(self.id, ctx));
        if error.is_told_more() || !ctx.attempt_log().has_failed(self.id) {
            ctx.attempt_log().end(self.id, ctx.runtime().now(), Outcome::Failed(error.clone()));
        }
        error
    }
}
