use crate::{Attempt, AttemptId, ConnectionId, Endpoint, Origin, Phase, Route, Span};
use std::{fmt, net::SocketAddr, sync::Arc, time::Instant};

/// The version of HTTP that a connection speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113).
    Http2,
}

/// How the peer was verified.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Trust {
    /// By the stack's own verifier, which knows the path and can judge another name.
    Verified,
    /// By somebody else's, or only reported, or not at all: never enough to carry another host.
    #[default]
    Other,
}

/// The facts of one connection: created by the dialer, amended by each layer once, frozen by the handshake.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnInfo {
    /// Counts from 1 within a client; given when the connection is complete.
    pub id: Option<ConnectionId>,
    /// The attempt that opened it.
    pub attempt: AttemptId,
    /// The route it was opened by.
    pub route: Route,
    /// Our address.
    pub local_addr: Option<SocketAddr>,
    /// The endpoint that answered.
    pub remote: Endpoint,
    /// How many of the route's proxies it goes through, the one that forwards included: all of them, or no HTTP is spoken on it.
    pub proxies_passed: usize,
    /// Reached through a tunnel of a proxy.
    pub tunnelled: bool,
    /// Requests are forwarded by a proxy, in absolute form.
    pub forwarded: bool,
    /// What TLS learned: it is sealed for its origin. Whoever seals fills it in, with [`TlsInfo::unknown`] when there is nothing to tell.
    pub tls: Option<TlsInfo>,
    /// The version of HTTP, once it is known.
    pub protocol: Option<Protocol>,
    /// When each phase took place.
    pub timings: Timings,
    /// Facts of users' own layers. Ours are always fields.
    pub extensions: http::Extensions,
}

/// When each phase of connecting took place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings([Option<Span>; 5]);

/// What TLS learned of the peer.
#[derive(Clone)]
#[non_exhaustive]
pub struct TlsInfo {
    /// `1.2`, `1.3`.
    pub version: Option<&'static str>,
    /// The cipher suite.
    pub cipher: Option<&'static str>,
    /// The key exchange group.
    pub group: Option<&'static str>,
    /// What was agreed on by ALPN.
    pub alpn: Option<Protocol>,
    /// The name that was sent.
    pub sni: Option<Arc<str>>,
    /// A session was resumed.
    pub resumed: bool,
    /// We showed a certificate.
    pub client_auth: bool,
    /// When the first certificate of the path expires, on the runtime's clock.
    pub valid_until: Option<Instant>,
    /// How the peer was verified.
    pub trust: Trust,
    /// The hashes (`sha256/...`) of the public keys on the verified path, leaf first, anchor last.
    pub pins: Arc<[Box<str>]>,
    /// Whether it would be trusted for another host.
    pub covers: Arc<dyn CertificateScope>,
}

/// A capability rather than a certificate: lets the pool ask without knowing TLS.
pub trait CertificateScope: Send + Sync + 'static {
    /// Whether this peer would also be trusted for that origin: its certificate names the host *and* the host's pins match.
    fn covers(&self, origin: &Origin) -> bool;

    /// Whether the trust and identity it was made under still hold; false after they were replaced.
    fn is_current(&self) -> bool {
        true
    }
}

// === impl ConnInfo ===

impl ConnInfo {
    /// What a dialer knows when its socket is open.
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
            protocol: None,
            timings,
            extensions: http::Extensions::new(),
        }
    }

    /// The try that opened it: to tell of failures above the dialer that no phase guard sees.
    pub fn tried(&self) -> Attempt {
        Attempt { route: self.route.clone(), endpoint: self.remote.clone(), id: self.attempt }
    }

    /// Ends the amending: gives the connection its number, and shares the facts.
    pub fn freeze(mut self, protocol: Protocol) -> Arc<Self> {
        self.protocol = Some(protocol);
        self.id = Some(self.route.ctx().ids().next_connection());
        Arc::new(self)
    }
}

impl fmt::Display for ConnInfo {
    /// For people: `a.test at 127.0.0.1:80 (h1, connection 1)`.
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
    /// Notes when a phase took place. Phases after the handshake belong to requests, not to connections: they are not kept here.
    pub fn set(&mut self, phase: Phase, span: Span) {
        if let Some(slot) = self.0.get_mut(phase as usize) {
            *slot = Some(span);
        }
    }

    /// When a phase took place, if it did.
    pub fn get(&self, phase: Phase) -> Option<Span> {
        self.0.get(phase as usize).copied().flatten()
    }
}

// === impl TlsInfo ===

impl TlsInfo {
    /// Sealed, by somebody who tells nothing of the peer: such a connection never carries another host.
    pub fn unknown() -> Self {
        Self::new(Arc::new(Nobody))
    }

    /// Nothing known but whom it covers.
    pub fn new(covers: Arc<dyn CertificateScope>) -> Self {
        Self {
            version: None,
            cipher: None,
            group: None,
            alpn: None,
            sni: None,
            resumed: false,
            client_auth: false,
            valid_until: None,
            trust: Trust::Other,
            pins: [].into(),
            covers,
        }
    }
}

/// Covers nobody.
struct Nobody;

impl CertificateScope for Nobody {
    fn covers(&self, _: &Origin) -> bool {
        false
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("version", &self.version)
            .field("cipher", &self.cipher)
            .field("alpn", &self.alpn)
            .field("sni", &self.sni)
            .field("resumed", &self.resumed)
            .finish_non_exhaustive()
    }
}
