use super::TriedBy;
use crate::{
    Attempt, AttemptId, Certificate, ConnectError, ConnectionId, Endpoint, Phase, PhaseGuard, ProxyKind, ProxySettings,
    Route, Span, TlsAlert, TlsInfo,
};
use std::{fmt, net::SocketAddr, sync::Arc};

/// The version of HTTP that a connection speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113).
    Http2,
}

/// What is known of one connection. Created by the dialer, completed by each layer, and [frozen](Self::freeze) by the
/// handshake.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnInfo {
    /// Its number; those of a client count from 1. `None` until it is frozen.
    pub id: Option<ConnectionId>,
    /// The attempt that opened it, in the log of its route's context.
    pub attempt: AttemptId,
    /// The route it was opened by. Of a connection to a proxy that [forwards](Self::forwarded) and has come to another
    /// origin: the route to that, with the context, and so the observer, of the request that it was opened for.
    pub route: Route,
    /// The local address.
    pub local_addr: Option<SocketAddr>,
    /// The endpoint that accepted the connection.
    pub remote: Endpoint,
    /// How many of the route's proxies it goes through, including one that forwards requests. No HTTP is spoken on it
    /// unless it goes through all of them.
    pub proxies_passed: usize,
    /// Whether it goes through the tunnel of a proxy.
    pub tunnelled: bool,
    /// Whether its requests are forwarded by a proxy, and so are sent in absolute form.
    pub forwarded: bool,
    /// What is known of TLS with the origin; `None` in cleartext. A layer that makes a TLS connection must set it, to
    /// [`TlsInfo::unknown`] when it knows no more.
    pub tls: Option<TlsInfo>,
    /// By which settings TLS is spoken with the proxies on the way, where these can be replaced.
    pub proxy_settings: ProxySettings,
    /// The version of HTTP; `None` until it is frozen, unless a proxy that [forwards](Self::forwarded) requests has
    /// chosen it by ALPN.
    pub protocol: Option<Protocol>,
    /// When each phase took place.
    pub timings: Timings,
    /// For layers outside of skybridge. What skybridge knows is always a field.
    pub extensions: http::Extensions,
}

/// When each phase of connecting took place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings([Option<Span>; 5]);

// === impl ConnInfo ===

impl ConnInfo {
    /// What a dialer knows when its socket is connected.
    pub fn new(attempt: &Attempt, local_addr: Option<SocketAddr>, remote: Endpoint) -> Self {
        let mut timings = Timings::default();
        if let Some(span) = attempt.route.resolved {
            timings.set(Phase::Resolve, span);
        }
        Self {
            id: None,
            attempt: attempt.id,
            route: attempt.route.clone(),
            local_addr,
            remote,
            proxies_passed: 0,
            tunnelled: false,
            forwarded: false,
            tls: None,
            proxy_settings: ProxySettings::default(),
            protocol: None,
            timings,
            extensions: http::Extensions::new(),
        }
    }

    /// The attempt that opened it, to report failures above the dialer that no phase guard notices.
    pub fn tried(&self) -> Attempt {
        Attempt {
            route: self.route.clone(),
            endpoint: self.remote.clone(),
            id: self.attempt,
            tried_by: TriedBy::of(self),
        }
    }

    /// Begins a phase of the attempt that opened it. What fails is marked [as all errors](Self::mark) are.
    pub fn phase(&self, phase: Phase) -> PhaseGuard {
        PhaseGuard::begin(self.route.ctx(), phase, Some(self.attempt)).tried_by(TriedBy::of(self))
    }

    /// Says of an error by which [settings of TLS](ConnectError::by_settings) it was tried: those with the proxies that
    /// were passed, and with the origin. A [phase](Self::phase) that fails and an [attempt](Self::tried) that has
    /// failed say so by themselves.
    pub fn mark(&self, error: ConnectError) -> ConnectError {
        TriedBy::of(self).mark(error)
    }

    /// What the origin's certificates say: see [`TlsInfo::certificates`]. None in cleartext.
    pub fn certificates(&self) -> Vec<Certificate> {
        self.tls.as_ref().map(TlsInfo::certificates).unwrap_or_default()
    }

    /// Whether this alert, which has come before any response on this connection, proves that nothing of what was sent
    /// was processed. It refuses the client's certificate, or that there is none, and with that the handshake: what a
    /// client of TLS 1.3 sends behind its Finished is read when that is verified (RFC 8446, section 4.4.4). Of an alert
    /// that a proxy may have sent it isn't known.
    pub fn is_refused_by(&self, alert: &TlsAlert) -> bool {
        let tls13 = self.tls.as_ref().is_some_and(|tls| tls.version == Some("1.3"));
        let may_be_of_proxy = self.route.proxies.iter().any(|proxy| proxy.kind == ProxyKind::Https);
        tls13 && !may_be_of_proxy && alert.is_certificate()
    }

    /// Completes it: sets the protocol and the number of the connection.
    pub fn freeze(mut self, protocol: Protocol) -> Arc<Self> {
        self.protocol = Some(protocol);
        self.id = Some(self.route.ctx().ids().next_connection());
        Arc::new(self)
    }
}

impl fmt::Display for ConnInfo {
    /// For people to read: `a.test at 127.0.0.1:80 (h1, connection 1)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.route)?;
        if self.remote.to_string() != self.route.to_string() {
            write!(f, " at {}", self.remote)?;
        }
        let protocol = match self.protocol {
            Some(Protocol::Http1) => "h1",
            Some(Protocol::Http2) => "h2",
            None => "no protocol yet",
        };
        write!(f, " ({protocol}")?;
        if let Some(id) = self.id {
            write!(f, ", connection {id}")?;
        }
        f.write_str(")")
    }
}

// === impl Timings ===

impl Timings {
    /// Sets when a phase took place. Phases after the handshake belong to requests, not to connections, and are
    /// ignored, as is the wait that is a part of resolving.
    pub fn set(&mut self, phase: Phase, span: Span) {
        if let Some(slot) = slot(phase).and_then(|slot| self.0.get_mut(slot)) {
            *slot = Some(span);
        }
    }

    /// When a phase took place, if it did.
    pub fn get(&self, phase: Phase) -> Option<Span> {
        self.0.get(slot(phase)?).copied().flatten()
    }
}

/// Each phase of a connection has a place; those of requests, and of layers of one's own, have none.
fn slot(phase: Phase) -> Option<usize> {
    match phase {
        Phase::Resolve => Some(0),
        Phase::Tcp => Some(1),
        Phase::Tunnel => Some(2),
        Phase::Tls => Some(3),
        Phase::Handshake => Some(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn each_phase_of_connecting_has_its_time_and_no_other() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let phases = [Phase::Resolve, Phase::Tcp, Phase::Tunnel, Phase::Tls, Phase::Handshake];
        let span = |n: usize| Span { start, end: start + Duration::from_secs(n as u64) };
        let mut timings = Timings::default();
        phases.iter().enumerate().for_each(|(n, phase)| timings.set(*phase, span(n)));
        for (n, phase) in [Phase::LookupQueue, Phase::Acquire, Phase::Wait, Phase::Body].into_iter().enumerate() {
            timings.set(phase, span(100 + n));
            assert_eq!(timings.get(phase), None, "{phase}");
        }
        for (n, phase) in phases.into_iter().enumerate() {
            assert_eq!(timings.get(phase), Some(span(n)), "{phase}");
        }
    }
}
